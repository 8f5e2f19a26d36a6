import EventLoop
package import OCI
import OpenSSL
import Synchronization

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
///
/// Tokens are JWTs (RFC 7519) signed with `HS256`. Access tokens that were accepted are remembered by their hash until
/// they expire, so that the requests after the first cost one SHA-256.
package final class TokenService: Sendable {
    /// How far the clocks of two replicas may be apart, in seconds: a token of a little later is good already.
    static let leeway = 60
    /// How much text of tokens is remembered, in bytes; what they say takes a few times as much.
    private static let memoryLimit = 8 << 20

    private struct State {
        var ring: TokenKeyRing
        /// Changes with the keys: what was checked with others is not remembered.
        var generation = 0
    }

    private struct Remembered: Hashable {
        let digest: [UInt8]
        let generation: Int
    }

    private let service: String
    private let state: Mutex<State>
    private let accepted = RecentValues<Remembered, AccessToken>(limit: memoryLimit)

    /// - Parameters:
    ///   - keys: those that sign and check, at least one. Of those whose time has come the youngest signs, of several
    ///     the first.
    ///   - service: the registry's name, issuer and audience of its tokens: the `service` of its challenges.
    package init(keys: [SigningKey], service: String) {
        self.service = service
        state = Mutex(State(ring: TokenKeyRing(keys)))
    }

    /// Signs and checks with other keys from now on, at least one. Tokens of keys that are no longer there are refused.
    package func use(_ keys: [SigningKey]) {
        let isNew = state.withLock { state in
            guard state.ring.keys != keys else { return false }
            state = State(ring: TokenKeyRing(keys), generation: state.generation + 1)
            return true
        }
        if isNew { accepted.removeAll() }
    }

    /// A token for requests. Times in seconds. Throws when its identity has more groups and claims than fit in one.
    package func access(_ token: AccessToken, now: Int) async throws -> String {
        try sign(
            claims(token.identity, token.scopes, token.fingerprint, .access, now: now, expiry: token.expiry),
            as: .access, now: now)
    }

    /// A token that only gets other tokens, at `/token`. Throws as `access` does.
    package func refresh(_ identity: Identity, fingerprint: String, lifetime: Int, now: Int) async throws -> String {
        try sign(claims(identity, [], fingerprint, .refresh, now: now, expiry: now + lifetime), as: .refresh, now: now)
    }

    /// What an access token says, if this registry signed it and it holds at `now`.
    package func verify(access token: String, now: Int) async throws(AuthenticationError) -> AccessToken {
        guard token.utf8.count <= CompactJWS.maximumLength else { throw .malformed }
        let (ring, generation) = state.withLock { ($0.ring, $0.generation) }
        let key = Remembered(digest: SHA256.hash(Array(token.utf8)), generation: generation)
        if let known = accepted[key] {
            guard known.expiry > now else { throw Self.expired }
            return known
        }
        let claims = try verified(token, as: .access, by: ring, now: now)
        guard let scopes = claims.scopes else { throw Self.invalid }
        let accepted = AccessToken(
            identity: claims.identity, scopes: scopes, fingerprint: claims.fingerprint, expiry: claims.exp)
        self.accepted.insert(accepted, for: key, weight: token.utf8.count)
        return accepted
    }

    /// Whom a refresh token speaks of.
    package func verify(
        refresh token: String, now: Int
    ) async throws(AuthenticationError) -> (identity: Identity, fingerprint: String) {
        let claims = try verified(token, as: .refresh, by: state.withLock { $0.ring }, now: now)
        guard claims.access.isEmpty else { throw Self.invalid }
        return (claims.identity, claims.fingerprint)
    }

    // MARK: Claims

    private static let invalid = AuthenticationError.rejected(reason: "the token is not valid")
    private static let expired = AuthenticationError.rejected(reason: "the token has expired")

    private func claims(
        _ identity: Identity, _ scopes: [TokenScope], _ fingerprint: String, _ kind: TokenKind, now: Int, expiry: Int
    ) -> TokenClaims {
        TokenClaims(
            iss: service, aud: kind.audience(of: service), sub: identity.name, iat: now, nbf: now, exp: expiry,
            jti: Base64URL.encode(RandomBytes.make(12)), access: scopes.map(TokenClaims.ResourceActions.init),
            method: identity.method, groups: identity.groups.sorted(),
            claims: identity.claims.mapValues { $0.sorted() }, fingerprint: fingerprint)
    }

    private func sign(_ claims: TokenClaims, as kind: TokenKind, now: Int) throws(AuthenticationError) -> String {
        let token = state.withLock { $0.ring }.sign(encodeJSON(claims), as: kind, now: now)
        guard token.utf8.count <= CompactJWS.maximumLength else {
            throw .rejected(reason: "the identity has more groups and claims than fit in a token")
        }
        return token
    }

    /// The claims of a token of `kind` that is signed by this registry, for it, and good at `now`.
    private func verified(
        _ token: String, as kind: TokenKind, by ring: TokenKeyRing, now: Int
    ) throws(AuthenticationError) -> TokenClaims {
        guard token.utf8.count <= CompactJWS.maximumLength else { throw .malformed }
        guard let payload = ring.payload(of: token, as: kind), String(validating: payload, as: UTF8.self) != nil,
            // Signed by this registry and yet unreadable: of another version, and so not valid here.
            let claims = try? decodeBoundedJSON(TokenClaims.self, from: payload),
            claims.iss == service, claims.aud == kind.audience(of: service),
            claims.nbf <= now + Self.leeway, claims.iat <= now + Self.leeway
        else { throw Self.invalid }
        guard claims.exp > now else { throw Self.expired }
        return claims
    }
}
