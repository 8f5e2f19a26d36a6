import EventLoop
import Glibc
import HTTPServer
import TestSupport
import Testing

@Suite("Limits on connections, memory and descriptors", .serialized, .timeLimit(.minutes(1)))
struct LimitTests {
    @Test("connections beyond the limit get 503, and there is room again when one ends")
    func connections() async throws {
        var limits = ServerLimits()
        limits.connections = 3
        try await withEngine(limits) { engine in
            let clients = try (0..<3).map { _ in try engine.client() }
            for client in clients { #expect(try client.request("GET", "/hello").status == 200) }
            for _ in 0..<10 {
                let refused = try engine.client()
                let response = try refused.readResponse()
                #expect(response.status == 503)
                #expect(response["Connection"] == "close")
                #expect(response["Retry-After"] == "5")
                #expect(try refused.receiveToEnd() == [])
            }
            #expect(try clients[0].request("GET", "/hello").status == 200)
            clients[1].close()
            try await eventually { engine.server.openConnections == 2 }
            #expect(try engine.client().request("GET", "/hello").status == 200)
        }
    }

    @Test("a client that sends its request at once gets the 503 too")
    func refusedRequest() async throws {
        var limits = ServerLimits()
        limits.connections = 0
        try await withEngine(limits) { engine in
            for _ in 0..<50 {
                let client = try engine.client()
                // The server may have closed already.
                _ = try? client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try client.readResponse().status == 503)
            }
        }
    }

    @Test(
        "a thousand idle connections take at most 16 KiB each, or 48 over TLS, and all of them go on",
        arguments: Transport.allCases)
    func idleConnections(_ transport: Transport) async throws {
        try allowDescriptors(4_096)
        let pair = transport == .tls ? try await EngineCertificate.shared.pair().pair : nil
        try await OwnThread.run {
            let server = try await BareHello(descriptors: 4_096, pair: pair)
            var clients = try (0..<50).map { _ in try server.client() }
            for client in clients { #expect(try client.request("GET", "/").status == 200) }
            let before = try server.process.residentMemory()
            clients += try (0..<1_000).map { _ in try server.client() }
            for client in clients { #expect(try client.request("GET", "/").status == 200) }
            let perConnection = try (server.process.residentMemory() - before) / 1_000
            #expect(perConnection <= (pair == nil ? 16 << 10 : 48 << 10))
            for client in clients { #expect(try client.request("GET", "/").status == 200) }
        }
    }

    /// No edge tells when descriptors are free again, and a loop that tried all the time would use up its core.
    @Test("out of descriptors, clients wait in the kernel's queue and are served when others have left")
    func outOfDescriptors() async throws {
        try await OwnThread.run {
            let server = try await BareHello(descriptors: 60)
            let clients = try (0..<100).map { _ in try server.client() }
            try await eventually { server.descriptors >= 60 }
            let (start, ticks) = (EventLoop.now, try server.ticks)
            try await eventually { EventLoop.now >= start + 3 }
            #expect(try server.ticks - ticks < 100)
            var waiting = clients[...]
            while !waiting.isEmpty {
                // The server takes clients in order; each that leaves makes room for one more.
                let next = waiting.removeFirst()
                #expect(try next.request("GET", "/").status == 200)
                next.close()
            }
            #expect(try server.client().request("GET", "/").status == 200)
        }
    }

    private func allowDescriptors(_ count: Int) throws {
        var limit = rlimit()
        _ = try Posix.call("getrlimit") { getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) }
        guard limit.rlim_cur < count else { return }
        limit.rlim_cur = min(rlim_t(count), limit.rlim_max)
        _ = try Posix.call("setrlimit") { setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) }
    }
}
