import Access

/// The rules once more, from their texts and in the simplest words, to compare `Policy` with.
struct NaivePolicy {
    struct Rule {
        var subjects: [String]
        var isAllow: Bool
        var actions: [Action]
        var repositories: [String]?
        var tags: [String]?

        func made() throws -> Access.Rule {
            let names = actions.map(\.rawValue)
            return try Access.Rule(
                subjects: subjects, allow: isAllow ? names : nil, deny: isAllow ? nil : names,
                repositories: repositories, tags: tags)
        }
    }

    var rules: [Rule]
    var groups: [String: [String]]

    func made(issuers: Set<String>) throws -> Policy {
        try Policy(rules: rules.map { try $0.made() }, groups: groups, issuers: issuers)
    }

    /// Whether it is allowed, and by which rule.
    func decide(_ who: Identity, _ action: Action, _ repository: String, _ tag: String?) -> (Bool, Int?) {
        for number in rules.indices {
            let rule = rules[number]
            if !rule.actions.contains(action) { continue }
            if !rule.subjects.contains(where: { isMeant(who, by: $0) }) { continue }
            if let globs = rule.repositories, !globs.contains(where: { Self.repository($0, repository) }) { continue }
            if let globs = rule.tags {
                if let tag {
                    if !globs.contains(where: { Self.text($0, tag) }) { continue }
                } else if action == .delete {
                    if rule.isAllow { continue }
                } else {
                    if !rule.isAllow { continue }
                }
            }
            return (rule.isAllow, number)
        }
        return (false, nil)
    }

    private func isMeant(_ who: Identity, by subject: String) -> Bool {
        if subject == "everybody" { return true }
        if subject == "anonymous" { return who.method == .anonymous }
        if who.method == .anonymous { return false }
        if subject == "authenticated" { return true }
        if subject.hasPrefix("user:") { return Self.user(String(subject.dropFirst(5)), who.name) }
        if subject.hasPrefix("group:") {
            let name = String(subject.dropFirst(6))
            if let members = groups[name] { return members.contains { Self.user($0, who.name) } }
            return who.groups.contains(name)
        }
        let claim = subject.dropFirst(6)
        let key = claim.prefix { $0 != "=" }
        let glob = String(claim.dropFirst(key.count + 1))
        return (who.claims[String(key)] ?? []).contains { Self.text(glob, $0) }
    }

    static func user(_ glob: String, _ name: String) -> Bool {
        if name.contains(":") && !glob.contains(":") { return false }
        return text(glob, name)
    }

    /// An asterisk is any text.
    static func text(_ glob: String, _ name: String) -> Bool { text(Substring(glob), Substring(name)) }

    private static func text(_ glob: Substring, _ name: Substring) -> Bool {
        guard let first = glob.first else { return name.isEmpty }
        let rest = glob.dropFirst()
        if first == "*" { return text(rest, name) || (!name.isEmpty && text(glob, name.dropFirst())) }
        return name.first == first && text(rest, name.dropFirst())
    }

    /// `*` is any text in one segment, `**` any number of segments, but not none at the end.
    static func repository(_ glob: String, _ name: String) -> Bool {
        segments(glob.split(separator: "/")[...], name.split(separator: "/")[...])
    }

    private static func segments(_ globs: ArraySlice<Substring>, _ names: ArraySlice<Substring>) -> Bool {
        guard let first = globs.first else { return names.isEmpty }
        let rest = globs.dropFirst()
        if first == "**" {
            let least = rest.isEmpty ? 1 : 0
            return names.count >= least && (least...names.count).contains { segments(rest, names.dropFirst($0)) }
        }
        guard let segment = names.first else { return false }
        return text(first, segment) && segments(rest, names.dropFirst())
    }
}
