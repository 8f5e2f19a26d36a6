import OCI

/// The claims of this registry's own tokens: those of RFC 7519, `access` as in distribution's token specification, and
/// what else makes up an identity.
struct TokenClaims: Codable {
    var iss: String
    var aud: String
    var sub: String
    var iat: Int
    var nbf: Int
    var exp: Int
    var jti: String
    var access: [ResourceActions]
    var method: Identity.Method
    var groups: [String]
    var claims: [String: [String]]
    var fingerprint: String

    /// One element of `access`.
    struct ResourceActions: Codable {
        var type: String
        var name: String
        var actions: [String]
    }
}

extension TokenClaims {
    var identity: Identity {
        Identity(method, name: sub, groups: Set(groups), claims: claims.mapValues(Set.init))
    }

    /// What `access` opens; nil when it holds something this registry does not give out.
    var scopes: [TokenScope]? {
        var scopes: [TokenScope] = []
        for element in access {
            guard let scope = element.scope else { return nil }
            scopes.append(scope)
        }
        return scopes
    }
}

extension TokenClaims.ResourceActions {
    init(_ scope: TokenScope) {
        switch scope.resource {
        case .repository(let repository): (type, name) = ("repository", repository.string)
        case .catalog: (type, name) = ("registry", "catalog")
        }
        actions = scope.actions.sorted()
    }

    var scope: TokenScope? {
        switch (type, name) {
        case ("registry", "catalog"): return TokenScope(.catalog, actions: Set(actions))
        case ("repository", _):
            // What is no name of a repository is nothing a token could open.
            guard let repository = try? RepositoryName(name) else { return nil }
            return TokenScope(.repository(repository), actions: Set(actions))
        default: return nil
        }
    }
}

/// What a token is for; the header says it (`typ`, RFC 8725, section 3.11), and the audience too.
enum TokenKind: String, CaseIterable {
    case access = "at+jwt"
    case refresh = "rt+jwt"

    /// The audience of such a token of `service`.
    func audience(of service: String) -> String {
        switch self {
        case .access: service
        case .refresh: service + "/token"
        }
    }
}
