import EventLoop
import HTTPServer
import OpenSSL
import TestSupport
import Testing

@Suite("TLS", .serialized, .timeLimit(.minutes(1)))
struct TLSTests {
    private static let tls12: CInt = 0x0303
    private static let tls13: CInt = 0x0304

    @Test("requests with and without bodies, by both versions", arguments: [tls12, tls13])
    func requests(_ version: CInt) async throws {
        try await withEngine(over: .tls) { engine in
            let client = try engine.client { $0.version = version }
            #expect(client.tlsVersion == version)
            #expect(client.chosenProtocol == "http/1.1")
            #expect(client.cipher.contains("GCM"))
            #expect(try client.request("GET", "/hello").text == "hello")
            let body = pattern(1_000_000)
            #expect(try client.request("PUT", "/echo", body: body).body == body)
            #expect(try client.request("GET", "/file").body == pattern(SmallHandler.fileSize))
            #expect(engine.handshakes.value.isEmpty)
        }
    }
}
