import EventLoop
import HTTPServer
import OpenSSL
import TestSupport
import Testing

private let tls12: CInt = 0x0303
private let tls13: CInt = 0x0304

@Suite("TLS", .serialized, .timeLimit(.minutes(1)))
struct TLSTests {
    @Test("requests with and without bodies, by both versions", arguments: [tls12, tls13])
    func requests(_ version: CInt) async throws {
        try await withEngine(over: .tls) { engine in
            let client = try engine.client { $0.version = version }
            #expect(client.tlsVersion == version)
            #expect(client.chosenProtocol == "http/1.1")
            #expect(client.cipher.contains("AES") && client.cipher.contains("GCM"))
            #expect(try client.request("GET", "/hello").text == "hello")
            let body = pattern(1_000_000)
            #expect(try client.request("PUT", "/echo", body: body).body == body)
            #expect(try client.request("GET", "/file").body == pattern(SmallHandler.fileSize))
            #expect(try client.request("GET", "/name").text == "nobody secure")
            #expect(engine.handshakes.value.isEmpty)
            #expect(try await engine.exchanges(4).allSatisfy { $0.isSecure })
        }
    }

    @Test("older versions are refused", arguments: [0x0301, 0x0302] as [CInt])
    func oldVersions(_ version: CInt) async throws {
        try await withEngine(over: .tls) { engine in
            let error = #expect(throws: RawHTTPError.self) { try engine.client { $0.version = version } }
            #expect(error == .tls("tlsv1 alert protocol version"))
            try await eventually { engine.handshakes.value == ["unsupported protocol"] }
        }
    }

    @Test(
        "http/1.1 is chosen if it is offered or nothing is",
        arguments: [
            ([], ""), (["http/1.1"], "http/1.1"), (["h2", "http/1.1"], "http/1.1"),
            (["x", "http/1.1", "h2"], "http/1.1"),
        ])
    func protocols(_ offered: [String], _ chosen: String) async throws {
        try await withEngine(over: .tls) { engine in
            let client = try engine.client { $0.protocols = offered }
            #expect(client.chosenProtocol == chosen)
            #expect(try client.request("GET", "/hello").text == "hello")
        }
    }

    @Test("a client that offers only other protocols is told so", arguments: [["h2"], ["http/1.10", "ttp/1.1"]])
    func otherProtocols(_ offered: [String]) async throws {
        try await withEngine(over: .tls) { engine in
            let error = #expect(throws: RawHTTPError.self) { try engine.client { $0.protocols = offered } }
            #expect(error == .tls("tlsv1 alert no application protocol"))
            try await eventually { engine.handshakes.value == ["no application protocol"] }
        }
    }

    @Test("a session is resumed by its ticket, on another loop too", arguments: [tls12, tls13])
    func resumption(_ version: CInt) async throws {
        try await withEngine(loops: 2, over: .tls) { engine in
            let first = try engine.client { $0.version = version }
            #expect(!first.isResumed)
            #expect(try first.request("GET", "/hello").text == "hello")
            var ticket = try #require(first.ticket)
            for _ in 0..<4 {
                let client = try engine.client { [ticket] in
                    $0.version = version
                    $0.ticket = ticket
                }
                #expect(client.isResumed)
                #expect(try client.request("GET", "/hello").text == "hello")
                ticket = try #require(client.ticket)
            }
        }
    }

    @Test("a new certificate is for new connections; old ones go on, old tickets cost a handshake")
    func replacedCertificate() async throws {
        let (authority, _) = try await EngineCertificate.shared.pair()
        let pair = try await authority.issue("replacement")
        let next = try TLSContext(TLSContext.Files(certificate: pair.certificate, key: pair.key))
        try await withEngine(over: .tls) { engine in
            let before = try engine.client()
            #expect(try before.request("GET", "/hello").text == "hello")
            let ticket = try #require(before.ticket)
            // Connected, but without a hello so far.
            let late = try engine.plainClient()
            engine.identity?.context = next
            let after = try engine.client { $0.ticket = ticket }
            #expect(!after.isResumed)
            #expect(!before.serverSerial.isEmpty && after.serverSerial != before.serverSerial)
            for client in [before, after, before] { #expect(try client.request("GET", "/hello").text == "hello") }
            let again = try engine.client { $0.ticket = after.ticket }
            #expect(again.isResumed)
            late.close()
            #expect(engine.handshakes.value.isEmpty)
        }
    }

    @Test("the end is announced, so that no response can be cut unseen")
    func orderlyEnd() async throws {
        try await withEngine(over: .tls) { engine in
            for request in ["GET /file HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "nonsense\r\n\r\n"] {
                let client = try engine.client()
                try client.send(request)
                _ = try client.readResponse()
                #expect(try client.receiveToEnd() == [])
                #expect(client.hasEndedOrderly)
            }
            // A response that is cut is no orderly end.
            let client = try engine.client()
            #expect(throws: RawHTTPError.closed) { try client.request("GET", "/cut") }
        }
    }

    @Test("up and down at once on one connection, every byte in its place", arguments: [tls12, tls13])
    func bothWays(_ version: CInt) async throws {
        let count = 12
        let body = pattern(3_000_001)
        let put = Array("PUT /check HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n\r\n".utf8) + body
        let get = Array("GET /file HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        try await withEngine(over: .tls) { engine in
            let client = try engine.client { $0.version = version }
            async let sending: Void = OwnThread.run { for _ in 0..<count { try client.send(put + get) } }
            let isRight = try await OwnThread.run {
                try (0..<count).map { _ in
                    let sent = try client.readResponse().text == "\(body.count) ok\n"
                    return try client.readResponse().body == pattern(SmallHandler.fileSize) && sent
                }
            }
            try await sending
            #expect(isRight == Array(repeating: true, count: count))
        }
    }

    @Test("records of one byte", arguments: [tls12, tls13])
    func tinyRecords(_ version: CInt) async throws {
        let chunks = chunked(pattern(3_000)) { 7 }
        let request = Array("PUT /check HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".utf8) + chunks
        try await withEngine(over: .tls) { engine in
            let client = try engine.client { $0.version = version }
            for byte in request + request { try client.send([byte]) }
            for _ in 0..<2 { #expect(try client.readResponse().text == "3000 ok\n") }
        }
    }
}
