import EventLoop
import HTTPServer
import Synchronization
import TestSupport
import Testing

/// A handler that waits for a slow store is of no use when its client is gone, and holds what others could use.
@Suite(
    "Clients that go away while the server waits for others", .serialized, .overBothTransports, .timeLimit(.minutes(1)))
struct CancellationTests {
    @Test("a reset cancels a handler that waits, which is nobody's failure")
    func handler() async throws {
        try await withEngine { engine in
            let client = try engine.client()
            try client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
            try await eventually { engine.handler.streams.value.begun == 1 }
            client.reset()
            let exchange = try await engine.exchanges(1)[0]
            #expect(exchange.status == .clientClosedRequest)
            #expect(!exchange.isComplete)
            #expect(engine.handler.streams.value.ended == 1)
            #expect(engine.failures.value.isEmpty)
        }
    }

    @Test("a reset cancels a stream that waits")
    func stream() async throws {
        try await withEngine { engine in
            let client = try engine.client()
            try client.send("GET /stream-wait?n=600000 HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = try client.readHead()
            _ = try client.receive(exactly: 200_000)
            client.reset()
            #expect(try await engine.exchanges(1)[0].isComplete == false)
            #expect(engine.handler.streams.value.ended == 1)
            #expect(engine.failures.value.isEmpty)
        }
    }

    @Test("closing with unread bytes ends a stream at once", arguments: ["/stream?n=4000000000", "/growing?"])
    func running(_ target: String) async throws {
        try await withEngine { engine in
            let client = try engine.client(receiveBuffer: 4 << 10)
            try client.send("GET \(target)&chunk=1000 HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = try client.readHead()
            client.close()
            #expect(try await engine.exchanges(1)[0].isComplete == false)
            #expect(engine.handler.streams.value.ended == 1)
        }
    }

    @Test("a client that has only ended its sending side gets the rest")
    func halfClose() async throws {
        try await withEngine { engine in
            let client = try engine.client()
            try client.send("GET /stream-gate?n=600000 HTTP/1.1\r\nHost: a\r\n\r\n")
            client.finishSending()
            try await eventually { engine.handler.gate.waiting == 1 }
            // The server has seen the half close by now: it was there before this connection.
            _ = try engine.client().request("GET", "/hello")
            engine.handler.gate.open()
            #expect(try client.readResponse().body == pattern(600_000))
            #expect(try client.receiveToEnd() == [])
        }
    }

    @Test("nothing is left behind by clients that leave at any moment")
    func storm() async throws {
        var limits = ServerLimits()
        limits.bufferedBytes = 40_000_000
        let targets = [
            "/wait", "/stream-wait?n=600000", "/stream?n=4000000000", "/stream-fail?n=100000", "/growing?chunk=5000",
            "/bytes?n=900000", "/zeros",
        ]
        try await withEngine(limits, loops: 2) { engine in
            var generator = SeededGenerator(for: "CancellationTests.storm")
            for _ in 0..<20 {
                let clients = try (0..<10).map { _ in try engine.client(receiveBuffer: 4 << 10) }
                for client in clients {
                    try client.send("GET \(targets.randomElement(using: &generator) ?? "") HTTP/1.1\r\nHost: a\r\n\r\n")
                }
                for client in clients {
                    // Some have got something by now, some have not.
                    if Bool.random(using: &generator) { _ = try engine.client().request("GET", "/hello") }
                    client.reset()
                }
            }
            try await eventually { engine.server.openConnections == 0 }
            let streams = engine.handler.streams.value
            #expect(streams.begun == streams.ended)
            // The listener alone is watched still.
            #expect(engine.loops.map { $0.load.load(ordering: .relaxed) }.reduce(0, +) == 1)
            // All memory is free again.
            #expect(try engine.client().request("GET", "/bytes?n=39000000").body.count == 39_000_000)
        }
    }
}
