import EventLoop
import Glibc
import HTTPClient
import TestSupport
import Testing

@Suite("HTTPClient")
struct HTTPClientTests {
    private func serve(_ script: @escaping ScriptedServer.Script) throws -> ScriptedServer {
        try ScriptedServer(script)
    }

    @Test(
        "what goes over the wire",
        arguments: [
            ("GET", HTTPRequestBody.none, nil), ("HEAD", .none, nil), ("DELETE", .none, nil), ("PUT", .none, "0"),
            ("PUT", .bytes(Array("hello".utf8)), "5"), ("POST", .none, "0"), ("POST", .bytes([1, 2]), "2"),
        ] as [(String, HTTPRequestBody, String?)])
    func wire(method: String, body: HTTPRequestBody, length: String?) async throws {
        let server = try serve { connection in
            let request = try connection.request()
            try connection.send(
                "HTTP/1.1 200 OK\r\nX-A: b \r\nContent-Length: \(request.method == "HEAD" ? 99 : 2)\r\n\r\n")
            if request.method != "HEAD" { try connection.send("ok") }
        }
        let request = HTTPRequest(
            method: method, url: "\(server.origin)/a/../b%2Fc//d?x=1", fields: [("X-Q", "v 1"), ("X-Empty", "")],
            body: body)
        let response = try await TestHTTP.client().send(request, limit: 100)
        #expect((response.status, response.fields["x-a"]) == (200, "b"))
        #expect(response.bytes == (method == "HEAD" ? [] : Array("ok".utf8)))
        #expect(!response.isResent)
        let seen = try #require(server.requests.first)
        #expect((seen.method, seen.target) == (method, "/a/../b%2Fc//d?x=1"))
        #expect((seen.field("X-Q"), seen.field("X-Empty")) == ("v 1", ""))
        #expect(seen.field("Host") == "127.0.0.1:\(server.port)")
        #expect(seen.field("Content-Length") == length)
        #expect(seen.body.count == body.count)
        for absent in ["Expect", "Transfer-Encoding", "Content-Type", "Accept-Encoding", "Proxy-Connection"] {
            #expect(seen.field(absent) == nil, "\(absent)")
        }
    }

    @Test("a connection is used again, also after an error, and for every method in turn")
    func keepsAlive() async throws {
        let server = try serve { connection in
            while true { try connection.answer(connection.request().method == "PUT" ? 403 : 204) }
        }
        let client = try TestHTTP.client()
        for method in ["GET", "PUT", "HEAD", "DELETE", "POST", "GET"] {
            let body: HTTPRequestBody = method == "PUT" ? .bytes([1]) : .none
            let request = HTTPRequest(method: method, url: server.origin, body: body)
            #expect(try await client.send(request, limit: 0).status == (method == "PUT" ? 403 : 204))
        }
        #expect(server.requests.map(\.method) == ["GET", "PUT", "HEAD", "DELETE", "POST", "GET"])
        #expect(server.connections == 1)
    }

    @Test("interim answers and fields after the body do not count")
    func interim() async throws {
        let server = try serve { connection in
            _ = try connection.request()
            try connection.send("HTTP/1.1 102 Wait\r\nX-A: early\r\n\r\nHTTP/1.1 200 OK\r\nX-A: right\r\n")
            try connection.send("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-A: late\r\n\r\n")
        }
        let response = try await TestHTTP.client().send(HTTPRequest(url: server.origin), limit: 3)
        #expect((response.status, response.fields["X-A"], response.bytes.count) == (200, "right", 3))
    }

    @Test("redirects are answers, not followed")
    func redirects() async throws {
        let server = try serve { connection in
            while true {
                _ = try connection.request()
                try connection.answer(307, ["Location: /other"])
            }
        }
        #expect(try await TestHTTP.client().send(HTTPRequest(url: server.origin), limit: 9).status == 307)
        #expect(server.requests.count == 1)
    }

    @Test("a body in pieces arrives whole", arguments: [0, 1, 1000, 65_536, 65_537, 200_000])
    func pieces(count: Int) async throws {
        let server = try serve { connection in
            _ = try connection.request()
            try connection.answer(200)
        }
        let bytes = sampleBytes(count)
        var pieces: [Buffer] = []
        for start in stride(from: 0, to: count, by: 1000) {
            let piece = Buffer(capacity: 1000)
            bytes[start..<min(start + 1000, count)].withUnsafeBytes {
                piece.base.copyMemory(from: $0.baseAddress!, byteCount: $0.count)
            }
            pieces.append(piece)
        }
        let request = HTTPRequest(method: "PUT", url: server.origin, body: .pieces(pieces, count: count))
        #expect(try await TestHTTP.client().send(request, limit: 0).status == 200)
        #expect(server.requests.first?.body == bytes)
    }

