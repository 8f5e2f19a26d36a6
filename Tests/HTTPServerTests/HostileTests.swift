import EventLoop
import HTTPServer
import TestSupport
import Testing

@Suite("Hostile bytes", .serialized, .overBothTransports, .timeLimit(.minutes(1)))
struct HostileTests {
    /// Each head is followed by one that must never be answered: it may be what another server took for a body.
    @Test("nothing behind a head that is rejected is served")
    func rejectedHeads() async throws {
        try await withEngine { engine in
            for bytes in RejectedHeads.all {
                let client = try engine.client()
                try client.send(bytes + Array("GET /target?smuggled HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
                let response = try client.readResponse()
                #expect(response.status >= 400, "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
                #expect(response["Connection"] == "close")
                #expect(try client.receiveToEnd() == [])
            }
            #expect(engine.exchanges.value.isEmpty)
            #expect(engine.rejections.value.count == RejectedHeads.all.count)
        }
    }

    @Test("the requests before a rejected head are answered")
    func afterGoodOnes() async throws {
        try await withEngine { engine in
            let client = try engine.client()
            let good = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
            try client.send(good + good + "GET /hello HTTP/1.1\r\n\r\n" + good)
            #expect(try client.readResponse().text == "hello")
            #expect(try client.readResponse().text == "hello")
            #expect(try client.readResponse().status == 400)
            #expect(try client.receiveToEnd() == [])
        }
    }

    @Test("a body is not read as a request, whatever is in it")
    func bodiesThatLookLikeRequests() async throws {
        try await withEngine { engine in
            let body = Array("GET /target?smuggled HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
            for path in ["/echo", "/ignore", "/first"] {
                let client = try engine.client()
                _ = try client.request("PUT", path, body: body)
                #expect(try client.request("GET", "/hello").text == "hello")
                try client.send("PUT \(path) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
                try client.send(chunked(body) { 1_000 })
                _ = try client.readResponse()
                if path == "/echo" { #expect(try client.request("GET", "/hello").text == "hello") }
            }
            #expect(!engine.exchanges.value.contains { $0.head.path == "/target" })
        }
    }

    @Test("a TLS hello is answered at once, in plain text, and the connection ends cleanly")
    func encrypted() async throws {
        try await withEngine(over: .plain) { engine in
            let hello: [UInt8] = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]
            for bytes in [hello, hello + pattern(506), [0x16]] {
                let start = EventLoop.now
                let client = try engine.client()
                try client.send(bytes)
                let response = try client.readResponse()
                #expect(response.status == 400)
                #expect(response.text.contains("TLS"))
                #expect(try client.receiveToEnd() == [])
                #expect(EventLoop.now - start <= 1)
            }
            #expect(engine.rejections.value == [.encrypted, .encrypted, .encrypted])
        }
    }

    @Test("endless heads of every kind end with an error, and hold no more than a buffer")
    func endless() async throws {
        let endings: [(start: String, unit: String, status: Int)] = [
            ("", "A", 414), ("GET /", "x", 414), ("GET / HTTP/1.1\r\nHost: a\r\nX: ", "x", 431),
            ("GET / HTTP/1.1\r\nHost: a\r\n", "X: y\r\n", 431), ("", "\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\n", "x", 431), ("GET / HTTP/1.1\r\nHost: a\r\nX:", " ", 431),
        ]
        try await withEngine { engine in
            for (start, unit, status) in endings {
                let client = try engine.client()
                try client.send(start + String(repeating: unit, count: 40_000 / unit.utf8.count))
                #expect(try client.readResponse().status == status, "\(start.debugDescription)")
                #expect(try client.receiveToEnd() == [])
            }
        }
    }

    @Test("limits on heads beyond what a buffer holds are cut down to it")
    func absurdLimits() async throws {
        var limits = ServerLimits()
        limits.heads.head = 1 << 30
        limits.heads.requestLine = 1 << 30
        try await withEngine(limits) { engine in
            let client = try engine.client()
            let start = "GET /hello HTTP/1.1\r\nHost: a\r\nX: "
            try client.send(start + String(repeating: "x", count: 200_000) + "\r\n\r\n")
            #expect(try client.readResponse().text == "hello")
            try client.send(start + String(repeating: "x", count: 300_000))
            #expect(try client.readResponse().status == 431)
            #expect(try client.receiveToEnd() == [])
        }
    }

    @Test("random bytes never stop the server")
    func noise() async throws {
        try await withEngine { engine in
            var generator = SeededGenerator(for: "HostileTests.noise")
            let head = "GET / HTTP/1.1\r\n\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n"
            let alphabet = Array((head + "\u{0}\u{16}").utf8)
            for _ in 0..<300 {
                let client = try engine.client()
                let count = Int.random(in: 1...400, using: &generator)
                try client.send((0..<count).map { _ in alphabet.randomElement(using: &generator) ?? 0 })
                client.finishSending()
                // Whatever it answers: it must end the connection, and without a reset.
                _ = try client.receiveToEnd()
            }
            #expect(try engine.client().request("GET", "/hello").text == "hello")
        }
    }
}
