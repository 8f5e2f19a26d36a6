import EventLoop
import Glibc

/// TLS in front of an S3 server, on a port of its own, by Tests/Tools/s3/tls.py.
package final class S3TLSEndpoint: Sendable {
    package let port: UInt16
    private let script: ChildProcess

    /// Shows `certificate` to its clients.
    package init(to server: S3Server, certificate: CertificatePair) async throws {
        let script = try ChildProcess(
            ["\(S3Server.tools)/tls.py", certificate.certificate, certificate.key, "\(server.port)"],
            environment: ServerProcess.environment(), takesInput: true)
        try await eventually(timeout: patienceWithPrograms) { !script.output.lines.isEmpty || script.ending != nil }
        guard let port = script.output.lines.first?.split(separator: " ").last.flatMap({ UInt16($0) }) else {
            throw S3ServerFailed(reason: script.errors.text)
        }
        (self.script, self.port) = (script, port)
    }

    /// Where it answers, by a name or address that leads to this machine: `https://127.0.0.1:23456`.
    package func endpoint(_ host: String = "127.0.0.1") -> String { "https://\(host):\(port)" }
}
