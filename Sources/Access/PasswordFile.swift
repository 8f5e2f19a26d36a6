package import EventLoop

/// Users and bcrypt hashes in a file as `htpasswd -B` makes it.
package final class PasswordFile: Sendable {
    /// Throws a sentence with path and line when the file cannot be read or a line is not acceptable.
    package init(path: String, work: BlockingWork) throws { fatalError("helper C") }

    /// Reads the file again if it has changed; a bad one keeps the old users and throws what is wrong.
    package func reload() throws { fatalError("helper C") }

    /// Whether the password is the user's. Takes as long for a user that does not exist; off the event loop.
    package func verify(user: String, password: String) async throws -> Bool { fatalError("helper C") }

    /// Changes whenever the user's password does; nil for nobody. Refresh tokens are bound to it.
    package func fingerprint(of user: String) -> String? { fatalError("helper C") }
}
