package import OCI

/// Who may do what where: rules read from top to bottom, the first that applies decides, and nothing is allowed that no
/// rule allows.
///
/// A rule applies if its subjects, actions, repositories and tags all do. What has no tag, content (blobs, manifests by
/// digest, lists of tags), is under rules without tags and under those that allow something to tags: see
/// `Rule.coversContent(for:)`. No action contains another: whoever moves a tag needs `overwrite` of that tag, and `push`
/// for the content it is moved to.
package struct Policy: Sendable {
    /// What was decided, and by what.
    package struct Decision: Hashable, Sendable {
        package let isAllowed: Bool
        /// The index of the rule that decided, from 0; nil when none applied.
        package let rule: Int?
    }

    /// Everybody may do everything: a server without logins.
    package static let open = Policy(mode: .open)
    /// Whoever has logged in may do everything, anonymous callers nothing: logins without rules.
    package static let authenticated = Policy(mode: .authenticated)

    enum Mode { case open, authenticated, rules }
    let mode: Mode
    /// In the order of the configuration, with the members of its groups in the place of their names.
    package let rules: [Rule]

    private init(mode: Mode) {
        self.mode = mode
        rules = []
    }

    /// Only what the rules allow; without any, nothing.
    ///
    /// `groups`: the groups of the configuration, each with names of users as in `user:NAME`. They alone say who is in
    /// such a group, so that whoever is taken out of one is out with the next request, whatever an older token says.
    /// `issuers`: the names of those whose tokens are believed.
    package init(rules: [Rule], groups: [String: [String]] = [:], issuers: Set<String> = []) throws(PolicyError) {
        mode = .rules
        self.rules = try PolicyNames(groups: groups, issuers: issuers).resolve(rules)
    }

    /// Whether `identity` may do `action` to `tag`, or to the content of the repository when there is no tag. For
    /// `admin` it does not matter which repository is given.
    package func decide(
        _ identity: Identity, _ action: Action, in repository: RepositoryName, tag: Tag? = nil
    ) -> Decision {
        guard mode == .rules else { return Decision(isAllowed: isAllowedWithoutRules(identity), rule: nil) }
        // Read in place: to copy a rule takes longer than to look at it.
        let rules = rules.span
        for index in rules.indices where rules[index].actions.contains(action) {
            let coversTag = if let tag { rules[index].covers(tag) } else { rules[index].coversContent(for: action) }
            if coversTag, rules[index].covers(repository), rules[index].isAbout(identity) {
                return Decision(isAllowed: rules[index].isAllow, rule: index)
            }
        }
        return Decision(isAllowed: false, rule: nil)
    }

    /// Whether `identity` may see and do what concerns the whole server.
    package func decideAdmin(_ identity: Identity) -> Decision {
        guard mode == .rules else { return Decision(isAllowed: isAllowedWithoutRules(identity), rule: nil) }
        let index = rules.firstIndex { $0.actions.contains(.admin) && $0.isAbout(identity) }
        return Decision(isAllowed: index.map { rules[$0].isAllow } ?? false, rule: index)
    }

    /// Whether `identity` may do `action` to some tag of the repository, or to its content: what a token's scope or an
    /// early check asks.
    ///
    /// Never false where `decide` allows something; true for nothing only where rules deny all the tags that a later
    /// rule allows to delete.
    package func mayEver(_ identity: Identity, _ action: Action, in repository: RepositoryName) -> Bool {
        guard mode == .rules else { return isAllowedWithoutRules(identity) }
        let rules = rules.span
        for index in rules.indices
        where rules[index].actions.contains(action) && rules[index].covers(repository) && rules[index].isAbout(identity)
        {
            if rules[index].isAllow { return true }
            if rules[index].tags == nil { return false }
        }
        return false
    }

    /// Whether `identity` may do `action` to the content of every repository there is or ever will be.
    ///
    /// Never true where `decide` denies it for the content of some repository; false also where only several patterns
    /// together cover all repositories, or where a rule denies something that an earlier one had allowed.
    package func allowsEverywhere(_ identity: Identity, _ action: Action) -> Bool {
        guard mode == .rules else { return isAllowedWithoutRules(identity) }
        for rule in rules
        where rule.actions.contains(action) && rule.coversContent(for: action) && rule.isAbout(identity) {
            if !rule.isAllow { return false }
            if rule.coversEveryRepository { return true }
        }
        return false
    }

    /// Whether there is any repository where `identity` may do something: what `/v2/` asks. `admin` does not count.
    ///
    /// Never false where `decide` allows something; true for nothing only where rules about some repositories or tags
    /// deny all that later ones allow.
    package func allowsAnything(_ identity: Identity) -> Bool {
        guard mode == .rules else { return isAllowedWithoutRules(identity) }
        var settled = ActionSet([.admin])
        for rule in rules where !rule.actions.isSubset(of: settled) && rule.isAbout(identity) {
            if rule.isAllow { return true }
            if rule.tags == nil, rule.coversEveryRepository { settled.formUnion(rule.actions) }
        }
        return false
    }

    private func isAllowedWithoutRules(_ identity: Identity) -> Bool {
        mode == .open || !identity.isAnonymous
    }
}
