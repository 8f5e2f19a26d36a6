import EventLoop
import HTTPServer
import TestSupport
import Testing

/// Every limit is a whole second and looked at once a second, so each of these takes some seconds.
@Suite("Timeouts", .serialized, .overBothTransports, .timeLimit(.minutes(1)))
struct TimeoutTests {
    private var limits: ServerLimits {
        var limits = ServerLimits()
        limits.headTimeout = 2
        limits.idleTimeout = 2
        limits.stallTimeout = 2
        return limits
    }

    @Test("an idle connection is closed, before its first request and after one")
    func idle() async throws {
        try await withEngine(limits) { engine in
            let fresh = try engine.client()
            let used = try engine.client()
            #expect(try used.request("GET", "/hello").status == 200)
            #expect(try fresh.receiveToEnd() == [])
            #expect(try used.receiveToEnd() == [])
            #expect(engine.rejections.value.isEmpty)
        }
    }

    @Test("a head that comes too slowly ends the connection, although bytes keep coming")
    func slowHead() async throws {
        var limits = limits
        limits.idleTimeout = 60
        try await withEngine(limits) { engine in
            let start = EventLoop.now
            let client = try engine.client(timeout: 1)
            try client.send("GET / HTTP/1.1\r\nHost: a\r\nX: ")
            var isOpen = true
            while isOpen {
                #expect(EventLoop.now - start < 15)
                // The server may close between the two calls.
                isOpen = (try? client.send("x")) != nil
                do {
                    isOpen = try isOpen && !client.receive().isEmpty
                } catch RawHTTPError.timedOut {
                } catch RawHTTPError.reset {
                    isOpen = false
                }
            }
            try await eventually { engine.server.openConnections == 0 }
        }
    }

    @Test("a body that stalls ends the connection", arguments: ["Content-Length: 100", "Transfer-Encoding: chunked"])
    func stalledBody(_ framing: String) async throws {
        try await withEngine(limits) { engine in
            let client = try engine.client()
            try client.send("PUT /check HTTP/1.1\r\nHost: a\r\n\(framing)\r\n\r\n5\r\n")
            #expect(try client.receiveToEnd() == [])
            #expect(try await engine.exchanges(1).map(\.status.code) == [499])
        }
    }

    @Test("a body that stalls although it was skipped ends the connection")
    func stalledSkipping() async throws {
        try await withEngine(limits) { engine in
            let client = try engine.client()
            try client.send("PUT /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n")
            #expect(try client.readResponse().text == "ignored")
            #expect(try client.receiveToEnd() == [])
        }
    }

    @Test("a reader that stalls ends the connection", arguments: ["/zeros", "/bytes?n=9000000"])
    func stalledReader(_ target: String) async throws {
        try await withEngine(limits) { engine in
            let client = try engine.client(receiveBuffer: 4 << 10)
            try client.send("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await engine.exchanges(1)[0].isComplete == false)
            try await eventually { engine.server.openConnections == 0 }
        }
    }

    @Test("transfers that go on may take longer than the limit")
    func slowTransfers() async throws {
        var limits = limits
        limits.stallTimeout = 5
        try await withEngine(limits) { engine in
            let reader = try engine.client(receiveBuffer: 4 << 10)
            try reader.send("GET /zeros HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = try reader.readHead()
            let writer = try engine.client()
            try writer.send("PUT /check HTTP/1.1\r\nHost: a\r\nContent-Length: 80\r\n\r\n")
            for step in 0..<8 {
                // About what the kernel has room for, so that the server sends again.
                _ = try reader.receive(exactly: 4 << 20)
                try writer.send(pattern(10, from: step * 10))
                let now = EventLoop.now
                try await eventually { EventLoop.now > now }
            }
            #expect(try writer.readResponse().text == "80 ok\n")
            #expect(try reader.receive(exactly: 4 << 20).count == 4 << 20)
        }
    }

    @Test("time a handler takes is not the client's")
    func slowHandler() async throws {
        try await withEngine(limits) { engine in
            let client = try engine.client()
            try client.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n")
            try await eventually { engine.handler.gate.waiting == 1 }
            let start = EventLoop.now
            try await eventually { EventLoop.now >= start + 5 }
            engine.handler.gate.open()
            #expect(try client.readResponse().status == 200)
        }
    }

    @Test("a client that keeps its side open after the last response is closed nevertheless")
    func lingering() async throws {
        try await withEngine { engine in
            let client = try engine.client()
            try client.send("nonsense\r\n\r\n")
            #expect(try client.readResponse().status == 400)
            #expect(try client.receiveToEnd() == [])
            // It has not closed its side, and sends a byte now and then.
            try await eventually(timeout: 10) { engine.server.openConnections == 0 }
        }
    }

    @Test("limits that change hold for connections that are open")
    func reload() async throws {
        try await withEngine { engine in
            let client = try engine.client()
            #expect(try client.request("GET", "/hello").status == 200)
            engine.server.limits = limits
            #expect(try client.request("GET", "/hello").status == 200)
            #expect(try client.receiveToEnd() == [])
        }
    }
}
