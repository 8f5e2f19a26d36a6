import EventLoop
import HTTPServer
import TestSupport
import Testing

@Suite("Bodies that are made while they are sent", .serialized, .overBothTransports, .timeLimit(.minutes(1)))
struct StreamTests {
    @Test(
        "every byte arrives, and the connection goes on", arguments: [1, 16_384, 262_145, 5_000_000], [1_000, 700_000])
    func bytes(_ size: Int, _ chunk: Int) async throws {
        try await withEngine { engine in
            let client = try engine.client()
            for _ in 0..<2 {
                #expect(try client.request("GET", "/stream?n=\(size)&chunk=\(chunk)").body == pattern(size))
            }
            #expect(try await engine.exchanges(2).map(\.bytesOut) == [size, size])
            #expect(engine.handler.streams.value.ended == 2)
        }
    }

    @Test("a file that is written meanwhile", arguments: [4_095, 900_000])
    func regions(_ step: Int) async throws {
        try await withEngine { engine in
            let client = try engine.client()
            for _ in 0..<2 {
                let body = try client.request("GET", "/growing?chunk=\(step)").body
                #expect(body == pattern(SmallHandler.fileSize))
            }
            #expect(try await engine.exchanges(2).map(\.bytesOut) == [SmallHandler.fileSize, SmallHandler.fileSize])
        }
    }

    @Test("HEAD, and a body of no length, take nothing from the stream")
    func untouched() async throws {
        try await withEngine { engine in
            let client = try engine.client()
            let response = try client.request("HEAD", "/stream?n=1000")
            #expect(response["Content-Length"] == "1000")
            #expect(try client.request("GET", "/stream?n=0").body == [])
            #expect(try client.request("HEAD", "/growing")["Content-Length"] == "\(SmallHandler.fileSize)")
            #expect(try client.request("GET", "/hello").text == "hello")
            #expect(engine.handler.streams.value.begun == 0)
        }
    }

    @Test(
        "a stream that fails, or ends too early, ends the connection within the body",
        arguments: ["stream-fail?n=600000", "stream-short?n=600000", "growing-fail?", "growing-short?"])
    func broken(_ target: String) async throws {
        try await withEngine { engine in
            let client = try engine.client()
            try client.send("GET /\(target)&chunk=100000 HTTP/1.1\r\nHost: a\r\n\r\n")
            let announced = try #require(try client.readHead()["Content-Length"].flatMap { Int($0) })
            #expect(try client.receiveToEnd().count < announced)
            try await expectFailure(engine)
        }
    }

    @Test(
        "bytes beyond the announced length are not sent, and the connection ends",
        arguments: ["stream-long?n=600000", "growing-long?"], [1_000, 100_000, 4_000_000])
    func tooLong(_ target: String, _ chunk: Int) async throws {
        try await withEngine { engine in
            let client = try engine.client()
            try client.send("GET /\(target)&chunk=\(chunk) HTTP/1.1\r\nHost: a\r\n\r\n")
            let announced = try #require(try client.readHead()["Content-Length"].flatMap { Int($0) })
            #expect(try client.receiveToEnd().count <= announced)
            try await expectFailure(engine)
        }
    }

    /// The one response so far is known to have failed by the server's fault.
    private func expectFailure(_ engine: Engine) async throws {
        let exchange = try await engine.exchanges(1)[0]
        #expect(!exchange.isComplete)
        #expect(exchange.status == .ok)
        try await eventually { engine.failures.value == [exchange.requestID] }
    }

    @Test(
        "a reader that does not read holds the stream back, and loses nothing",
        arguments: ["/stream?n=64000000", "/growing?"])
    func backPressure(_ target: String) async throws {
        try await withEngine { engine in
            let client = try engine.client(receiveBuffer: 1 << 10)
            try client.send("GET \(target)&chunk=10000 HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = try client.readHead()
            try await eventually { engine.handler.streams.value.taken > 0 }
            let other = try engine.client()
            for _ in 0..<200 { _ = try other.request("GET", "/hello") }
            // What the kernel keeps for a socket; nothing more.
            #expect(engine.handler.streams.value.taken < 16 << 20)
            let count = target == "/growing?" ? SmallHandler.fileSize : 64_000_000
            let received = try client.receive(exactly: count)
            // The pattern of a stream begins again after 8 MiB.
            #expect(received.prefix(3 << 20).elementsEqual(pattern(3 << 20)))
            #expect(try client.request("GET", "/hello").text == "hello")
        }
    }

    @Test("a reader that stalls ends the stream")
    func stalled() async throws {
        var limits = ServerLimits()
        limits.stallTimeout = 2
        try await withEngine(limits) { engine in
            let client = try engine.client(receiveBuffer: 4 << 10)
            try client.send("GET /stream?n=4000000000 HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await engine.exchanges(1)[0].isComplete == false)
            #expect(engine.handler.streams.value.ended == 1)
            try await eventually { engine.server.openConnections == 0 }
            #expect(engine.failures.value.isEmpty)
        }
    }

    @Test("a stream that runs when the server stops comes to its end")
    func drains() async throws {
        try await withEngine { engine in
            let client = try engine.client()
            try client.send("GET /stream-gate?n=600000 HTTP/1.1\r\nHost: a\r\n\r\n")
            try await eventually { engine.handler.gate.waiting == 1 }
            let left = Task.detached { await engine.server.shutDown(timeout: 30) }
            try await eventually { engine.server.isDraining }
            engine.handler.gate.open()
            #expect(try client.readResponse().body == pattern(600_000))
            #expect(try client.receiveToEnd() == [])
            client.close()
            #expect(await left.value == 0)
        }
    }

    @Test("a stream that never pauses leaves the others their turns")
    func fairness() async throws {
        try await withEngine { engine in
            let download = try engine.client()
            async let downloading: Void = OwnThread.run {
                try download.send("GET /stream?n=90000000000&chunk=8000000 HTTP/1.1\r\nHost: a\r\n\r\n")
                // Ends when the test shuts the socket down.
                while let bytes = try? download.receive(), !bytes.isEmpty {}
            }
            try await eventually { engine.handler.streams.value.taken > 0 }
            let times = try await OwnThread.run {
                let client = try engine.client()
                let clock = ContinuousClock()
                return try (0..<200).map { _ in
                    let start = clock.now
                    _ = try client.request("GET", "/hello")
                    return clock.now - start
                }.sorted()
            }
            download.finishBoth()
            _ = try await downloading
            // Generous, as the machine is shared; without turns nothing would be answered before the end.
            #expect(times[100] < .milliseconds(40))
            try await eventually { engine.handler.streams.value.ended == 1 }
        }
    }
}