    @Test("a body longer than allowed is refused, announced or not, and an error may be longer")
    func limits() async throws {
        let server = try serve { connection in
            while true {
                switch try connection.request().target {
                case "/long": try connection.answer(200, body: String(repeating: "x", count: 101))
                case "/chunked":
                    try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n60\r\n")
                    try connection.send(String(repeating: "x", count: 96) + "\r\n5\r\nabcde\r\n0\r\n\r\n")
                case "/error": try connection.answer(404, body: String(repeating: "x", count: 101))
                default: try connection.answer(200, body: String(repeating: "x", count: 100))
                }
            }
        }
        let client = try TestHTTP.client()
        let exact = try await client.send(HTTPRequest(url: "\(server.origin)/exact"), limit: 100)
        #expect(exact.bytes.count == 100)
        #expect(try await client.send(HTTPRequest(url: "\(server.origin)/error"), limit: 100).bytes.count == 101)
        for path in ["/long", "/chunked"] {
            let error = await #expect(throws: HTTPTransportError.self) {
                try await client.send(HTTPRequest(url: server.origin + path), limit: 100)
            }
            #expect(error?.excessiveLength == 101)
            #expect(error?.isPermanent == true)
        }
    }

    @Test("line ends in a field are refused before anything is sent")
    func injection() async throws {
        let error = await #expect(throws: HTTPTransportError.self) {
            let request = HTTPRequest(url: "http://127.0.0.1:1", fields: [("X-A", "b\r\nX-C: d")])
            return try await TestHTTP.client().send(request, limit: 0)
        }
        #expect(error?.isPermanent == true)
    }

    @Test("no more requests at once than connections; the others wait in order")
    func bounded() async throws {
        let (open, most) = (Guarded(0), Guarded(0))
        let server = try serve { connection in
            while true {
                _ = try connection.request()
                let now = open.change { count in
                    count += 1
                    return count
                }
                most.change { $0 = max($0, now) }
                open.change { $0 -= 1 }
                try connection.answer(200)
            }
        }
        let client = try TestHTTP.client(connections: 3)
        try await withThrowingTaskGroup { group in
            for number in 0..<60 {
                group.addTask {
                    let request = HTTPRequest(url: "\(server.origin)/\(number)")
                    let status = try await client.send(request, limit: 0).status
                    #expect(status == 200)
                }
            }
            try await group.waitForAll()
        }
        #expect(server.requests.count == 60)
        #expect(server.connections <= 3)
        #expect(most.value <= 3)
    }

    @Test("requests from a loop are made on that loop, others on any")
    func loops() async throws {
        let server = try serve { connection in
            while true {
                _ = try connection.request()
                try connection.answer(200)
            }
        }
        let loop = try TestHTTP.loop()
        let client = try TestHTTP.client()
        let isCurrent = try await Task(executorPreference: loop) {
            _ = try await client.send(HTTPRequest(url: server.origin), limit: 0)
            return EventLoop.current === loop
        }.value
        #expect(isCurrent)
        #expect(try await client.send(HTTPRequest(url: server.origin), limit: 0).status == 200)
    }

    @Test("child processes do not inherit connections")
    func closesOnExec() async throws {
        let server = try serve { connection in
            while true {
                _ = try connection.request()
                try connection.answer(200)
            }
        }
        let client = try TestHTTP.client()
        _ = try await client.send(HTTPRequest(url: server.origin), limit: 0)
        let sockets = (3..<CInt(4096)).filter { peerPort(of: $0) == server.port }
        #expect(!sockets.isEmpty)
        #expect(sockets.allSatisfy { fcntl($0, F_GETFD) & FD_CLOEXEC != 0 })
        withExtendedLifetime(client) {}
    }

    /// The port a socket is connected to; nil for other descriptors.
    private func peerPort(of descriptor: CInt) -> UInt16? {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &length) }
        }
        return status == 0 && address.sin_family == sa_family_t(AF_INET) ? UInt16(bigEndian: address.sin_port) : nil
    }
}
