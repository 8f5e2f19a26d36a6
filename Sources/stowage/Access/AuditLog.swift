import EventLoop
import Glibc

/// The audit log: one line of JSON for each request that changed something or was refused.
///
/// Nobody waits for it: when it cannot be written fast enough lines are lost, and one says how many.
final class AuditLog: Sendable {
    private let writer: LineWriter

    /// `path`: empty for standard output. Throws a `SystemCallError`.
    init(_ path: String) throws {
        writer = LineWriter(try Self.target(path)) { count in
            var line = JSONLine()
            line.add("time", Timestamp.now())
            line.add("lostLines", count)
            return line.finished()
        }
    }

    /// Opens the file, perhaps another one, again: after it was renamed, lines go into a new one.
    func reopen(_ path: String) throws {
        writer.redirect(to: try Self.target(path))
    }

    private static func target(_ path: String) throws -> LineWriter.Target {
        if path.isEmpty { return .open(STDOUT_FILENO) }
        // Not blocking, so that a pipe without a reader is an error instead of a wait for ever.
        let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK
        let descriptor = OwnedDescriptor(try Posix.call("open", subject: path) { open(path, flags, 0o600) })
        return .file(OpenFile(descriptor, size: 0))
    }

    func write(_ line: [UInt8]) { writer.write(line) }

    /// Writes everything before the program ends.
    func flush() { writer.flush() }
}
