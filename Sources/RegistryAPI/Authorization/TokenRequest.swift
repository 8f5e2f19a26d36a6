import Access
import HTTPServer
import OCI
import Registry

/// What a client wants of the token endpoint.
struct TokenRequest {
    /// What it shows for it.
    enum Proof {
        /// The request's `Authorization`, certificate, or nothing.
        case ofRequest
        case password(user: String, password: String)
        case refreshToken(String)
    }

    /// Scopes in one request; clients ask for two or three.
    private static let maximumScopes = 64

    let proof: Proof
    /// Those this registry knows; the others get nothing.
    let scopes: [TokenScope]
    /// For whom the token shall be; nil for whoever answers.
    let service: String?
    /// Whether the client would like a refresh token.
    let wantsRefresh: Bool

    /// Reads the query of a GET (distribution's token specification, "Requesting a Token").
    init(query: String) throws {
        let parameters = try Self.parameters(query)
        proof = .ofRequest
        scopes = try Self.scopes(parameters)
        service = try Self.single("service", parameters)
        wantsRefresh = try Self.single("offline_token", parameters) == "true"
    }

    /// Reads the form of a POST (distribution's OAuth2 token specification).
    init(form: String) throws {
        let parameters = try Self.parameters(form)
        switch try Self.single("grant_type", parameters) {
        case "password":
            proof = .password(
                user: try Self.single("username", parameters) ?? "",
                password: try Self.single("password", parameters) ?? "")
        case "refresh_token": proof = .refreshToken(try Self.single("refresh_token", parameters) ?? "")
        default: throw Self.invalid("grant_type is neither password nor refresh_token")
        }
        scopes = try Self.scopes(parameters)
        service = try Self.single("service", parameters)
        wantsRefresh = try Self.single("access_type", parameters) == "offline"
    }

    /// Unlike in other queries a plus is a space here: clients write these parameters as a form.
    private static func parameters(_ text: String) throws -> Query {
        let spaced = text.split(separator: "+", omittingEmptySubsequences: false).joined(separator: "%20")
        guard let query = Query(spaced) else { throw invalid("the parameters are not percent-encoded UTF-8") }
        return query
    }

    private static func single(_ name: String, _ parameters: Query) throws -> String? {
        let values = parameters.values(name)
        guard values.count <= 1 else { throw invalid("\(name) is there more than once") }
        return values.first
    }

    private static func scopes(_ parameters: Query) throws -> [TokenScope] {
        let texts = parameters.values("scope").flatMap { $0.split(separator: " ") }
        guard texts.count <= maximumScopes else { throw invalid("more than \(maximumScopes) scopes") }
        var actions: [TokenScope.Resource: Set<String>] = [:]
        var order: [TokenScope.Resource] = []
        for scope in texts.compactMap({ TokenScope($0) }) {
            if actions[scope.resource] == nil { order.append(scope.resource) }
            actions[scope.resource, default: []].formUnion(scope.actions)
        }
        return order.map { TokenScope($0, actions: actions[$0] ?? []) }
    }

    static func invalid(_ reason: String) -> StatusError {
        StatusError(status: .badRequest, error: RegistryError(.unsupported, reason))
    }
}
