import Access
import OCI

extension FuzzTarget {
    /// Globs of policies: the first line is the pattern, the second the name. What is accepted can match, and matches what
    /// a table of all its beginnings says.
    static let globs = FuzzTarget(name: "globs") { bytes in
        let lines = bytes.split(separator: 0x0a, maxSplits: 1, omittingEmptySubsequences: false).map { Array($0) }
        guard let pattern = text(lines[0]), let name = text(lines.count > 1 ? lines[1] : []) else { return }
        if let glob = try? Glob(repositories: pattern) {
            guard let example = try? RepositoryName(pattern.replacingAsterisks()) else {
                preconditionFailure("a glob that cannot match")
            }
            precondition(glob.matches(example) && glob.text == pattern, "a glob that does not match its example")
            precondition(pattern.utf8.count <= RepositoryName.maximumLength, "a glob without limit")
            if let name = try? RepositoryName(name) {
                let isMatch = isMatch(elements(ofRepositories: pattern), Array(name.string.utf8))
                precondition(glob.matches(name) == isMatch, "repositories")
                precondition(!glob.matchesAll || isMatch, "not all")
            }
        }
        if let glob = try? Glob(tags: pattern) {
            guard let example = try? Tag(pattern.replacingAsterisks()) else {
                preconditionFailure("a glob that cannot match")
            }
            precondition(glob.matches(example), "a glob that does not match its example")
        }
        if let glob = try? Glob(names: pattern) {
            let elements = pattern.utf8.map { $0 == 0x2a ? Element.text : .byte($0) }
            precondition(glob.matches(name) == isMatch(elements, Array(name.utf8)), "names")
            precondition(!glob.isExact || glob.matches(name) == name.utf8.elementsEqual(pattern.utf8), "not exact")
        }
    }

    private enum Element {
        case byte(UInt8)
        /// Any text, and any without a slash.
        case text, component
        /// Any text that is empty or ends in a slash.
        case components
    }

    /// `**` at the end is any text that is not empty, and no name ends in a slash.
    private static func elements(ofRepositories pattern: String) -> [Element] {
        var elements: [Element] = []
        let segments = pattern.split(separator: "/")
        for (index, segment) in segments.enumerated() {
            let isLast = index == segments.count - 1
            if segment == "**" {
                elements.append(isLast ? .text : .components)
            } else {
                elements += segment.utf8.map { $0 == 0x2a ? .component : .byte($0) }
                if !isLast { elements.append(.byte(0x2f)) }
            }
        }
        return elements
    }

    /// Fills in, element by element, which beginnings of the name the pattern so far matches.
    private static func isMatch(_ elements: [Element], _ name: [UInt8]) -> Bool {
        var matched = [true] + [Bool](repeating: false, count: name.count)
        for element in elements {
            var next = [Bool](repeating: false, count: name.count + 1)
            var isOpen = false
            for end in 0...name.count {
                let last = end > 0 ? name[end - 1] : 0
                switch element {
                case .byte(let byte): next[end] = end > 0 && matched[end - 1] && last == byte
                case .text:
                    isOpen = isOpen || matched[end]
                    next[end] = isOpen
                case .component:
                    isOpen = (isOpen && last != 0x2f) || matched[end]
                    next[end] = isOpen
                case .components:
                    next[end] = matched[end] || (isOpen && last == 0x2f)
                    isOpen = isOpen || matched[end]
                }
            }
            matched = next
        }
        return matched[name.count]
    }

    /// Rules of policies: each line is a subject, a repository or a tag by its first character. What is accepted can be
    /// decided on, and errors are short and printable.
    static let rules = FuzzTarget(name: "rules") { bytes in
        guard let text = text(bytes) else { return }
        let lines = text.split(separator: "\n").map(String.init)
        let values = { (mark: String) in lines.filter { $0.hasPrefix(mark) }.map { String($0.dropFirst()) } }
        let (repositories, tags, names) = (values("r"), values("t"), values("n"))
        do throws(PolicyError) {
            let rule = try Rule(
                subjects: values("s"), allow: ["pull", "push", "overwrite", "delete"],
                repositories: repositories.isEmpty ? nil : repositories, tags: tags.isEmpty ? nil : tags)
            let policy = try Policy(rules: [rule], groups: ["dev": values("m")], issuers: ["github"])
            precondition(!rule.description.utf8.contains(0x0a), "a rule of two lines")
            for name in names { check(policy, Identity(.issuer, name: name, groups: ["github:\(name)"])) }
            check(policy, .anonymous)
        } catch {
            precondition(error.description.utf8.count < 2_000, "an error without limit")
            precondition(
                error.description.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }, "an error that is not printable")
        }
    }

    private static func check(_ policy: Policy, _ who: Identity) {
        guard let name = try? RepositoryName("team/app"), let tag = try? Tag("v1") else { return }
        for action in Action.allCases {
            let decisions = [policy.decide(who, action, in: name), policy.decide(who, action, in: name, tag: tag)]
            let isAllowed = decisions.contains(where: \.isAllowed)
            precondition(!isAllowed || policy.mayEver(who, action, in: name), "allowed, but never")
            precondition(!isAllowed || policy.allowsAnything(who), "allowed, but not anything")
            precondition(!policy.allowsEverywhere(who, action) || decisions[0].isAllowed, "everywhere, but not here")
        }
    }
}

extension String {
    fileprivate func replacingAsterisks() -> String {
        String(decoding: utf8.map { $0 == 0x2a ? 0x61 : $0 }, as: UTF8.self)
    }
}
