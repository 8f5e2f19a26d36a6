package import OCI

/// What a token opens: actions in one repository, or in the catalog (distribution's token specification).
package struct TokenScope: Hashable, Sendable {
    package enum Resource: Hashable, Sendable {
        case repository(RepositoryName)
        /// `registry:catalog:*`
        case catalog
    }

    package let resource: Resource
    /// As docker names them: `pull`, `push`, `delete`, `*`.
    package var actions: Set<String>

    package init(_ resource: Resource, actions: Set<String>) {
        self.resource = resource
        self.actions = actions
    }
}

/// What an accepted access token says.
package struct AccessToken: Sendable {
    package let identity: Identity
    package let scopes: [TokenScope]
    /// Bound to the credentials it was issued for; see `PasswordFile.fingerprint`. Empty for an issuer's identity.
    package let fingerprint: String
    /// In seconds since 1970.
    package let expiry: Int

    package init(identity: Identity, scopes: [TokenScope], fingerprint: String, expiry: Int) {
        self.identity = identity
        self.scopes = scopes
        self.fingerprint = fingerprint
        self.expiry = expiry
    }
}

/// Signs the tokens this registry gives out, and checks those that come back.
package final class TokenService: Sendable {
    /// Keys that sign and check; the first signs.
    package init() { fatalError("helper D") }

    /// A token for requests. Times in seconds.
    package func access(_ token: AccessToken, now: Int) async throws -> String { fatalError("helper D") }

    /// A token that only gets other tokens, at `/token`.
    package func refresh(_ identity: Identity, fingerprint: String, lifetime: Int, now: Int) async throws -> String {
        fatalError("helper D")
    }

    /// What an access token says, if this registry signed it and it holds at `now`.
    package func verify(access token: String, now: Int) async throws(AuthenticationError) -> AccessToken {
        fatalError("helper D")
    }

    /// Whom a refresh token speaks of.
    package func verify(
        refresh token: String, now: Int
    ) async throws(AuthenticationError) -> (identity: Identity, fingerprint: String) { fatalError("helper D") }
}
