import EventLoop
import Glibc
import OpenSSL
import Synchronization

/// Why a file of accounts cannot be used, for a person to read: path, line if there is one, and what to do. Holds no secret.
package struct AccountsFileError: Error, Hashable, CustomStringConvertible, Sendable {
    package let description: String

    init(_ description: String) { self.description = description }
}

/// A file of accounts that is read whole, and again when its bytes have changed; a bad one keeps the last good accounts.
///
/// The bytes count and not the file's times: Kubernetes replaces a link above it, and copies keep times.
final class AccountsFile<Accounts: Sendable>: Sendable {
    typealias Parser = @Sendable (_ bytes: [UInt8], _ path: String) throws -> Accounts

    private struct State {
        var accounts: Accounts
        /// Of the file's bytes.
        var digest: [UInt8]
    }

    private let path: String
    private let parse: Parser
    private let state: Mutex<State>
    /// Held while the file is read, so that of two readers the later one's accounts stay.
    private let reading = Mutex(())

    init(path: String, parse: @escaping Parser) throws {
        self.path = path
        self.parse = parse
        let bytes = try AccountsFileBytes.read(path)
        state = Mutex(State(accounts: try parse(bytes, path), digest: SHA256.hash(bytes)))
    }

    /// The accounts of the last good file.
    var accounts: Accounts { state.withLock { $0.accounts } }

    /// Returns whether the accounts were replaced. Blocks.
    func reload() throws -> Bool {
        try reading.withLock { _ in
            let bytes = try AccountsFileBytes.read(path)
            let digest = SHA256.hash(bytes)
            if state.withLock({ $0.digest == digest }) { return false }
            let fresh = State(accounts: try parse(bytes, path), digest: digest)
            state.withLock { $0 = fresh }
            return true
        }
    }
}

/// The bytes of a file of accounts.
enum AccountsFileBytes {
    /// In bytes; some 12,000 users, or 4,000 robots.
    static let limit = 1 << 20

    /// Reads the whole file. Blocks. Throws `AccountsFileError` or `SystemCallError`, which both name the path.
    static func read(_ path: String) throws -> [UInt8] {
        let bytes = try OpenFile.bytes(of: path, limit: limit)
        guard bytes.count <= limit else { throw AccountsFileError("\(path) is larger than \(limit) bytes") }
        return bytes
    }
}
