import OCI

/// The groups and issuers that the rules of a policy may name.
struct PolicyNames {
    /// What the names of identities proved by a certificate begin with.
    private static let certificates = "cert"
    /// Names that an error lists at most.
    private static let maximumListed = 20

    private let groups: [String: GroupMembers]
    private let issuers: Set<String>

    init(groups: [String: [String]], issuers: Set<String>) throws(PolicyError) {
        self.issuers = issuers
        var resolved: [String: GroupMembers] = [:]
        // In the order of names, so that of several errors always the same is told.
        for (name, members) in groups.sorted(by: { $0.key < $1.key }) {
            guard Self.isGroupName(name) else {
                throw PolicyError(
                    group: name, "\(name.excerpt) is no name of a group: expected some text without \":\" and \"*\"")
            }
            resolved[name] = try Self.members(members, of: name, issuers)
        }
        self.groups = resolved
    }

    private static func isGroupName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.allSatisfy { $0 >= 0x20 && $0 != UInt8(ascii: ":") && $0 != UInt8(ascii: "*") }
    }

    private static func members(
        _ texts: [String], of group: String, _ issuers: Set<String>
    ) throws(PolicyError) -> GroupMembers {
        var members: [UserPattern] = []
        for (index, text) in texts.enumerated() {
            do throws(SentenceError) {
                let pattern = try UserPattern(text)
                try check(authority: pattern.authority, issuers)
                members.append(pattern)
            } catch {
                throw PolicyError(group: group, member: index, error.text)
            }
        }
        return GroupMembers(members)
    }

    /// The rules with the members of groups in the place of their names.
    func resolve(_ rules: [Rule]) throws(PolicyError) -> [Rule] {
        var resolved = rules
        for (number, rule) in rules.enumerated() {
            for (index, subject) in rule.subjects.enumerated() {
                do throws(SentenceError) {
                    resolved[number].subjects[index].kind = try resolve(subject.kind)
                } catch {
                    var problem = PolicyError(.subjects, at: index, error.text)
                    problem.rule = number
                    throw problem
                }
            }
        }
        return resolved
    }

    private func resolve(_ kind: RuleSubject.Kind) throws(SentenceError) -> RuleSubject.Kind {
        switch kind {
        case .anonymous, .authenticated, .everybody, .members: return kind
        case .user(let pattern):
            try Self.check(authority: pattern.authority, issuers)
            return kind
        case .claim(let claim):
            try Self.check(issuer: claim.issuer, issuers)
            return kind
        case .group(let name):
            if let members = groups[name] { return .members(members) }
            let issuer = name.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)[0]
            if name.utf8.count > issuer.utf8.count + 1, issuers.contains(String(issuer)) { return kind }
            let known = groups.keys.sorted() + issuers.sorted().map { "\($0):…" }
            throw SentenceError("names the unknown group \(name.excerpt); \(Self.list(known))")
        }
    }

    private static func check(authority: String?, _ issuers: Set<String>) throws(SentenceError) {
        guard let authority, authority != certificates else { return }
        try check(issuer: authority, issuers)
    }

    private static func check(issuer: String, _ issuers: Set<String>) throws(SentenceError) {
        guard !issuers.contains(issuer) else { return }
        throw SentenceError("names the unknown issuer \(issuer.excerpt); \(list(issuers.sorted()))")
    }

    private static func list(_ names: [String]) -> String {
        guard !names.isEmpty else { return "none is known" }
        let shown = names.prefix(maximumListed).joined(separator: ", ")
        return "known are \(shown)" + (names.count > maximumListed ? ", …" : "")
    }
}
