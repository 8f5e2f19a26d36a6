/// Who sends a request, as far as it was proved.
package struct Identity: Hashable, Sendable {
    /// How it was proved.
    package enum Method: String, Codable, Sendable {
        case anonymous, password, robot, issuer, certificate
    }

    package let method: Method
    /// Unique over all methods: `alice` (password), `robot+ci`, `ISSUER:subject`, `cert:NAME`; empty for anonymous.
    package let name: String
    /// Names of groups: those of the configuration, and `ISSUER:group` of an issuer's tokens.
    package var groups: Set<String>
    /// What else an issuer says of it, for rules that ask; `claims["ISSUER:ref"]` are the values of one claim.
    package var claims: [String: Set<String>]

    package static let anonymous = Identity(.anonymous, name: "")

    package init(
        _ method: Method, name: String, groups: Set<String> = [], claims: [String: Set<String>] = [:]
    ) {
        self.method = method
        self.name = name
        self.groups = groups
        self.claims = claims
    }

    package var isAnonymous: Bool { method == .anonymous }
}
