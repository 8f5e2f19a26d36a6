package import OCI

/// Who may do what where: rules read from top to bottom, the first that applies decides, and nothing is allowed that no
/// rule allows.
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

    private enum Mode { case open, authenticated, rules }
    private let mode: Mode

    private init(mode: Mode) { self.mode = mode }

    /// Whether `identity` may do `action` to `tag`, or to the repository as a whole when there is no tag.
    package func decide(
        _ identity: Identity, _ action: Action, in repository: RepositoryName, tag: Tag? = nil
    ) -> Decision { fatalError("helper B") }

    /// Whether `identity` may do `action` to some tag of the repository, or to its content: what a token's scope or an
    /// early check asks.
    package func mayEver(_ identity: Identity, _ action: Action, in repository: RepositoryName) -> Bool {
        fatalError("helper B")
    }

    /// Whether `identity` may do `action` in every repository there is or ever will be.
    package func allowsEverywhere(_ identity: Identity, _ action: Action) -> Bool { fatalError("helper B") }

    /// Whether there is any repository where `identity` may do something: what `/v2/` asks.
    package func allowsAnything(_ identity: Identity) -> Bool { fatalError("helper B") }
}
