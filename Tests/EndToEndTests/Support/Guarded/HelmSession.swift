import TestSupport
import Testing

/// Helm's library in one process that does one thing after another, and so keeps its tokens between them.
final class HelmSession {
    private let process: ChildProcess
    private var answers = 0

    init(_ registry: GuardedRegistry) throws {
        let environment = registry.scratch.environment.merging([
            "SSL_CERT_FILE": registry.certificates + "/ca.crt", "PATH": Shell.searchPath,
        ]) { _, new in new }
        process = try ChildProcess(
            [Locations.python("python"), Locations.tool("helm-client.py"), "session"], environment: environment,
            takesInput: true)
    }

    /// Does what a line of helm-client.py says; it must succeed.
    func mustDo(_ line: String) async throws {
        try process.enter(line + "\n")
        let known = answers
        var answer: String?
        try await eventually {
            let lines = process.output.lines.filter { $0 == "done" || $0.hasPrefix("failed") }
            answer = lines.count > known ? lines.last : nil
            return answer != nil || process.ending != nil
        }
        answers += 1
        try #require(answer == "done", "\(answer ?? process.errors.text)")
    }
}
