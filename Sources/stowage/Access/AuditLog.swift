import Access
import EventLoop
import Glibc
import HTTPServer
import OCI
import RegistryAPI

/// The audit log: one line of JSON for each request that changed something or was refused.
///
/// Nobody waits for it: when it cannot be written fast enough lines are lost, and one says how many.
final class AuditLog: Sendable {
    private let writer: LineWriter

    init(_ target: LineWriter.Target) {
        writer = LineWriter(target) { count in
            var line = JSONLine()
            line.add("time", Timestamp.now())
            line.add("lostLines", count)
            return line.finished()
        }
    }

    /// Where lines go from now on: the same path again after the file was renamed, or another one.
    func redirect(to target: LineWriter.Target) { writer.redirect(to: target) }

    func write(_ line: [UInt8]) { writer.write(line) }

    /// Writes everything before the program ends.
    func flush() { writer.flush() }

    /// What one event says; `rules` are the places of the rules, in their order.
    static func line(_ event: AuditEvent, rules: [String]) -> [UInt8] {
        var line = JSONLine()
        line.add("time", Timestamp.now())
        line.add("outcome", outcome(event.status))
        line.add("user", event.identity.isAnonymous ? "anonymous" : event.identity.name)
        line.add("login", event.identity.method.rawValue)
        line.add("client", event.address)
        line.add("method", event.method.name)
        line.add("endpoint", "\(event.endpoint)")
        if let action = event.action { line.add("action", action.rawValue) }
        if let repository = event.repository { line.add("repository", repository.string) }
        if let reference = event.reference { line.add("reference", reference) }
        if let rule = event.rule, rules.indices.contains(rule) { line.add("rule", rules[rule]) }
        line.add("status", event.status.code)
        line.add("requestID", event.requestID)
        return line.finished()
    }

    private static func outcome(_ status: Status) -> String {
        switch status.code {
        case ..<400: "done"
        case 401, 403, 429: "refused"
        default: "failed"
        }
    }
}

extension Configuration.Audit {
    /// Opens the file; standard output when there is none. Throws a `ConfigurationError`.
    func target(_ places: Places) throws(ConfigurationError) -> LineWriter.Target {
        if file.isEmpty { return .open(STDOUT_FILENO) }
        // Not blocking, so that a pipe without a reader is an error instead of a wait for ever.
        let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK
        do throws(SystemCallError) {
            let descriptor = OwnedDescriptor(try Posix.call("open", subject: file) { open(file, flags, 0o600) })
            return .file(OpenFile(descriptor, size: 0))
        } catch {
            throw ConfigurationError("\(places.place(["audit", "file"])): \(error)")
        }
    }
}
