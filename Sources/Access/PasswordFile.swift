package import EventLoop
import Glibc
import Synchronization

/// Users and bcrypt hashes in a file as `htpasswd -B` makes it.
///
/// A password of more than 72 bytes is nobody's: bcrypt would take any other with the same beginning for it.
package final class PasswordFile: Sendable {
    private let file: AccountsFile<PasswordTable>
    private let verified: VerifiedCredentials

    /// Throws a sentence with path and line when the file cannot be read or a line is not acceptable.
    ///
    /// `work`: a pool of its own, because its width is how many processors a flood of logins can take; see `makePool`.
    package convenience init(path: String, work: BlockingWork) throws {
        try self.init(path: path, work: work, clock: { EventLoop.now })
    }

    /// `clock`: in seconds, of a clock that never goes back.
    init(
        path: String, work: BlockingWork, limits: VerifiedCredentials.Limits = .init(),
        clock: @escaping @Sendable () -> Int
    ) throws {
        file = try AccountsFile(path: path) { bytes, path in try PasswordTable(bytes, path: path) }
        verified = VerifiedCredentials(work: work, limits: limits, clock: clock)
    }

    /// A pool that leaves half of the processors to everything else, whoever tries passwords.
    package static func makePool() -> BlockingWork {
        BlockingWork(width: max(1, sysconf(CInt(_SC_NPROCESSORS_ONLN)) / 2))
    }

    /// How many users there are.
    package var count: Int { file.accounts.count }

    /// How often bcrypt ran.
    package var hashRuns: Int { verified.hashRuns }

    /// How many callers wait for bcrypt.
    var waiting: Int { verified.waiting }

    /// Reads the file again if it has changed, and says whether it has; a bad one keeps the old users and throws what is
    /// wrong, as often as it is asked. Blocks.
    @discardableResult
    package func reload() throws -> Bool { try file.reload() }

    /// Whether the password is the user's. Takes as long for a user that does not exist; off the event loop.
    ///
    /// Returns at once for what it was asked a short while ago. Throws `AuthenticationError.throttled` when too many wait.
    package func verify(user: String, password: String) async throws -> Bool {
        // What bcrypt would cut off. Tells nothing of the user, so it need not take long.
        guard password.utf8.count <= Bcrypt.maximumPasswordLength, !password.utf8.contains(0) else { return false }
        let hash = file.accounts.hash(of: user)
        let isRight = try await verified.isRight(user: user, password: password, hash: hash)
        // Of a file that was replaced meanwhile the old passwords do not count any more.
        return file.accounts.hash(of: user) == hash ? isRight : try await verify(user: user, password: password)
    }

    /// Changes whenever the user's password does; nil for nobody. Refresh tokens are bound to it.
    package func fingerprint(of user: String) -> String? { file.accounts.fingerprint(of: user) }
}
