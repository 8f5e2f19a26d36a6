import EventLoop
import HTTPServer
import TestSupport
import Testing

@Suite("Draining", .serialized, .overBothTransports, .timeLimit(.minutes(1)))
struct DrainTests {
    @Test("running requests finish, idle connections are closed at once, new ones are refused")
    func drains() async throws {
        try await withEngine(loops: 2) { engine in
            let idle = try (0..<4).map { _ in try engine.client() }
            for client in idle.dropFirst() { #expect(try client.request("GET", "/hello").status == 200) }
            let busy = try (0..<4).map { _ in try engine.client() }
            for client in busy { try client.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n") }
            try await eventually { engine.handler.gate.waiting == 4 && engine.server.openConnections == 8 }

            let left = Task.detached { await engine.server.shutDown(timeout: 30) }
            for client in idle { #expect(try client.receiveToEnd() == []) }
            #expect(throws: RawHTTPError.failed("connect", 111)) { try engine.client() }
            #expect(engine.server.isDraining)
            engine.handler.gate.open()
            for client in busy {
                let response = try client.readResponse()
                #expect(response.status == 200)
                #expect(response["Connection"] == "close")
                #expect(try client.receiveToEnd() == [])
                client.close()
            }
            #expect(await left.value == 0)
        }
    }

    @Test("transfers in both directions finish too")
    func transfers() async throws {
        try await withEngine { engine in
            let reader = try engine.client(receiveBuffer: 4 << 10)
            try reader.send("GET /file HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = try reader.readHead()
            let writer = try engine.client()
            try writer.send("PUT /check HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
            try writer.send(pattern(50_000))
            let left = Task.detached { await engine.server.shutDown(timeout: 30) }
            try await eventually { engine.server.isDraining }
            #expect(try reader.receive(exactly: SmallHandler.fileSize) == pattern(SmallHandler.fileSize))
            reader.close()
            try writer.send(pattern(50_000, from: 50_000))
            #expect(try writer.readResponse().text == "100000 ok\n")
            writer.close()
            #expect(await left.value == 0)
        }
    }

    @Test("the drain ends after its timeout, and says how many connections are still busy")
    func timeout() async throws {
        try await withEngine { engine in
            let clients = try (0..<3).map { _ in try engine.client() }
            for client in clients { try client.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n") }
            try await eventually { engine.handler.gate.waiting == 3 }
            let start = EventLoop.now
            #expect(await engine.server.shutDown(timeout: 1) == 3)
            #expect((1...5).contains(EventLoop.now - start))
        }
    }

    @Test("a server without connections drains at once, and twice does no harm")
    func empty() async throws {
        try await withEngine { engine in
            let one = Task.detached { await engine.server.shutDown(timeout: 30) }
            let two = Task.detached { await engine.server.shutDown(timeout: 30) }
            #expect(await one.value == 0)
            #expect(await two.value == 0)
        }
    }

    @Test("drains that overlap all end, with the first timeout")
    func overlapping() async throws {
        try await withEngine { engine in
            try engine.client().send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n")
            try await eventually { engine.handler.gate.waiting == 1 }
            let one = Task.detached { await engine.server.shutDown(timeout: 3_600) }
            try await eventually { engine.server.isDraining }
            #expect(await engine.server.shutDown(timeout: 1) == 1)
            #expect(await one.value == 1)
        }
    }

    /// While the loop is held up, an idle connection and a new one send a request, and the drain begins.
    @Test("requests that had come when the drain began are answered")
    func arrived() async throws {
        // Over TLS, no client can come while the loop is held up.
        try await withEngine(over: .plain) { engine in
            let idle = try engine.client()
            #expect(try idle.request("GET", "/hello").status == 200)
            let blocking = try engine.client()
            try blocking.send("GET /block HTTP/1.1\r\nHost: a\r\n\r\n")
            try await eventually { engine.handler.block.arrived == 1 }
            let new = try engine.client()
            for client in [idle, new] { try client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n") }
            let left = Task.detached { await engine.server.shutDown(timeout: 30) }
            try await eventually { engine.server.isDraining }
            engine.handler.block.open()
            for client in [blocking, idle, new] {
                let response = try client.readResponse()
                #expect(response.status == 200)
                #expect(response["Connection"] == "close")
                client.close()
            }
            #expect(await left.value == 0)
        }
    }

    @Test("a server that was shut down is let go of")
    func lifetime() async throws {
        let watched = Guarded<Watched?>(nil)
        try await withEngine { engine in
            let client = try engine.client()
            #expect(try client.request("GET", "/hello").status == 200)
            watched.change { $0 = Watched(engine.server) }
        }
        try await eventually { watched.value?.server == nil }
    }

    private struct Watched {
        weak let server: HTTPServer?

        init(_ server: HTTPServer) { self.server = server }
    }
}
