import EventLoop
import HTTPServer
import OpenSSL
import TestSupport
import Testing

@Suite("Hostile bytes on a TLS port", .serialized, .timeLimit(.minutes(1)))
struct TLSHostileTests {
    @Test(
        "plain HTTP is answered at once, in plain text, and the connection ends cleanly",
        arguments: [
            "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
            "DELETE / HTTP/1.1\r\n\r\n", "CONNECT a:443 HTTP/1.1\r\n\r\n", "\r\n\r\n", "nonsense",
        ])
    func plain(_ request: String) async throws {
        try await withEngine(over: .tls) { engine in
            let client = try engine.plainClient()
            try client.send(request)
            let response = try client.readResponse()
            #expect(response.status == 400)
            #expect(response["Connection"] == "close")
            #expect(response.text.contains("https://"))
            #expect(try client.receiveToEnd() == [])
            #expect(engine.rejections.value == [.plain])
            #expect(engine.exchanges.value.isEmpty)
            #expect(engine.handshakes.value.isEmpty)
        }
    }

    @Test("bytes that are no hello end the connection cleanly, and are noted once")
    func garbage() async throws {
        var generator = SeededGenerator(for: "TLSHostileTests.garbage")
        let hello = try TLSClientSession.hello()
        var samples: [[UInt8]] = [
            [0x16, 0x03, 0x01, 0xff, 0xff] + pattern(20_000), [0x16, 0x03, 0x01, 0x00, 0x00],
            [0x16] + pattern(600), [0x80, 0x2e, 0x01, 0x00, 0x02], [0x00] + pattern(5_000),
            [0xff, 0xff, 0xff, 0xff, 0xff],
            [0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x28], [0x17, 0x03, 0x03, 0x00, 0x10] + pattern(16),
            hello + hello, hello + pattern(700),
        ]
        for _ in 0..<200 {
            var bytes = hello
            bytes[Int.random(in: 0..<16, using: &generator)] = UInt8.random(in: 0...0x0c, using: &generator)
            samples.append(bytes)
        }
        try await withEngine(over: .tls) { [samples] engine in
            for bytes in samples {
                let client = try engine.plainClient()
                try client.send(bytes)
                client.finishSending()
                // An alert, or the server's part of a handshake that then ends.
                _ = try client.receiveToEnd()
            }
            try await eventually { engine.server.openConnections == 0 }
            // Some begin with an empty line, which is plain HTTP.
            #expect(engine.handshakes.value.count + engine.rejections.value.count == samples.count)
            #expect(try engine.client().request("GET", "/hello").text == "hello")
        }
    }

    @Test("a record that was tampered with ends the connection, and its request is not served")
    func tampered() async throws {
        try await withEngine(over: .tls) { engine in
            let client = try engine.client()
            #expect(try client.request("GET", "/hello").text == "hello")
            client.sendUnencrypted([0x17, 0x03, 0x03, 0x00, 0x20] + pattern(32))
            #expect(throws: RawHTTPError.self) { try client.request("GET", "/hello") }
            try await eventually { engine.server.openConnections == 0 }
            #expect(engine.exchanges.value.count == 1)
        }
    }

    @Test("a handshake that stalls anywhere ends within the time for a head")
    func stalled() async throws {
        var limits = ServerLimits()
        limits.headTimeout = 1
        let hello = try TLSClientSession.hello()
        try await withEngine(limits, over: .tls) { engine in
            let start = EventLoop.now
            let clients = try [0, 1, 5, hello.count - 1, hello.count].map { count in
                let client = try engine.plainClient()
                try client.send(hello[..<count])
                return client
            }
            for client in clients { _ = try client.receiveToEnd() }
            #expect(EventLoop.now - start <= 6)
            try await eventually { engine.server.openConnections == 0 }
            // The one that has sent nothing may have been a probe of the port.
            #expect(engine.handshakes.value.count == 4)
            #expect(engine.handshakes.value.allSatisfy { $0.contains("1 seconds") })
        }
    }

    @Test("a handshake may come byte by byte")
    func slowHello() async throws {
        let hello = try TLSClientSession.hello()
        try await withEngine(over: .tls) { engine in
            let client = try engine.plainClient()
            for byte in hello { try client.send([byte]) }
            // The server's hello.
            #expect(try client.receive(exactly: 2) == [0x16, 0x03])
        }
    }

    @Test("probes that connect and leave are not noted")
    func probes() async throws {
        try await withEngine(over: .tls) { engine in
            for _ in 0..<10 {
                try engine.plainClient().close()
                try engine.plainClient().reset()
            }
            try await eventually { engine.server.openConnections == 0 }
            #expect(engine.handshakes.value.isEmpty && engine.rejections.value.isEmpty)
        }
    }

    @Test("handshakes under way do not hold up a server that stops")
    func drain() async throws {
        let hello = try TLSClientSession.hello()
        try await withEngine(over: .tls) { engine in
            let clients = try (0..<4).map { _ in try engine.plainClient() }
            for client in clients.dropFirst() { try client.send(hello) }
            try await eventually { engine.server.openConnections == 4 }
            #expect(await engine.server.shutDown(timeout: 10) == 0)
        }
    }

    /// One loop serves everybody here, and one such handshake costs it some milliseconds.
    @Test("a burst of handshakes leaves others their turn")
    func burst() async throws {
        let authority = try await CertificateAuthority()
        let pair = try await authority.issue("large", key: "rsa:4096")
        let files = TLSContext.Files(certificate: pair.certificate, key: pair.key)
        let hello = try TLSClientSession.hello()
        try await withEngine(over: .tls, files: files) { engine in
            let client = try engine.client { $0.authority = authority.certificate }
            #expect(try client.request("GET", "/hello").text == "hello")
            let crowd = try (0..<100).map { _ in try engine.plainClient() }
            let clock = ContinuousClock()
            let start = clock.now
            for one in crowd { try one.send(hello) }
            var slowest = Duration.zero
            while crowd.contains(where: { !$0.hasInput }) {
                let begin = clock.now
                #expect(try client.request("GET", "/hello").text == "hello")
                slowest = max(slowest, clock.now - begin)
            }
            #expect(slowest < (clock.now - start) / 4, "\(slowest) of \(clock.now - start)")
        }
    }
}
