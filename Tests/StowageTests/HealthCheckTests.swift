import EventLoop
import Glibc
import TestSupport
import Testing

@testable import stowage

/// `healthcheck`: what a container asks itself.
@Suite struct HealthCheckTests {
    @Test func aServerThatIsWellIsSilence() async throws {
        try await withServerProcess { server in
            for path in ["/healthz", "/readyz", "/v2/", "/healthz?x=1"] {
                let run = try await ProgramRun(["healthcheck", "http://\(server.address)\(path)"])
                #expect(run.ending == .status(0) && run.output.isEmpty && run.errors.isEmpty, "\(path): \(run.errors)")
            }
            let url = "http://\(server.address)/nowhere"
            #expect(try await ProgramRun(["healthcheck", url]).failed(saying: "\(url): status 404"))
        }
    }

    @Test func whatIsNotThereIsSaid() async throws {
        let free = "\(try Self.listen().address)"
        let refused = "http://\(free)/healthz"
        #expect(
            try await ProgramRun(["healthcheck", refused]).failed(saying: "\(refused): connect: Connection refused"))
        for url in ["https://127.0.0.1/", "127.0.0.1:5000", "", "http://", "file:///etc/passwd"] {
            let run = try await ProgramRun(["healthcheck", url])
            #expect(run.failed(saying: "\(url): expected http://HOST:PORT/PATH"), "\(run.errors)")
        }
    }

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\n\r\n", nil), ("HTTP/1.0 200\r\n", nil),
        ("HTTP/1.1 503 Service Unavailable\r\n\r\n", "status 503"),
        ("SSH-2.0-OpenSSH_9\r\n", "the answer is no HTTP"), ("", "the answer is no HTTP"),
        ("HTTP/1.1", "the answer is no HTTP"),
        (String(repeating: "x", count: 100_000), "the answer is no HTTP"),
    ])
    func anAnswerIsReadAsAStatus(_ answer: String, _ complaint: String?) async throws {
        let socket = try Self.listen()
        let url = "http://\(socket.address)/"
        async let ended = ProgramRun(["healthcheck", url])
        try await eventually(timeout: patienceWithPrograms) { try Self.answer(socket, answer) }
        let run = try await ended
        if let complaint {
            #expect(run.failed(saying: "\(url): \(complaint)"), "\(run.errors)")
        } else {
            #expect(run.ending == .status(0) && run.errors.isEmpty)
        }
    }

    @Test func aServerThatIsStuckIsNotWaitedForLong() async throws {
        let silent = try Self.listen()
        let url = "http://\(silent.address)/"
        #expect(try await ProgramRun(["healthcheck", url]).failed(saying: "\(url): no answer in 5 s"))
        withExtendedLifetime(silent.address) {}
    }

    private static func listen() throws -> ListeningSocket {
        try ListeningSocket(try #require(SocketAddress("127.0.0.1:0")))
    }

    /// Answers the connection that waits, and closes it; false when there is none.
    private static func answer(_ socket: borrowing ListeningSocket, _ text: String) throws -> Bool {
        guard let client = try socket.accept() else { return false }
        // Closing with the request unread would break the connection before the answer is read.
        var state = pollfd(fd: client.number, events: Int16(POLLIN), revents: 0)
        _ = poll(&state, 1, 10_000)
        let buffer = Buffer(capacity: 4096)
        _ = try client.receive(into: buffer, at: 0, limit: buffer.capacity)
        let bytes = Array(text.utf8)
        if !bytes.isEmpty { _ = try client.send(bytes, from: 0, limit: bytes.count) }
        client.shutDownWriting()
        return true
    }
}
