import EventLoop
import OCI
import ObjectStorage
import Registry
import RegistryAPI
import TestSupport
import Testing

@Suite("Pulls: fetches that are shared in memory", .timeLimit(.minutes(1)))
struct SharingTests {
    private let content = Content(sampleBytes(400_000))

    private func cache() throws -> BlobCache { try BlobCache(blockingWork: TestServer.blockingWork) }

    @Test("many who want a blob at once cost one request to the store")
    func together() async throws {
        let cache = try cache()
        try await withScript([content], .proxying(cache)) { (server, store) async throws in
            store.script.change { $0.pause = 100_000 }
            async let replies = server.pull(content, times: 20)
            try await eventually { cache.counts.list == [0, 19, 1] }
            store.open()
            for reply in try await replies {
                #expect(reply.status == 200)
                #expect(reply.body == content.bytes)
            }
            #expect(store.log.value.gets == [nil])
            // Every one of them was found to be allowed to.
            #expect(store.log.value.linkHeads == 20)
            // Nothing is kept.
            #expect(try await server.client.get(content.target).body == content.bytes)
            #expect(store.log.value.gets.count == 2)
        }
    }

    @Test("the first may go away, and the others get their bytes")
    func firstLeaves() async throws {
        let cache = try cache()
        try await withScript([content], .proxying(cache)) { (server, store) async throws in
            store.script.change { $0.pause = 100_000 }
            let first = try server.pulling(content)
            try await eventually { store.log.value.begun == 1 }
            let second = try server.pulling(content)
            try await eventually { cache.counts.shared == 1 }
            first.reset()
            // The reset has been seen when a connection after it is served.
            #expect(try await server.client.head(content.target).status == 200)
            store.open()
            #expect(try second.readResponse().body == content.bytes)
            #expect(store.log.value.gets == [nil])
        }
    }

    @Test("when all have gone away the fetch ends, and the next client begins another")
    func allLeave() async throws {
        let cache = try cache()
        try await withScript([content], .proxying(cache)) { (server, store) async throws in
            store.script.change { $0.pause = 100_000 }
            let clients = try (0..<3).map { _ in try server.pulling(content) }
            try await eventually { cache.counts.shared == 2 }
            for client in clients { client.reset() }
            try await eventually { store.log.value.ended == 1 }
            store.open()
            #expect(try await server.client.get(content.target).body == content.bytes)
            #expect(store.log.value.gets == [nil, nil])
        }
    }

    @Test(
        "a fetch that fails is an error for all, and the next client begins another",
        arguments: [ScriptedStore.Fault.damage, .cut])
    func fails(_ fault: ScriptedStore.Fault) async throws {
        let cache = try cache()
        try await withScript([content], .proxying(cache), failing: true) { (server, store) async throws in
            store.script.change {
                $0.pause = 50_000
                $0.faults = [fault: 200_000]
            }
            async let replies = server.pull(content, times: 5)
            try await eventually { cache.counts.shared == 4 }
            store.open()
            #expect(try await replies.map(\.status) == [503, 503, 503, 503, 503])
            #expect(server.failures.count == 5)
            store.script.change { $0.faults = [:] }
            #expect(try await server.client.get(content.target).body == content.bytes)
        }
    }

    @Test("small objects that come at once are hashed too")
    func smallObject() async throws {
        let content = Content(sampleBytes(900))
        try await withScript([content], .proxying(try cache()), failing: true) { (server, store) async throws in
            #expect(try await server.client.get(content.target).body == content.bytes)
            var bytes = content.bytes
            bytes[5] ^= 1
            try await store.base.put(
                bytes, at: StorageLayout.blob(content.digest), metadata: ObjectMetadata(), condition: .always)
            #expect(try await server.client.get(content.target).status == 503)
        }
    }

    @Test("a blob that is not there is not there for anybody")
    func absent() async throws {
        try await withScript([], .proxying(try cache())) { (server, _) async throws in
            #expect(try await server.pull(content, times: 10).map(\.status) == Array(repeating: 404, count: 10))
        }
    }

    @Test("what is too large for memory is fetched by everybody")
    func large() async throws {
        let content = Content(sampleBytes(3 << 20))
        try await withScript([content], .proxying(try cache())) { (server, store) async throws in
            for reply in try await server.pull(content, times: 4) { #expect(reply.body == content.bytes) }
            #expect(store.log.value.gets.count == 4)
        }
    }

    @Test("a part is read from the store")
    func part() async throws {
        try await withScript([content], .proxying(try cache())) { (server, store) async throws in
            let reply = try await server.client.get(content.target, [("Range", "bytes=1000-2999")])
            #expect(reply.status == 206)
            #expect(reply.body == Array(content.bytes[1_000..<3_000]))
            #expect(store.log.value.gets == [1_000..<3_000])
        }
    }
}
