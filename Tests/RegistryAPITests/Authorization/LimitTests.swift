import Access
import RegistryAPI
import TestSupport
import Testing

@Suite("Limits of each caller", .timeLimit(.minutes(1)))
struct LimitTests {
    private func fixture(_ change: (inout RequestLimits.Settings) -> Void) throws -> AccessFixture {
        var settings = RequestLimits.Settings()
        change(&settings)
        let limits = RequestLimits(settings)
        return try AccessFixture(.authenticated, { $0.limits = limits })
    }

    @Test("too many requests: 429 with Retry-After, and nobody else is affected")
    func requests() async throws {
        let fixture = try fixture {
            $0.requestsPerSecond = 1
            $0.requestBurst = 5
        }
        try await fixture.serve { (server) async throws in
            let client = server.client
            #expect(try await client.get("/v2/", [basic("alice")]).status == 200)
            var refused: [Reply] = []
            // However slow this machine is now, in some round they come faster than one in a second.
            while refused.isEmpty {
                refused = try await withThrowingTaskGroup(of: Reply.self) { group in
                    for _ in 0..<40 { group.addTask { try await client.get("/v2/", [basic("alice")]) } }
                    return try await group.reduce(into: []) { if $1.status != 200 { $0.append($1) } }
                }
            }
            #expect(refused.allSatisfy { $0.status == 429 && $0.codes == ["TOOMANYREQUESTS"] })
            #expect(refused.allSatisfy { Int($0["Retry-After"] ?? "").map { $0 >= 1 } ?? false })
            #expect(try await server.client.get("/v2/", [basic("bob")]).status == 200)
        }
    }

    @Test("uploads at once: one more is 429, and goes on when another has ended")
    func uploads() async throws {
        try await fixture { $0.concurrentUploads = 1 }.serve { (server) async throws in
            let client = RegistryClient(port: server.port, fields: [basic("alice")])
            let (first, second) = (try await client.startUpload("r"), try await client.startUpload("r"))
            let running = try await client.begin("PATCH", first, length: 10)
            #expect(try await client.send("PATCH", second, [], .counted([1])).status == 429)
            #expect(try await running.finish(sampleBytes(10)).status == 202)
            #expect(try await client.send("PATCH", second, [], .counted([1])).status == 202)
            client.close()
        }
    }

    @Test("paced bodies are complete", arguments: [StoreKind.memory, .directory])
    func pace(_ kind: StoreKind) async throws {
        let fixture = try fixture {
            $0.sentBytesPerSecond = 4 << 20
            $0.receivedBytesPerSecond = 4 << 20
        }
        let content = Content(sampleBytes(5 << 20))
        try await fixture.serve(on: kind) { (server) async throws in
            let client = RegistryClient(port: server.port, fields: [basic("alice")])
            try await client.push(content, to: "r")
            #expect(try await client.has(content, in: "r"))
            client.close()
        }
    }
}
