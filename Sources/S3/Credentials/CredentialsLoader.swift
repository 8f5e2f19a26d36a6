/// One source of credentials, asked anew each time; `RefreshingCredentials` decides when.
package protocol CredentialsLoader: Sendable {
    /// The source, for a person to read, as `the environment`.
    var name: String { get }

    /// Asks the source. It may read small files, so it does not run on an event loop.
    func load() async throws(CredentialsError) -> Credentials
}

extension CredentialsLoader {
    /// The error of a source that nothing points at.
    func notConfigured(_ reason: String) -> CredentialsError {
        CredentialsError(.notConfigured, source: name, reason: reason)
    }

    /// The error of a source that is set up and does not work.
    func failed(_ reason: String) -> CredentialsError {
        CredentialsError(.failed, source: name, reason: reason)
    }
}
