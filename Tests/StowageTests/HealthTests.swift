import Glibc
import TestSupport
import Testing

@testable import stowage

/// `/healthz` and `/readyz`: whether the server runs, and whether its store can be used.
@Suite struct HealthTests {
    @Test(arguments: ["/healthz", "/readyz", "/metrics"])
    func theyAnswerGetAndHeadOnly(_ path: String) async throws {
        try await withServerProcess { server in
            let client = server.client
            let get = try await client.expect(200, "GET", path)
            let head = try await client.expect(200, "HEAD", path)
            #expect(!get.body.isEmpty && head.body.isEmpty)
            if path != "/metrics" { #expect(get.text == "ok\n") }
            for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
                #expect(try await client.expect(405, method, path)["Allow"] == "GET, HEAD")
            }
            for wrong in ["\(path)/", "/v2\(path)", "/\(path)"] { try await client.expect(404, "GET", wrong) }
            // A query is a cache buster of some probes, and nothing else.
            try await client.expect(200, "GET", "\(path)?now=1")
        }
    }

    @Test func aStoreThatGoesAwayMakesItUnready() async throws {
        try await withServerProcess { server in
            let client = server.client
            try await client.expect(200, "GET", "/readyz")
            try #require(rename(server.storage, server.storage + "-away") == 0)
            let reply = try await client.ask("/readyz") { $0.status == 503 }
            #expect(reply.text.contains(server.storage) && reply.text.contains("No such file or directory"))
            // Alive it is.
            try await client.expect(200, "GET", "/healthz")
            // Another directory in its place is not the store.
            try #require(mkdir(server.storage, 0o755) == 0)
            try await client.ask("/readyz") { $0.status == 503 }
            try #require(rmdir(server.storage) == 0)
            try #require(rename(server.storage + "-away", server.storage) == 0)
            try await client.ask("/readyz") { $0.status == 200 }
        }
    }

    // MARK: Readiness

    private struct Broken: Error, CustomStringConvertible {
        let description = "broken"
    }

    @Test func aStoreIsAskedOnceHoweverManyLook() async throws {
        let (clock, asked, broken) = (Guarded(100), Guarded(0), Guarded(false))
        let readiness = Readiness(
            probe: {
                asked.change { $0 += 1 }
                await Task.yield()
                if broken.value { throw Broken() }
            }, clock: { clock.value })
        func look() async -> Set<String?> {
            await withTaskGroup(of: String?.self) { group in
                for _ in 0..<100 { group.addTask { await readiness.problem() } }
                return await group.reduce(into: []) { $0.insert($1) }
            }
        }
        #expect(await look() == [nil])
        #expect(asked.value == 1)
        broken.change { $0 = true }
        clock.change { $0 = 101 }
        #expect(await look() == [nil])
        #expect(asked.value == 1)
        clock.change { $0 = 102 }
        #expect(await look() == ["broken"])
        #expect(asked.value == 2)
        broken.change { $0 = false }
        #expect(await look() == ["broken"])
        clock.change { $0 = 104 }
        #expect(await look() == [nil])
        #expect(asked.value == 3)
    }

    @Test func aStoreThatDoesNotAnswerIsNotWaitedForAgain() async throws {
        let clock = Guarded(100)
        let (answers, answer) = AsyncStream.makeStream(of: Void.self)
        let (beginnings, begin) = AsyncStream.makeStream(of: Void.self)
        let readiness = Readiness(
            probe: {
                begin.yield()
                for await _ in answers { return }
            }, clock: { clock.value })
        async let first = readiness.problem()
        for await _ in beginnings { break }
        clock.change { $0 = 107 }
        #expect(await readiness.problem() == "the store has not answered for 7 s")
        answer.yield()
        #expect(await first == nil)
    }
}
