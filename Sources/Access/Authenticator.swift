import Glibc

/// Finds out who a client is, by whatever methods there are.
package struct Authenticator: Sendable {
    /// The ways to prove an identity; what is absent accepts nobody.
    package struct Methods: Sendable {
        package var passwords: PasswordFile?
        package var robots: RobotFile?
        package var issuers: [Issuer] = []
        /// Checks the tokens this registry gave out.
        package var tokens: TokenService?
        /// Whether the name in a client's certificate is an identity.
        package var acceptsCertificates = false

        package init() {}
    }

    private let methods: Methods
    private let throttle: LoginThrottle
    /// Seconds since 1970.
    package let now: @Sendable () -> Int

    /// `now`: seconds since 1970.
    package init(_ methods: Methods, throttle: LoginThrottle, now: @escaping @Sendable () -> Int = { time(nil) }) {
        self.methods = methods
        self.throttle = throttle
        self.now = now
    }

    /// Who sends `credentials`, or else the certificate of that name; anonymous for neither. Credentials that are wrong
    /// are an error even where nobody needs any.
    ///
    /// A Basic password that names a configured issuer is that issuer's token, whatever the user is called: clients that
    /// only know user names and passwords log in so.
    package func authenticate(
        _ credentials: ClientCredentials, certificateName: String? = nil, address: String
    ) async throws(AuthenticationError) -> Authentication {
        switch credentials {
        case .none: return ofCertificate(certificateName)
        case .bearer(let token): return try await ofToken(token)
        case .basic(let user, let password):
            if user.hasPrefix(RobotFile.prefix) { return try await robot(user, password, address) }
            if let issuer = issuer(of: password) { return try await of(password, issuer) }
            return try await person(user, password, address)
        }
    }

    /// Whom a refresh token of this registry speaks of, if the credentials it was made for are still good.
    package func authenticate(refresh token: String) async throws(AuthenticationError) -> Authentication {
        guard let tokens = methods.tokens else { throw Self.unknown }
        let (identity, fingerprint) = try await tokens.verify(refresh: token, now: now())
        return try current(identity, fingerprint, scopes: nil)
    }

    // MARK: Methods

    private func ofCertificate(_ name: String?) -> Authentication {
        guard methods.acceptsCertificates, let name, !name.isEmpty else { return known(.anonymous) }
        return known(Identity(.certificate, name: "cert:\(name)"))
    }

    private func ofToken(_ token: String) async throws(AuthenticationError) -> Authentication {
        if let tokens = methods.tokens {
            do {
                let access = try await tokens.verify(access: token, now: now())
                return try current(access.identity, access.fingerprint, scopes: access.scopes)
            } catch {
                guard case .rejected = error, issuer(of: token) != nil else { throw error }
            }
        }
        guard let issuer = issuer(of: token) else { throw Self.unknown }
        return try await of(token, issuer)
    }

    private func issuer(of token: String) -> Issuer? { methods.issuers.first { $0.isNamed(in: token) } }

    private func of(_ token: String, _ issuer: Issuer) async throws(AuthenticationError) -> Authentication {
        known(try await issuer.identity(of: token, now: now()))
    }

    private func robot(
        _ name: String, _ secret: String, _ address: String
    ) async throws(AuthenticationError) -> Authentication {
        let now = now()
        // Before the secret is looked at: of an account that changes meanwhile no token may be made out.
        let fingerprint = methods.robots?.fingerprint(of: name, now: now)
        try await throttled(address, name, secret) { () async throws(AuthenticationError) in
            methods.robots?.verify(name: name, secret: secret, now: now) ?? false
        }
        return try current(Identity(.robot, name: name), fingerprint ?? "", scopes: nil)
    }

    private func person(
        _ user: String, _ password: String, _ address: String
    ) async throws(AuthenticationError) -> Authentication {
        let fingerprint = methods.passwords?.fingerprint(of: user)
        try await throttled(address, user, password) { () async throws(AuthenticationError) in
            do {
                return try await methods.passwords?.verify(user: user, password: password) ?? false
            } catch let error as AuthenticationError {
                throw error
            } catch {
                throw .unavailable(reason: "the password could not be checked")
            }
        }
        return try current(Identity(.password, name: user), fingerprint ?? "", scopes: nil)
    }

    private func throttled(
        _ address: String, _ user: String, _ secret: String, _ verify: () async throws(AuthenticationError) -> Bool
    ) async throws(AuthenticationError) {
        if let seconds = throttle.delay(address: address, user: user, now: now()) {
            throw .throttled(retryAfter: seconds)
        }
        guard try await verify() else {
            throttle.noteFailure(address: address, user: user, secret: secret, now: now())
            throw Self.unknown
        }
        throttle.noteSuccess(address: address, user: user, now: now())
    }

    // MARK: Identities

    /// Whoever was proved, unless what proved it has changed since: the account is gone, its secret is
    /// another, or its method is no longer configured.
    private func current(
        _ identity: Identity, _ fingerprint: String, scopes: [TokenScope]?
    ) throws(AuthenticationError) -> Authentication {
        let isCurrent =
            switch identity.method {
            case .anonymous: true
            case .password: methods.passwords?.fingerprint(of: identity.name) == fingerprint
            case .robot: methods.robots?.fingerprint(of: identity.name, now: now()) == fingerprint
            case .issuer: methods.issuers.contains { identity.name.hasPrefix("\($0.name):") }
            case .certificate: methods.acceptsCertificates
            }
        guard isCurrent else { throw .rejected(reason: "the account has changed or is gone") }
        return Authentication(identity: identity, scopes: scopes, fingerprint: fingerprint)
    }

    private func known(_ identity: Identity) -> Authentication {
        Authentication(identity: identity, scopes: nil, fingerprint: "")
    }

    private static let unknown = AuthenticationError.rejected(reason: "wrong, unknown or expired credentials")
}
