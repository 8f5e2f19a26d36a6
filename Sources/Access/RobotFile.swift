/// Accounts for machines in a file, made by `stowage robot`.
package final class RobotFile: Sendable {
    /// What a robot's login name begins with, so that no person's can be the same.
    package static let prefix = "robot+"

    private let file: AccountsFile<RobotTable>

    /// Throws a sentence with path when the file cannot be read.
    package init(path: String) throws {
        file = try AccountsFile(path: path) { bytes, path in try RobotTable(bytes, path: path) }
    }

    /// How many accounts there are, expired ones with them.
    package var count: Int { file.accounts.robots.count }

    /// Reads the file again if it has changed, and says whether it has; a bad one keeps the old accounts and throws what
    /// is wrong, as often as it is asked. Blocks.
    @discardableResult
    package func reload() throws -> Bool { try file.reload() }

    /// Whether the secret is that of the account `name` (with its prefix), which is neither expired nor revoked at
    /// `now`, in seconds since 1970.
    package func verify(name: String, secret: String, now: Int) -> Bool {
        let robot = file.accounts[login: name]
        // The hash is made for nobody too, so that both take as long.
        let isRight = (robot ?? .nobody).hasSecret(secret)
        return isRight && robot?.isValid(at: now) == true
    }

    /// Whether the account exists and is neither expired nor revoked at `now`; changes with its secret. Tokens are
    /// bound to it.
    package func fingerprint(of name: String, now: Int) -> String? {
        guard let robot = file.accounts[login: name], robot.isValid(at: now) else { return nil }
        return robot.fingerprint
    }
}
