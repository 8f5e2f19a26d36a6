import EventLoop
import TestSupport
import Testing

/// What the faults of the tests' proxy are on the wire, on both of its sides.
@Suite("FaultProxy", .timeLimit(.minutes(2)))
struct FaultProxyTests {
    private static let content = sampleBytes(10_000)
    private static let upload = sampleBytes(200_000, seed: 2)

    /// What S3 gets and answers; the second answer is another one.
    private static func server(isChunked: Bool = false) throws -> ScriptedServer {
        try ScriptedServer { connection in
            var count = 0
            while true {
                try connection.request()
                count += 1
                if isChunked {
                    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2710\r\n"
                    try connection.send(Array(head.utf8) + content + Array("\r\n0\r\n\r\n".utf8))
                } else {
                    let head = "HTTP/1.1 200 OK\r\nX-Number: \(count)\r\nContent-Length: \(content.count)\r\n\r\n"
                    try connection.send(Array(head.utf8) + content)
                }
            }
        }
    }

    private static func client(_ proxy: FaultProxy) throws -> RawHTTPClient {
        let address = proxy.endpoint.dropFirst("http://".count)
        return try RawHTTPClient(try #require(SocketAddress(String(address))))
    }

    private static func put(_ client: RawHTTPClient) throws {
        let head = "PUT /test/k HTTP/1.1\r\nHost: test\r\nContent-Length: \(upload.count)\r\n\r\n"
        try client.send(Array(head.utf8) + upload)
    }

    private static func get(_ client: RawHTTPClient) throws {
        try client.send("GET /test/k HTTP/1.1\r\nHost: test\r\n\r\n")
    }

    /// What comes until the end, and whether that is a reset.
    private static func rest(_ client: RawHTTPClient) throws -> (bytes: [UInt8], isReset: Bool) {
        var bytes: [UInt8] = []
        do throws(RawHTTPError) {
            while true {
                let more = try client.receive()
                if more.isEmpty { return (bytes, false) }
                bytes += more
            }
        } catch {
            guard case .reset = error else { throw error }
            return (bytes, true)
        }
    }

    @Test("without a fault every byte passes, on one connection")
    func none() throws {
        let server = try Self.server()
        let proxy = try FaultProxy(to: server.port)
        let client = try Self.client(proxy)
        for number in 1...3 {
            try Self.put(client)
            let response = try client.readResponse()
            #expect(response.body == Self.content && response["X-Number"] == "\(number)")
        }
        #expect(server.requests.map(\.body) == [Self.upload, Self.upload, Self.upload])
        #expect(server.connections == 1 && proxy.faults.isEmpty)
        #expect(proxy.counter.bytesSent == 3 * Self.upload.count)
        #expect(proxy.counter.bytesReceived == 3 * Self.content.count)
    }

    @Test("an answer of its own, which S3 does not hear of", arguments: ["PUT", "HEAD"])
    func answer(method: String) throws {
        let server = try Self.server()
        let proxy = try FaultProxy(to: server.port)
        proxy.add(.answer(503, "SlowDown"))
        let client = try Self.client(proxy)
        let response = try client.request(method, "/test/k", body: method == "PUT" ? Self.upload : nil)
        #expect(response.status == 503)
        #expect(String(decoding: response.body, as: UTF8.self).contains("<Code>SlowDown</Code>") == (method == "PUT"))
        #expect(server.connections == 0)
        try Self.get(client)
        #expect(try client.readResponse().body == Self.content)
    }

    @Test("a 200 with an error, after S3 did it or instead", arguments: [true, false])
    func okWithError(isDone: Bool) throws {
        let server = try Self.server()
        let proxy = try FaultProxy(to: server.port)
        proxy.add(.okWithError("InternalError", isDone: isDone))
        let client = try Self.client(proxy)
        let response = try client.request("PUT", "/test/k", body: Self.upload)
        #expect(response.status == 200)
        #expect(String(decoding: response.body, as: UTF8.self).contains("<Error><Code>InternalError</Code>"))
        #expect(server.requests.map(\.body) == (isDone ? [Self.upload] : []))
    }

    @Test("a reset before the request: S3 sees nothing of it")
    func resetBeforeRequest() throws {
        let server = try Self.server()
        let proxy = try FaultProxy(to: server.port)
        proxy.add(.resetBeforeRequest)
        let client = try Self.client(proxy)
        try Self.get(client)
        #expect(try Self.rest(client) == ([], true))
        #expect(server.connections == 0)
    }

    @Test("a reset in the request: S3 sees the head and half of the body, and then the end")
    func resetInRequestBody() async throws {
        let seen = Guarded<[UInt8]?>(nil)
        let server = try ScriptedServer { connection in
            try connection.request(readingBody: false)
            let bytes = connection.rest()
            seen.change { $0 = bytes }
        }
        let proxy = try FaultProxy(to: server.port)
        proxy.add(.resetInRequestBody)
        let client = try Self.client(proxy)
        // The reset may come while it still sends.
        try? Self.put(client)
        #expect(try Self.rest(client) == ([], true))
        try await eventually { seen.value != nil }
        #expect(seen.value == Array(Self.upload[..<(Self.upload.count / 2)]))
    }

    @Test("a reset before the answer: S3 has done it, the client gets no byte")
    func resetBeforeAnswer() throws {
        let server = try Self.server()
        let proxy = try FaultProxy(to: server.port)
        proxy.add(.resetBeforeAnswer)
        let client = try Self.client(proxy)
        try Self.put(client)
        #expect(try Self.rest(client) == ([], true))
        #expect(server.requests.map(\.body) == [Self.upload])
        #expect(proxy.counter.bytesReceived == Self.content.count, "it has waited for the answer")
    }

    @Test("half an answer, and a reset or a plain end", arguments: [true, false], [true, false])
    func halfAnAnswer(isReset: Bool, isChunked: Bool) throws {
        let server = try Self.server(isChunked: isChunked)
        let proxy = try FaultProxy(to: server.port)
        proxy.add(isReset ? .resetInAnswerBody : .truncateAnswer)
        let client = try Self.client(proxy)
        try Self.get(client)
        #expect(try client.readHead().status == 200)
        let (bytes, wasReset) = try Self.rest(client)
        let half = Array(Self.content[..<(Self.content.count / 2)])
        #expect(bytes == (isChunked ? Array("2710\r\n".utf8) + half : half))
        #expect(wasReset == isReset)
    }

    @Test("a stall before the answer, which is whole afterwards; S3 has the request meanwhile")
    func stallBeforeAnswer() async throws {
        let server = try Self.server()
        let proxy = try FaultProxy(to: server.port)
        proxy.add(.stallBeforeAnswer(milliseconds: 400))
        let client = try Self.client(proxy)
        let begun = ContinuousClock.now
        try Self.get(client)
        try await eventually { server.requests.count == 1 }
        #expect(!client.hasInput || ContinuousClock.now - begun >= .milliseconds(400))
        #expect(try client.readResponse().body == Self.content)
        #expect(ContinuousClock.now - begun >= .milliseconds(400))
    }

    @Test("a stall in the answer: half of it comes at once, the rest later", arguments: [true, false])
    func stallInAnswerBody(isChunked: Bool) throws {
        let server = try Self.server(isChunked: isChunked)
        let proxy = try FaultProxy(to: server.port)
        proxy.add(.stallInAnswerBody(milliseconds: 400))
        let client = try Self.client(proxy)
        let begun = ContinuousClock.now
        try Self.get(client)
        #expect(try client.readHead().status == 200)
        if isChunked { _ = try client.receive(exactly: 6) }
        let half = try client.receive(exactly: Self.content.count / 2)
        #expect(!client.hasInput || ContinuousClock.now - begun >= .milliseconds(400))
        #expect(try half + client.receive(exactly: Self.content.count / 2) == Self.content)
        #expect(ContinuousClock.now - begun >= .milliseconds(400))
    }

    @Test("an interruption calls back, after S3's answer or without S3, and resets", arguments: [true, false])
    func interrupt(isDone: Bool) throws {
        let server = try Self.server()
        let proxy = try FaultProxy(to: server.port)
        let requests = Guarded<Int?>(nil)
        proxy.add(.interrupt(isDone: isDone) { requests.change { $0 = server.requests.count } })
        let client = try Self.client(proxy)
        try Self.put(client)
        #expect(try Self.rest(client) == ([], true))
        #expect(requests.value == (isDone ? 1 : 0))
    }

    @Test("twice: S3 gets the same request two times, the client the second answer")
    func twice() throws {
        let server = try Self.server()
        let proxy = try FaultProxy(to: server.port)
        proxy.add(.twice)
        let client = try Self.client(proxy)
        try Self.put(client)
        let response = try client.readResponse()
        #expect(response["X-Number"] == "2" && response.body == Self.content)
        #expect(server.requests.map(\.body) == [Self.upload, Self.upload])
        #expect(server.requests[0].head == server.requests[1].head)
        // Nothing of the first answer is left.
        try Self.get(client)
        #expect(try client.readResponse()["X-Number"] == "3")
    }

    @Test("a clock that is off is in every date, and refuses what is signed", arguments: [3600, -3600])
    func clock(ahead: Int) throws {
        let server = try Self.server()
        let proxy = try FaultProxy(to: server.port)
        proxy.setClock(ahead: ahead)
        let client = try Self.client(proxy)
        let plain = try client.request("GET", "/test/k")
        #expect(plain.status == 200 && plain.body == Self.content && plain["Date"] != nil)
        for (target, field) in [("/test/k", "Authorization: x"), ("/test/k?X-Amz-Signature=1", "X-Any: x")] {
            let refused = try client.request("PUT", target, fields: [field], body: Self.upload)
            #expect(refused.status == 403 && refused["Date"] != nil)
            #expect(String(decoding: refused.body, as: UTF8.self).contains("RequestTimeTooSkewed"))
        }
        #expect(server.requests.count == 1)
        proxy.behave()
        #expect(try client.request("PUT", "/test/k", fields: ["Authorization: x"], body: [1])["Date"] == nil)
    }

    @Test("a fault meets the operation, the key and the number it is for")
    func rules() throws {
        let server = try Self.server()
        let proxy = try FaultProxy(to: server.port)
        proxy.add(.answer(500, "InternalError"), on: .getObject, containing: "/b", skipping: 1, times: 2)
        proxy.misbehave { $0.method == "DELETE" ? .answer(403, "AccessDenied") : nil }
        let client = try Self.client(proxy)
        func statuses(_ requests: [(String, String)]) throws -> [Int] {
            try requests.map { try client.request($0.0, $0.1).status }
        }
        #expect(try statuses([("GET", "/test/a"), ("GET", "/test/b"), ("PUT", "/test/b")]) == [200, 200, 200])
        #expect(try statuses(Array(repeating: ("GET", "/test/b"), count: 3)) == [500, 500, 200])
        #expect(try statuses([("DELETE", "/test/b")]) == [403])
        #expect(proxy.faults.map(\.method) == ["GET", "GET", "DELETE"])
        proxy.behave()
        #expect(try statuses([("DELETE", "/test/b")]) == [200])
        #expect(proxy.faults.isEmpty && proxy.counter.requests.count == 1)
    }
}
