import EventLoop
import HTTPServer
import TestSupport
import Testing

@Suite("Request bodies", .serialized, .overBothTransports, .timeLimit(.minutes(1)))
struct RequestBodyTests {
    private static let sizes = [0, 1, 16_383, 16_384, 16_385, 262_143, 262_144, 262_145, 3_000_000]

    @Test("bodies with a length arrive whole, and the next request behind them", arguments: sizes)
    func counted(_ size: Int) async throws {
        try await withEngine { engine in
            let client = try engine.client()
            for _ in 0..<2 {
                let response = try client.request("PUT", "/check", body: pattern(size))
                #expect(response.text == "\(size) ok\n")
            }
            #expect(try await engine.exchanges(2).map(\.bytesIn) == [size, size])
        }
    }

    @Test("chunked bodies arrive whole, whatever the chunks", arguments: sizes, [1, 7, 4_096, 300_000])
    func chunks(_ size: Int, _ chunk: Int) async throws {
        // Six bytes for each byte of data are enough for one size.
        guard size <= 300_000 || chunk > 7 else { return }
        let head = Array("PUT /check HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
        let body = chunked(pattern(size)) { chunk }
        try await withEngine { engine in
            let client = try engine.client()
            for _ in 0..<2 {
                try client.send(head + body)
                #expect(try client.readResponse().text == "\(size) ok\n")
            }
            #expect(try await engine.exchanges(2).map(\.bytesIn) == [size, size])
        }
    }

    @Test("a chunked body may come in any pieces, with extensions and trailers")
    func pieces() async throws {
        try await withEngine { engine in
            var generator = SeededGenerator(for: "RequestBodyTests.pieces")
            let client = try engine.client()
            for _ in 0..<20 {
                let size = Int.random(in: 0...5_000, using: &generator)
                var bytes = Array("PUT /check HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
                bytes += chunked(pattern(size)) { Int.random(in: 1...500, using: &generator) }
                bytes.replaceSubrange(bytes.count - 5..<bytes.count, with: Array("0;last\r\nX-Sum: 1\r\n\r\n".utf8))
                while !bytes.isEmpty {
                    let count = Int.random(in: 1...min(bytes.count, 900), using: &generator)
                    try client.send(bytes[..<count])
                    bytes.removeFirst(count)
                }
                #expect(try client.readResponse().text == "\(size) ok\n")
            }
        }
    }

    @Test(
        "a chunked body that breaks the rules is answered with 400 and ends the connection",
        arguments: ["x\r\n", "5\r\nhelloo", "5 5\r\n", "10000000000000000\r\n", "0\r\nno trailer\r\n"])
    func malformed(_ body: String) async throws {
        try await withEngine { engine in
            for path in ["/echo", "/check", "/again"] {
                let client = try engine.client()
                try client.send("PUT \(path) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(body)")
                let response = try client.readResponse()
                #expect(response.status == 400)
                #expect(response["Connection"] == "close")
                #expect(try client.receiveToEnd() == [])
            }
        }
    }

    @Test("a body longer than the limit is 413, by its length at once, in chunks as soon as it is longer")
    func tooLong() async throws {
        var limits = ServerLimits()
        limits.body = 1_000
        try await withEngine(limits) { engine in
            let counted = try engine.client()
            #expect(try counted.request("PUT", "/echo", body: pattern(1_000)).status == 200)
            for length in [1_001, 999_999_999_999] {
                let client = try engine.client()
                try client.send("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \(length)\r\n\r\n")
                let response = try client.readResponse()
                #expect(response.status == 413)
                #expect(response["Connection"] == "close")
                #expect(try client.receiveToEnd() == [])
            }
            let head = Array("PUT /check HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
            let chunks = try engine.client()
            try chunks.send(head + chunked(pattern(1_000)) { 100 })
            #expect(try chunks.readResponse().status == 200)
            try chunks.send(head + Array("ffffff\r\n".utf8) + pattern(1_001))
            #expect(try chunks.readResponse().status == 413)
            #expect(try chunks.receiveToEnd() == [])
        }
    }

    @Test("a handler's own limit holds for both framings")
    func collecting() async throws {
        try await withEngine { engine in
            let client = try engine.client()
            #expect(try client.request("PUT", "/collect?n=10", body: pattern(10)).status == 200)
            #expect(try client.request("PUT", "/collect?n=10", body: pattern(11)).status == 413)
            let head = Array("PUT /collect?n=10 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
            try client.send(head + chunked(pattern(10)) { 3 })
            #expect(try client.readResponse().status == 200)
            try client.send(head + chunked(pattern(11)) { 3 })
            #expect(try client.readResponse().status == 413)
        }
    }

    @Test("bodies in memory are bounded over all connections")
    func memory() async throws {
        var limits = ServerLimits()
        limits.bufferedBytes = 1 << 20
        try await withEngine(limits) { engine in
            let client = try engine.client()
            #expect(try client.request("PUT", "/echo", body: pattern(400 << 10)).body == pattern(400 << 10))
            let other = try engine.client()
            let response = try other.request("PUT", "/echo", body: pattern(2 << 20))
            #expect(response.status == 503)
            #expect(try other.receiveToEnd() == [])
            #expect(try engine.client().request("GET", "/bytes?n=\(2 << 20)").status == 503)
            // What they took was given back.
            for _ in 0..<10 {
                #expect(try client.request("PUT", "/echo", body: pattern(400 << 10)).status == 200)
            }
        }
    }

    @Test("who is admitted is not refused half-way, and who is not is told before the body")
    func admission() async throws {
        var limits = ServerLimits()
        limits.bufferedBytes = 1 << 20
        try await withEngine(limits) { engine in
            let body = pattern(600 << 10)
            let head = "PUT /collect?n=\(body.count) HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n"
            let first = try engine.client()
            // The interim response says that it is being read.
            try first.send(head + "Expect: 100-continue\r\n\r\n")
            #expect(try first.receive(exactly: 25).starts(with: Array("HTTP/1.1 100".utf8)))
            let second = try engine.client()
            try second.send(head + "Expect: 100-continue\r\n\r\n")
            let refusal = try second.readResponse()
            #expect(refusal.status == 503 && refusal.interim.isEmpty)
            try first.send(body)
            #expect(try first.readResponse().status == 200)
        }
    }

    // MARK: Expect: 100-continue

    private func expecting(_ path: String, _ fields: String) -> String {
        "PUT \(path) HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\(fields)\r\n\r\n"
    }

    @Test("100 comes before the body is sent, once", arguments: ["Content-Length: 5", "Transfer-Encoding: chunked"])
    func continues(_ framing: String) async throws {
        try await withEngine { engine in
            let client = try engine.client()
            let body = framing.hasPrefix("C") ? pattern(5) : chunked(pattern(5)) { 2 }
            for _ in 0..<3 {
                try client.send(expecting("/check", framing))
                let interim = try client.receive(exactly: 25)
                #expect(String(decoding: interim, as: UTF8.self) == "HTTP/1.1 100 Continue\r\n\r\n")
                try client.send(body)
                let response = try client.readResponse()
                #expect(response.interim.isEmpty)
                #expect(response.text == "5 ok\n")
            }
            // A client that does not wait gets no interim response.
            try client.send(Array(expecting("/check", framing).utf8) + body)
            let response = try client.readResponse()
            #expect(response.interim.isEmpty)
            #expect(response.text == "5 ok\n")
        }
    }

    @Test("a final answer without the body ends the connection, as nobody knows whether the body will come")
    func finalAnswer() async throws {
        try await withEngine { engine in
            for target in ["/ignore", "/nowhere", "/collect?n=4"] {
                let client = try engine.client()
                try client.send(expecting(target, "Content-Length: 5"))
                let response = try client.readResponse()
                #expect(response.interim.isEmpty)
                #expect(response["Connection"] == "close")
                #expect(try client.receiveToEnd() == [])
            }
        }
    }

    @Test("an unknown expectation is 417")
    func unknownExpectation() async throws {
        try await withEngine { engine in
            let client = try engine.client()
            try client.send("PUT /echo HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 5\r\n\r\n")
            #expect(try client.readResponse().status == 417)
            #expect(try client.receiveToEnd() == [])
        }
    }

    // MARK: Bodies nobody reads

    @Test("a small body that nobody read is skipped and the connection goes on", arguments: [1, 1_000, 65_536])
    func smallUnread(_ size: Int) async throws {
        try await withEngine { engine in
            let client = try engine.client()
            for _ in 0..<3 {
                let response = try client.request("PUT", "/ignore", body: pattern(size))
                #expect(response.text == "ignored")
                #expect(response["Connection"] == nil)
            }
            // The response comes before the body does.
            try client.send("PUT /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
            #expect(try client.readResponse().text == "ignored")
            try client.send(pattern(size))
            #expect(try client.request("GET", "/hello").text == "hello")
        }
    }

    @Test("a large body that nobody read ends the connection, but not before the client has its response")
    func largeUnread() async throws {
        try await withEngine { engine in
            for framing in ["Content-Length: 33554432", "Transfer-Encoding: chunked"] {
                let client = try engine.client()
                try client.send("PUT /ignore HTTP/1.1\r\nHost: a\r\n\(framing)\r\n\r\n")
                // A client that looks at the response only when it has sent everything.
                try await OwnThread.run { for _ in 0..<32 { try client.send(pattern(1 << 20)) } }
                let response = try client.readResponse()
                #expect(response.text == "ignored")
                #expect(response["Connection"] == "close")
                #expect(try client.receiveToEnd() == [])
            }
        }
    }

    @Test("a client that never stops sending is cut off after its response")
    func endlessUnread() async throws {
        try await withEngine { engine in
            let client = try engine.client()
            try client.send("PUT /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n")
            let block = [UInt8](repeating: 0, count: 1 << 20)
            await #expect(throws: RawHTTPError.reset) {
                try await OwnThread.run { while true { try client.send(block) } }
            }
            try await eventually { engine.server.openConnections == 0 }
        }
    }
}
