import OCI

/// One line of a policy: who may, or may not, do what, and where.
package struct Rule: Sendable, CustomStringConvertible {
    var subjects: [RuleSubject]
    let isAllow: Bool
    let actions: ActionSet
    /// nil for every repository.
    let repositories: [Glob]?
    /// nil for everything in the repositories, with or without a tag.
    let tags: [Glob]?

    /// Reads the lists of one rule as the configuration has them; nil for a list that is not there. Exactly one of
    /// `allow` and `deny` must be.
    package init(
        subjects: [String], allow: [String]? = nil, deny: [String]? = nil, repositories: [String]? = nil,
        tags: [String]? = nil
    ) throws(PolicyError) {
        self.subjects = try Self.read(subjects, .subjects) { text throws(SentenceError) in try RuleSubject(text) }
        switch (allow, deny) {
        case (let texts?, nil): (isAllow, actions) = (true, try Self.actions(texts, .allow))
        case (nil, let texts?): (isAllow, actions) = (false, try Self.actions(texts, .deny))
        case (nil, nil): throw PolicyError(nil, "neither allows nor denies anything")
        case (_?, _?): throw PolicyError(nil, "both allows and denies: make two rules of it")
        }
        self.repositories = try Self.globs(repositories, .repositories) { text throws(InvalidGlob) in
            try Glob(repositories: text)
        }
        self.tags = try Self.globs(tags, .tags) { text throws(InvalidGlob) in try Glob(tags: text) }
        if actions.contains(.admin), repositories != nil || tags != nil {
            throw PolicyError(
                repositories != nil ? .repositories : .tags,
                "does not go with \"admin\", which is about the whole server: make two rules of it")
        }
    }

    private static func read<Value>(
        _ texts: [String], _ field: PolicyError.Field, _ make: (String) throws(SentenceError) -> Value
    ) throws(PolicyError) -> [Value] {
        guard !texts.isEmpty else { throw PolicyError(field, "is an empty list, so that the rule never applies") }
        var values: [Value] = []
        for (index, text) in texts.enumerated() {
            do throws(SentenceError) { values.append(try make(text)) } catch {
                throw PolicyError(field, at: index, error.text)
            }
        }
        return values
    }

    private static func actions(_ texts: [String], _ field: PolicyError.Field) throws(PolicyError) -> ActionSet {
        let actions = try read(texts, field) { text throws(SentenceError) in
            guard let action = Action(rawValue: text) else {
                let names = Action.allCases.map(\.rawValue).joined(separator: ", ")
                throw SentenceError("\(text.excerpt) is no action: expected one of \(names)")
            }
            return action
        }
        return ActionSet(actions)
    }

    private static func globs(
        _ texts: [String]?, _ field: PolicyError.Field, _ make: (String) throws(InvalidGlob) -> Glob
    ) throws(PolicyError) -> [Glob]? {
        guard let texts else { return nil }
        return try read(texts, field) { text throws(SentenceError) in
            do throws(InvalidGlob) { return try make(text) } catch { throw SentenceError(error.description) }
        }
    }

    /// In one line, as `stowage access test` shows it: `allow pull, push to group:dev in team/** tags v*`.
    package var description: String {
        let verb = isAllow ? "allow" : "deny"
        var text = "\(verb) \(actions) to \(subjects.map(\.text).joined(separator: ", "))"
        if let repositories { text += " in " + repositories.map(\.text).joined(separator: ", ") }
        if let tags { text += " tags " + tags.map(\.text).joined(separator: ", ") }
        return text
    }
}

extension Rule {
    /// Whether it is about `identity`.
    func isAbout(_ identity: Identity) -> Bool {
        let subjects = subjects.span
        for index in subjects.indices where subjects[index].matches(identity) { return true }
        return false
    }

    func covers(_ repository: RepositoryName) -> Bool {
        guard let globs = repositories?.span else { return true }
        let name = repository.string.utf8.span
        for index in globs.indices where globs[index].matches(name) { return true }
        return false
    }

    /// Whether it covers every repository there can be; may miss that several patterns do so together.
    var coversEveryRepository: Bool { repositories?.contains(where: \.matchesAll) ?? true }

    func covers(_ tag: Tag) -> Bool {
        guard let globs = tags?.span else { return true }
        let name = tag.string.utf8.span
        for index in globs.indices where globs[index].matches(name) { return true }
        return false
    }

    /// Whether it applies to what has no tag: blobs, manifests by digest, and lists.
    ///
    /// Of the rules with tags those that allow do, or nobody could push or pull what a tag consists of. Deleting is
    /// different: a manifest takes all of its tags along, so that no rule about some tags may allow it, and any may deny.
    func coversContent(for action: Action) -> Bool {
        tags == nil || isAllow != (action == .delete)
    }
}

/// Some of the actions.
struct ActionSet: Sendable, CustomStringConvertible {
    private var bits: UInt8 = 0

    init(_ actions: [Action] = []) {
        for action in actions { insert(action) }
    }

    func contains(_ action: Action) -> Bool { bits & Self.bit(action) != 0 }
    mutating func insert(_ action: Action) { bits |= Self.bit(action) }
    mutating func formUnion(_ other: ActionSet) { bits |= other.bits }
    func isSubset(of other: ActionSet) -> Bool { bits & ~other.bits == 0 }

    private static func bit(_ action: Action) -> UInt8 {
        switch action {
        case .pull: 1
        case .push: 2
        case .overwrite: 4
        case .delete: 8
        case .admin: 16
        }
    }

    var description: String {
        Action.allCases.filter(contains).map(\.rawValue).joined(separator: ", ")
    }
}
