import EventLoop
import HTTPServer
import TestSupport
import Testing

/// `withEngine` checks after each of them that no connection and no descriptor is left.
@Suite("Clients that go away", .serialized, .overBothTransports, .timeLimit(.minutes(1)))
struct DisconnectTests {
    @Test("a client may end its sending side after its request", arguments: ["/hello", "/file", "/gate"])
    func halfClose(_ target: String) async throws {
        try await withEngine { engine in
            let client = try engine.client()
            try client.send("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
            client.finishSending()
            if target == "/gate" {
                try await eventually { engine.handler.gate.waiting == 1 }
                engine.handler.gate.open()
            }
            let response = try client.readResponse()
            #expect(response.status == 200)
            if target == "/file" { #expect(response.body == pattern(SmallHandler.fileSize)) }
            #expect(try client.receiveToEnd() == [])
        }
    }

    @Test("all requests before the end of the stream are answered")
    func halfClosePipelined() async throws {
        try await withEngine { engine in
            let client = try engine.client()
            try client.send((0..<20).map { "GET /target?\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined() + "GET /la")
            client.finishSending()
            for number in 0..<20 { #expect(try client.readResponse().text == "/target?\(number)") }
            #expect(try client.receiveToEnd() == [])
        }
    }

    @Test("a client that connects and leaves, or leaves within a head")
    func earlyLeave() async throws {
        try await withEngine { engine in
            for bytes in ["", "G", "GET / HTTP/1.1\r\nHost: a\r\n", "\r\n"] {
                for ending in 0..<3 {
                    let client = try engine.client()
                    try client.send(bytes)
                    switch ending {
                    case 0: client.close()
                    case 1: client.reset()
                    default:
                        client.finishSending()
                        #expect(try client.receiveToEnd() == [])
                    }
                }
            }
            try await eventually { engine.server.openConnections == 0 }
            #expect(engine.exchanges.value.isEmpty)
            #expect(engine.rejections.value.isEmpty)
        }
    }

    @Test("a client that leaves within its body", arguments: [true, false], [0, 10, 300_000])
    func duringUpload(_ resets: Bool, _ sent: Int) async throws {
        try await withEngine { engine in
            for framing in ["Content-Length: 1000000", "Transfer-Encoding: chunked"] {
                let client = try engine.client()
                let start = framing.hasPrefix("T") && sent > 0 ? "fffff\r\n" : ""
                try client.send("PUT /check HTTP/1.1\r\nHost: a\r\n\(framing)\r\n\r\n\(start)")
                try client.send(pattern(sent))
                if resets { client.reset() } else { client.close() }
            }
            for exchange in try await engine.exchanges(2) {
                #expect(exchange.status.code == 499)
                #expect(!exchange.isComplete)
            }
            try await eventually { engine.server.openConnections == 0 }
        }
    }

    @Test("a client that leaves within a response", arguments: [true, false], ["/file", "/zeros", "/bytes?n=9000000"])
    func duringDownload(_ resets: Bool, _ target: String) async throws {
        try await withEngine { engine in
            let client = try engine.client(receiveBuffer: 4 << 10)
            try client.send("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = try client.readHead()
            _ = try client.receive(exactly: 1_000)
            // Closing with unread bytes is a reset too; the orderly way is to stop sending first.
            if !resets { client.finishSending() }
            client.reset()
            let exchange = try await engine.exchanges(1)[0]
            #expect(!exchange.isComplete)
            #expect(exchange.bytesOut > 0)
            try await eventually { engine.server.openConnections == 0 }
        }
    }

    @Test("a client that leaves while its handler works")
    func duringHandler() async throws {
        try await withEngine { engine in
            for _ in 0..<3 {
                let client = try engine.client()
                try client.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n")
            }
            try await eventually { engine.handler.gate.waiting == 3 }
            let client = try engine.client()
            try client.send("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n")
            try await eventually { engine.handler.gate.waiting == 4 }
            client.reset()
            engine.handler.gate.open()
            try await eventually { engine.server.openConnections == 0 }
            #expect(try await engine.exchanges(4).allSatisfy { $0.peer == "127.0.0.1" })
        }
    }

    @Test("hundreds of clients that do all of it at random leave nothing behind")
    func storm() async throws {
        let requests = [
            "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", "GET /file HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /zeros HTTP/1.1\r\nHost: a\r\n\r\n", "PUT /check HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123",
            "PUT /check HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "GET /x", "\u{16}\u{3}",
            "PUT /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n\r\nabc", "GET /fail HTTP/1.0\r\n\r\n",
            "PUT /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        ]
        try await withEngine(loops: 2) { engine in
            var generator = SeededGenerator(for: "DisconnectTests.storm")
            var clients: [RawHTTPClient] = []
            for _ in 0..<600 {
                let client = try engine.client()
                let bytes = Array((requests.randomElement(using: &generator) ?? "").utf8)
                try client.send(bytes[..<Int.random(in: 0...bytes.count, using: &generator)])
                clients.append(client)
                guard clients.count > 40 else { continue }
                let place = Int.random(in: 0..<clients.count, using: &generator)
                let leaving = clients.remove(at: place)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: leaving.reset()
                case 1: leaving.close()
                case 2: leaving.finishSending()
                default:
                    leaving.finishSending()
                    // Whatever it gets: it leaves when it has got it.
                    _ = try? leaving.readHead()
                }
            }
            for client in clients { client.reset() }
            try await eventually { engine.server.openConnections == 0 }
            #expect(try engine.client().request("GET", "/hello").text == "hello")
        }
    }
}
