/// Somebody whose tokens are believed: GitHub Actions, GitLab, a Kubernetes cluster.
package final class Issuer: Sendable {
    /// Its name in the configuration, which begins the names of its identities.
    package let name: String

    package init(name: String) { self.name = name }

    /// Whether `token` (a compact JWS) says that it is from this issuer; proves nothing.
    package func isNamed(in token: String) -> Bool { fatalError("helper D") }

    /// Who the token speaks of. `now` in seconds since 1970.
    package func identity(of token: String, now: Int) async throws(AuthenticationError) -> Identity {
        fatalError("helper D")
    }
}
