import HTTPServer
import TestSupport
import Testing

@Suite("Pipelining", .serialized, .overBothTransports, .timeLimit(.minutes(1)))
struct PipeliningTests {
    @Test("a hundred requests in one write are answered in order")
    func inOrder() async throws {
        try await withEngine { engine in
            let client = try engine.client()
            try client.send((0..<100).map { "GET /target?\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined())
            for number in 0..<100 { #expect(try client.readResponse().text == "/target?\(number)") }
        }
    }

    @Test("requests with bodies of every framing and none, in one write")
    func withBodies() async throws {
        var generator = SeededGenerator(for: "PipeliningTests.withBodies")
        var bytes: [UInt8] = []
        var expected: [[UInt8]] = []
        for number in 0..<100 {
            let size = [0, 1, 17, 1_000, 20_000, 70_000].randomElement(using: &generator) ?? 0
            let body = pattern(size, from: number)
            switch number % 3 {
            case 0:
                bytes += Array("GET /target?\(number) HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
                expected.append(Array("/target?\(number)".utf8))
            case 1:
                bytes += Array("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n".utf8) + body
                expected.append(body)
            default:
                bytes += Array("PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
                bytes += chunked(body) { Int.random(in: 1...5_000, using: &generator) }
                expected.append(body)
            }
        }
        try await withEngine { [bytes, expected] engine in
            let client = try engine.client()
            async let sending: Void = OwnThread.run { try client.send(bytes) }
            let bodies = try await OwnThread.run { try expected.map { _ in try client.readResponse().body } }
            try await sending
            #expect(bodies == expected)
            #expect(try await engine.exchanges(100).allSatisfy { $0.isComplete })
        }
    }

    @Test("a request may end anywhere in a write, and the next begin there")
    func randomWrites() async throws {
        var generator = SeededGenerator(for: "PipeliningTests.randomWrites")
        let requests = (0..<40).map { "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n\(100 + $0)" }.joined()
        var rest = Array(requests.utf8)
        var pieces: [[UInt8]] = []
        while !rest.isEmpty {
            pieces.append(Array(rest.prefix(Int.random(in: 1...70, using: &generator))))
            rest.removeFirst(pieces[pieces.count - 1].count)
        }
        try await withEngine { [pieces] engine in
            let client = try engine.client()
            for piece in pieces { try client.send(piece) }
            for number in 0..<40 { #expect(try client.readResponse().text == "\(100 + number)") }
        }
    }

    @Test("empty lines between requests are skipped")
    func emptyLines() async throws {
        try await withEngine { engine in
            let client = try engine.client()
            for _ in 0..<3 {
                try client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n\r\n")
                #expect(try client.readResponse().text == "hello")
            }
        }
    }

    @Test("what follows a request that closes the connection is not answered, and takes no response from the client")
    func behindClose() async throws {
        try await withEngine { engine in
            let client = try engine.client(receiveBuffer: 4 << 10)
            let more = String(repeating: "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", count: 20_000)
            try client.send("GET /file HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            async let sending: Void = OwnThread.run { try client.send(more) }
            let response = try await OwnThread.run { try client.readResponse() }
            #expect(response.body == pattern(SmallHandler.fileSize))
            #expect(try client.receiveToEnd() == [])
            try await sending
            #expect(engine.exchanges.value.count == 1)
        }
    }

    @Test("heads larger than the first buffer are read behind one another")
    func largeHeads() async throws {
        try await withEngine { engine in
            let client = try engine.client()
            let fields = (0..<6).map { "X-\($0): " + String(repeating: "x", count: 5_000) + "\r\n" }.joined()
            let request = "GET /hello HTTP/1.1\r\nHost: a\r\n\(fields)\r\n"
            try client.send(String(repeating: request, count: 5))
            for _ in 0..<5 { #expect(try client.readResponse().text == "hello") }
        }
    }
}
