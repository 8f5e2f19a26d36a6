import EventLoop
import HTTPClient
import TestSupport
import Testing

/// Servers that break off, stop or lie.
@Suite("HTTPClient with faulty servers")
struct HTTPFaultTests {
    private func failure(
        of request: HTTPRequest, _ client: HTTPClient? = nil, reading: Bool = false
    ) async throws -> HTTPTransportError? {
        let client = try client ?? TestHTTP.client()
        return await #expect(throws: HTTPTransportError.self) {
            if reading {
                try await client.open(request).forEachChunk { _ in }
            } else {
                _ = try await client.send(request, limit: 1 << 20)
            }
        }
    }

    @Test("nobody listens")
    func refused() async throws {
        var wanted: UInt16 = 0
        do { wanted = try ListeningSocket(try #require(SocketAddress("127.0.0.1:0"))).address.port }
        let error = try #require(try await failure(of: HTTPRequest(url: "http://127.0.0.1:\(wanted)")))
        #expect(error.phase == .connect)
        #expect(!error.isPermanent && !error.isReusedConnectionFailure)
        #expect(error.description.contains("127.0.0.1"))
    }

    @Test("an address that is none cannot be retried")
    func malformed() async throws {
        for url in ["http://", "ftp://127.0.0.1/", "http://user@127.0.0.1/"] {
            let error = try #require(try await failure(of: HTTPRequest(url: url)))
            #expect(error.phase == .connect, "\(url)")
        }
    }

    @Test("a connection that dies before, in and after the head", arguments: [true, false])
    func broken(isReset: Bool) async throws {
        for (sent, phase) in [
            ("", HTTPTransportError.Phase.sending), ("HTTP/1.1 200 OK\r\nContent-Le", .receiving),
            ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", .receiving),
            ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", .receiving),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n", .receiving),
        ] {
            let server = try ScriptedServer { connection in
                _ = try connection.request()
                try connection.send(sent)
                if isReset { connection.resetAtEnd() }
            }
            for reading in [false, true] {
                let error = try #require(try await failure(of: HTTPRequest(url: server.origin), reading: reading))
                #expect(isReset || error.phase == phase, "\(sent)")
                #expect(!error.isTimeout && !error.isPermanent && !error.isReusedConnectionFailure)
            }
        }
    }

    @Test("an answer that stops, before its head and within its body", arguments: [false, true])
    func stalled(reading: Bool) async throws {
        let server = try ScriptedServer { connection in
            if try connection.request().target == "/body" {
                try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            }
            connection.waitForEnd()
        }
        for (path, phase) in [("/head", HTTPTransportError.Phase.sending), ("/body", .receiving)] {
            let request = HTTPRequest(url: server.origin + path, limits: TestHTTP.impatient)
            let error = try #require(try await failure(of: request, reading: reading))
            #expect(error.isTimeout)
            #expect(error.phase == phase)
        }
    }

    @Test("a server that does not take the request's body")
    func stalledUpload() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.request(readingBody: false)
            connection.waitForHangUp()
        }
        let body = HTTPRequestBody.bytes([UInt8](repeating: 1, count: 64 << 20))
        let request = HTTPRequest(method: "PUT", url: server.origin, body: body, limits: TestHTTP.impatient)
        let error = try #require(try await failure(of: request))
        #expect(error.isTimeout)
        #expect(error.description.contains("sending"))
    }

    @Test("a deadline for all of it, however much moves")
    func overall() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.request()
            try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while true { try connection.send("1\r\na\r\n") }
        }
        var request = HTTPRequest(url: server.origin)
        request.limits.overall = 300
        let error = try #require(try await failure(of: request, reading: true))
        #expect(error.isTimeout)
    }

    @Test("a refusal that comes before the whole body was taken is the answer")
    func earlyAnswer() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.request(readingBody: false)
            try connection.answer(403, ["Connection: close"], body: "no")
            connection.waitForEnd()
        }
        let body = HTTPRequestBody.bytes([UInt8](repeating: 1, count: 8 << 20))
        let request = HTTPRequest(method: "PUT", url: server.origin, body: body)
        let response = try await TestHTTP.client().send(request, limit: 10)
        #expect((response.status, response.bytes) == (403, Array("no".utf8)))
    }

    /// Servers close idle connections as they like; the client finds out when it has sent the next request.
    @Test("a kept connection that dies under the next request is replaced", arguments: ["GET", "PUT"])
    func reused(method: String) async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.request()
            try connection.answer(200)
            guard connection.number == 1 else { return connection.waitForEnd() }
            _ = try connection.request()
            connection.resetAtEnd()
        }
        let client = try TestHTTP.client()
        let body: HTTPRequestBody = method == "PUT" ? .bytes(sampleBytes(100_000)) : .none
        let request = HTTPRequest(method: method, url: server.origin, body: body)
        #expect(try await !client.send(request, limit: 0).isResent)
        let response = try await client.send(request, limit: 0)
        #expect(response.status == 200)
        #expect(response.isResent)
        #expect(server.requests.count == 3)
        #expect(server.requests.allSatisfy { $0.body.count == body.count })
        #expect(server.connections == 2)
    }

    @Test("a kept connection that the server has closed is not used")
    func closedWhileIdle() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.request()
            try connection.answer(200)
        }
        let client = try TestHTTP.client()
        for _ in 0..<3 {
            #expect(try await client.send(HTTPRequest(url: server.origin), limit: 0).status == 200)
        }
        #expect(server.connections == 3)
    }

    @Test("cancelled, a request ends at once and its connection is closed")
    func cancelled() async throws {
        let ended = Guarded(0)
        let server = try ScriptedServer { connection in
            _ = try connection.request()
            connection.waitForEnd()
            ended.change { $0 += 1 }
        }
        let client = try TestHTTP.client(connections: 1)
        let first = Task { try await client.send(HTTPRequest(url: server.origin), limit: 0) }
        try await eventually { server.requests.count == 1 }
        // This one waits for the only connection.
        let second = Task { try await client.send(HTTPRequest(url: server.origin), limit: 0) }
        second.cancel()
        await #expect(throws: CancellationError.self) { try await second.value }
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        try await eventually { ended.value == 1 }
        // The place is free again.
        let third = Task { try await client.send(HTTPRequest(url: server.origin), limit: 0) }
        try await eventually { server.requests.count == 2 }
        third.cancel()
        await #expect(throws: CancellationError.self) { try await third.value }
    }

    @Test("a task that is cancelled already gets nothing")
    func cancelledBefore() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.request()
            connection.waitForEnd()
        }
        let client = try TestHTTP.client()
        let gate = Guarded(false)
        let task = Task {
            try await eventually { gate.value }
            return try await client.send(HTTPRequest(url: server.origin), limit: 0)
        }
        task.cancel()
        gate.change { $0 = true }
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
