import Access
import OCI
import Registry

/// Who sends a request, and what they may do: what their credentials open and the policy allows, both.
struct Caller: Sendable {
    private struct Access: Sendable {
        let authentication: Authentication
        let policy: Policy
        /// Whether anybody can log in here, so that it is worth asking an anonymous caller to.
        let hasLogins: Bool

        /// Whether the credentials open it, whatever the policy says.
        func opens(_ action: Action, _ repository: RepositoryName) -> Bool {
            guard let scopes = authentication.scopes else { return true }
            guard let name = action.scopeName else { return false }
            return scopes.contains { $0.resource == .repository(repository) && $0.actions.contains(name) }
        }
    }

    /// Nil where everybody may do everything.
    private let access: Access?

    private init(_ access: Access?) {
        self.access = access
    }

    init(_ authentication: Authentication, _ policy: Policy, hasLogins: Bool) {
        self.init(Access(authentication: authentication, policy: policy, hasLogins: hasLogins))
    }

    /// Whoever it is, on a server without access control.
    static let unrestricted = Caller(nil)

    var identity: Identity { access?.authentication.identity ?? .anonymous }
    /// Upload sessions belong to it.
    var subject: String { access?.authentication.identity.name ?? "" }
    var isRestricted: Bool { access != nil }

    /// Whether a token that is not for it narrows what the caller may do.
    var isNarrowed: Bool { access?.authentication.scopes != nil }

    // MARK: Questions

    /// Whether the caller may do `action` to that tag, or without one to the repository's content.
    func may(_ action: Action, in repository: RepositoryName, tag: Tag? = nil) -> Bool {
        guard let access else { return true }
        return access.opens(action, repository)
            && access.policy.decide(identity, action, in: repository, tag: tag).isAllowed
    }

    /// Which blobs the caller sees. Only the policy counts: a token names the repositories its bearer works with, and
    /// who may pull everywhere learns nothing in one of them that a token for another would not have told.
    var visibility: Visibility {
        guard let access else { return .everyBlob }
        return access.policy.allowsEverywhere(identity, .pull) ? .everyBlob : .linkedBlobs
    }

    /// Whether the catalog shows the repository.
    func sees(_ repository: RepositoryName) -> Bool {
        access?.policy.decide(identity, .pull, in: repository).isAllowed ?? true
    }

    /// Of those actions that a scope asks for, the ones the policy allows.
    func granted(_ scope: TokenScope) -> TokenScope {
        guard let access else { return scope }
        var granted = scope
        switch scope.resource {
        case .catalog: if !access.policy.allowsAnything(identity) { granted.actions = [] }
        case .repository(let name):
            let wanted = scope.actions.contains("*") ? Set(TokenScope.actionNames.dropLast()) : scope.actions
            let allowed = Action.allCases.filter { access.policy.mayEver(identity, $0, in: name) }
            granted.actions = wanted.intersection(allowed.compactMap(\.scopeName))
        }
        return granted
    }

    /// The rule that decides, for the audit log.
    func rule(_ action: Action, in repository: RepositoryName, tag: Tag?) -> Int? {
        access?.policy.decide(identity, action, in: repository, tag: tag).rule
    }

    // MARK: Requirements

    /// Throws unless the caller is known, or came with a token for what anonymous callers may do: who has none yet finds
    /// out here where to get one.
    func requireIdentity() throws(AccessRefusal) {
        guard let access, access.hasLogins, identity.isAnonymous else { return }
        guard isNarrowed, access.policy.allowsAnything(identity) else { throw AccessRefusal(.unauthenticated()) }
    }

    /// Throws unless the caller may see a list of repositories, of which only some may be theirs to see.
    func requireCatalog() throws(AccessRefusal) {
        guard let access else { return }
        guard access.policy.allowsAnything(identity) else {
            throw AccessRefusal(identity.isAnonymous ? .unauthenticated() : .denied, action: .pull)
        }
        if let scopes = access.authentication.scopes, !scopes.contains(where: { $0.resource == .catalog }) {
            throw AccessRefusal(.unauthenticated(error: "insufficient_scope"), action: .pull)
        }
    }

    /// Throws unless the caller may see what concerns the whole server; no token of this registry opens that.
    func requireAdmin() throws(AccessRefusal) {
        guard let access else { return }
        let decision = access.policy.decideAdmin(identity)
        guard !decision.isAllowed || isNarrowed else { return }
        let isKnown = !identity.isAnonymous && !isNarrowed
        throw AccessRefusal(isKnown ? .denied : .unauthenticated(), action: .admin, rule: decision.rule)
    }

    /// Throws unless the caller may do `action` to the tag, or without one to the repository's content.
    func require(_ action: Action, in repository: RepositoryName, tag: Tag? = nil) throws(AccessRefusal) {
        guard let access else { return }
        let decision = access.policy.decide(identity, action, in: repository, tag: tag)
        guard !decision.isAllowed || !access.opens(action, repository) else { return }
        let kind: AccessRefusal.Kind =
            if decision.isAllowed {
                .unauthenticated(error: "insufficient_scope")
            } else {
                identity.isAnonymous ? .unauthenticated() : .denied
            }
        throw AccessRefusal(kind, action: action, rule: decision.rule)
    }

    /// What setting the tag may change: `push` is for new tags, `overwrite` for those that are there. Throws when it is
    /// nothing.
    @discardableResult
    func condition(on tag: Tag, in repository: RepositoryName) throws(AccessRefusal) -> TagCondition {
        // Either way there has to be a manifest, which is content.
        try require(.push, in: repository)
        switch (may(.push, in: repository, tag: tag), may(.overwrite, in: repository, tag: tag)) {
        case (true, true): return .always
        case (true, false): return .absent
        case (false, true): return .present
        case (false, false):
            try require(.push, in: repository, tag: tag)
            return .absent
        }
    }
}
