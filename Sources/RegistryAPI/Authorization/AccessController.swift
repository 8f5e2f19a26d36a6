package import Access
package import HTTPServer
import OCI
import Registry

/// Decides who may do what: a request in, its caller or a refusal out.
///
/// One value holds for the whole of a request; another configuration is another controller.
package final class AccessController: Sendable {
    /// What a configuration says about access.
    package struct Settings: Sendable {
        package var authenticator: Authenticator
        package var policy: Policy
        /// Whether anybody can log in, so that clients are asked to.
        package var hasLogins = true
        /// Gives out tokens; without it challenges ask for Basic credentials.
        package var tokens: TokenSettings?
        /// What challenges call this registry.
        package var service = "stowage"
        /// Scheme and authority clients reach this server by, `https://registry.example:5000`; nil when a request does
        /// not tell.
        package var origin: @Sendable (Request) -> String? = { _ in nil }
        /// The client's address, behind whatever proxies are trusted.
        package var clientAddress: @Sendable (Request) -> String = { $0.peer }
        /// How much each caller may ask of this server; nil for as much as it can do.
        package var limits: RequestLimits?
        /// Entries of a list that are looked at for one page, whether its reader may see them or not.
        package var looksForPage = 20_000
        /// Told of every request that changed something or was refused.
        package var audit: (@Sendable (AuditEvent) -> Void)?

        package init(authenticator: Authenticator, policy: Policy) {
            self.authenticator = authenticator
            self.policy = policy
        }
    }

    let settings: Settings

    package init(_ settings: Settings) {
        self.settings = settings
    }

    // MARK: Callers

    /// Who sends the request; throws `AccessRefusal` for credentials that are not good, whatever is asked for.
    func caller(of request: Request) async throws -> Caller {
        do throws(AuthenticationError) {
            let credentials = try ClientCredentials(authorization: request.head.values("Authorization"))
            return caller(
                try await settings.authenticator.authenticate(
                    credentials, certificateName: request.certificateName, address: settings.clientAddress(request)))
        } catch {
            throw AccessRefusal(because: error)
        }
    }

    func caller(_ authentication: Authentication) -> Caller {
        Caller(authentication, settings.policy, hasLogins: settings.hasLogins)
    }

    /// The caller's share of the limits.
    func limits(of caller: Caller, _ request: Request) -> CallerLimits? {
        settings.limits.map { limits in
            let address = caller.identity.isAnonymous ? settings.clientAddress(request) : ""
            return CallerLimits(limits: limits, key: CallerKey(caller.identity, address: address))
        }
    }

    /// Nil if the caller may see what concerns the whole server; else the answer to send, which the audit log has then.
    /// `label`: what it calls the endpoint.
    package func adminRefusal(to request: Request, _ label: StaticString) async throws -> Response? {
        var exchange = RegistryExchange()
        exchange.label = label
        do {
            exchange.caller = try await caller(of: request)
            try exchange.caller.requireAdmin()
            return nil
        } catch var refusal as AccessRefusal {
            // Also where the credentials were refused before anybody asked what they are for.
            refusal.action = .admin
            exchange.refusal = refusal
            let response = response(to: refusal, request)
            audit(exchange, request, response.status)
            return response
        }
    }

    /// Whether the caller may see what concerns the whole server: for an answer that others get, too, only shorter.
    package func isAdmin(_ request: Request) async throws -> Bool {
        do {
            try await caller(of: request).requireAdmin()
            return true
        } catch is AccessRefusal {
            return false
        }
    }

    // MARK: Answers

    /// The answer to a refused request; where other credentials could help it asks for a token with `scopes`.
    ///
    /// The messages are not word for word those that distribution has for the same codes: docker 20 takes an error that
    /// says no more than its code for one that passes, and tries five times within a minute.
    func response(to refusal: AccessRefusal, _ request: Request, _ scopes: [TokenScope] = []) -> Response {
        switch refusal.kind {
        case .malformed:
            return ErrorResponder.response(
                .badRequest, [RegistryError(.unauthorized, "the Authorization field is malformed")])
        case .unauthenticated(let error):
            var response = ErrorResponder.response(
                .unauthorized, [RegistryError(.unauthorized, "authentication required by the rules here")])
            response.fields += [
                ("WWW-Authenticate", challenge(scopes, error, request)),
                ("Docker-Distribution-Api-Version", "registry/2.0"),
            ]
            return response
        case .denied:
            return ErrorResponder.response(
                .forbidden, [RegistryError(.denied, "requested access to the resource is denied by the rules here")])
        case .throttled(let seconds):
            var response = ErrorResponder.response(
                .tooManyRequests, [RegistryError(.tooManyRequests, "too many requests; try again later")])
            response.fields.append(("Retry-After", "\(max(1, seconds))"))
            return response
        case .unavailable:
            return ErrorResponder.response(
                .serviceUnavailable, [RegistryError(.unavailable, "credentials cannot be checked now; try again")])
        }
    }

    /// `WWW-Authenticate` (RFC 9110, section 11.6.1; distribution's token specification).
    private func challenge(_ scopes: [TokenScope], _ error: String?, _ request: Request) -> String {
        guard settings.tokens != nil, let origin = settings.origin(request) else {
            return "Basic realm=\"\(settings.service)\""
        }
        var text = "Bearer realm=\"\(origin)\(TokenEndpoint.path)\",service=\"\(settings.service)\""
        if !scopes.isEmpty { text += ",scope=\"\(scopes.map(\.text).joined(separator: " "))\"" }
        if let error { text += ",error=\"\(error)\"" }
        return text
    }
}
