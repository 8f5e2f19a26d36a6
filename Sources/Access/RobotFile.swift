/// Accounts for machines in a file, made by `stowage robot`.
package final class RobotFile: Sendable {
    /// What a robot's login name begins with, so that no person's can be the same.
    package static let prefix = "robot+"

    /// Throws a sentence with path when the file cannot be read.
    package init(path: String) throws { fatalError("helper C") }

    /// Reads the file again if it has changed; a bad one keeps the old accounts and throws what is wrong.
    package func reload() throws { fatalError("helper C") }

    /// Whether the secret is that of the account `name` (with its prefix), which is neither expired nor revoked at
    /// `now`, in seconds since 1970.
    package func verify(name: String, secret: String, now: Int) -> Bool { fatalError("helper C") }

    /// Whether the account exists and is neither expired nor revoked at `now`; changes with its secret. Tokens are
    /// bound to it.
    package func fingerprint(of name: String, now: Int) -> String? { fatalError("helper C") }
}
