package import Access
import HTTPServer
import OCI
import Registry

/// How tokens are given out.
package struct TokenSettings: Sendable {
    package var service: TokenService
    /// Seconds an access token holds.
    package var lifetime = 300
    /// Seconds a refresh token holds; nil gives out none.
    package var refreshLifetime: Int?

    package init(service: TokenService) {
        self.service = service
    }
}

/// `/token`: tokens that open what their bearer asks for and may do (distribution's token specification).
struct TokenEndpoint {
    static let path = "/token"
    private static let maximumForm = 16 << 10

    let access: AccessController
    let tokens: TokenSettings

    /// Nil where no tokens are given out.
    init?(_ access: AccessController) {
        guard let tokens = access.settings.tokens else { return nil }
        self.access = access
        self.tokens = tokens
    }

    /// Answers the request; `exchange` gets whom it turned out to be from.
    func respond(to request: Request, _ exchange: inout RegistryExchange) async throws -> Response {
        let asked: TokenRequest
        switch request.head.method {
        case .get: asked = try TokenRequest(query: request.head.query)
        case .post: asked = try TokenRequest(form: try await form(request))
        default:
            var response = ErrorResponder.response(
                .methodNotAllowed, [RegistryError(.unsupported, "the endpoint does not have this method")])
            response.fields.append(("Allow", "GET, POST"))
            return response
        }
        guard asked.service == nil || asked.service == access.settings.service else {
            throw TokenRequest.invalid("this is not the token service of the service that is asked for")
        }
        let authentication = try await authenticate(asked.proof, request)
        exchange.caller = access.caller(authentication)
        try access.limits(of: exchange.caller, request)?.admit()
        do {
            return try await answer(asked, authentication, exchange.caller)
        } catch is AuthenticationError {
            throw TokenRequest.invalid("the scopes, or the identity's groups and claims, are more than fit in a token")
        }
    }

    private func form(_ request: Request) async throws -> String {
        let type = request.head.value("Content-Type")?.prefix { $0 != ";" }.lowercased()
        guard type == "application/x-www-form-urlencoded" else {
            throw TokenRequest.invalid("the Content-Type is not application/x-www-form-urlencoded")
        }
        guard let bytes = try await request.body.collect(limit: Self.maximumForm) else {
            throw RegistryError(.sizeInvalid, "a token request may have at most \(Self.maximumForm) bytes")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw TokenRequest.invalid("the form is not UTF-8")
        }
        return text
    }

    private func authenticate(_ proof: TokenRequest.Proof, _ request: Request) async throws -> Authentication {
        do throws(AuthenticationError) {
            let authenticator = access.settings.authenticator
            let credentials: ClientCredentials
            switch proof {
            case .ofRequest: credentials = try ClientCredentials(authorization: request.head.values("Authorization"))
            case .password(let user, let password): credentials = .basic(user: user, password: password)
            case .refreshToken(let token): return try await authenticator.authenticate(refresh: token)
            }
            let authentication = try await authenticator.authenticate(
                credentials, certificateName: request.certificateName, address: access.settings.clientAddress(request))
            // A token must not prolong itself.
            guard authentication.scopes == nil else { throw .rejected(reason: "an access token gets no other token") }
            return authentication
        } catch {
            throw AccessRefusal(because: error)
        }
    }

    private func answer(
        _ asked: TokenRequest, _ authentication: Authentication, _ caller: Caller
    ) async throws -> Response {
        let now = access.settings.authenticator.now()
        let scopes = asked.scopes.map(caller.granted).filter { !$0.actions.isEmpty }
        let token = try await tokens.service.access(
            AccessToken(
                identity: authentication.identity, scopes: scopes, fingerprint: authentication.fingerprint,
                expiry: now + tokens.lifetime), now: now)
        var members = [
            ("token", token), ("access_token", token), ("scope", scopes.map(\.text).joined(separator: " ")),
            ("issued_at", UTCDate.text(now)),
        ]
        if asked.wantsRefresh, let lifetime = tokens.refreshLifetime, authentication.canBeRefreshed {
            let refresh = try await tokens.service.refresh(
                authentication.identity, fingerprint: authentication.fingerprint, lifetime: lifetime, now: now)
            members.append(("refresh_token", refresh))
        }
        // Nothing here needs an escape: tokens are base64url, and names have no quotes.
        let texts = members.map { "\"\($0.0)\":\"\($0.1)\"" } + ["\"expires_in\":\(tokens.lifetime)"]
        let body = "{\(texts.joined(separator: ","))}"
        return Response(
            .ok, fields: [("Content-Type", "application/json"), ("Cache-Control", "no-store")],
            body: .bytes(Array(body.utf8)))
    }
}

extension Authentication {
    /// Whether its credentials can be looked at again later; an issuer's tokens expire, and a certificate is shown with
    /// every request.
    fileprivate var canBeRefreshed: Bool { identity.method == .password || identity.method == .robot }
}
