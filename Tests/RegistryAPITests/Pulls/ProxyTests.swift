import OCI
import ObjectStorage
import Registry
import RegistryAPI
import TestSupport
import Testing

@Suite("Pulls: streams from the store", .timeLimit(.minutes(1)))
struct ProxyTests {
    private let content = Content(sampleBytes(400_000))

    @Test("the whole and a part", arguments: [Digest.Algorithm.sha256, .sha512])
    func passesThrough(_ algorithm: Digest.Algorithm) async throws {
        let content = Content(content.bytes, algorithm)
        try await withScript([content], .proxying(nil)) { (server, store) async throws in
            #expect(try await server.client.get(content.target).body == content.bytes)
            let part = try await server.client.get(content.target, [("Range", "bytes=100000-300000")])
            #expect(part.status == 206)
            #expect(part.body == Array(content.bytes[100_000...300_000]))
            #expect(part["Content-Range"] == "bytes 100000-300000/400000")
            #expect(try await server.client.get(content.target, [("Range", "bytes=400000-")]).status == 416)
            #expect(store.log.value.gets == [nil, 100_000..<300_001])
        }
    }

    @Test(
        "bytes that are not the blob, or not all of it, never arrive in full",
        arguments: ScriptedStore.Fault.allCases, [0, 200_000, 399_999])
    func broken(_ fault: ScriptedStore.Fault, _ place: Int) async throws {
        try await withScript([content], .proxying(nil), failing: true) { (server, store) async throws in
            store.script.change { $0.faults = [fault: place] }
            let client = try server.pulling(content)
            #expect(try client.readHead().status == 200)
            #expect(try client.receiveToEnd().count < 400_000)
            try await eventually { server.failures.count == 1 }
            if fault != .cut { #expect(server.failures[0].contains(content.digest.string)) }
        }
    }

    /// What the store damages without another entity tag stands for what only hashing finds.
    @Test(
        "an object is hashed once while its entity tag stays, if nothing on its way can damage it",
        arguments: [true, false])
    func hashedOnce(_ isProtected: Bool) async throws {
        try await withScript([content], .proxying(nil), failing: true) { (server, store) async throws in
            store.script.change { $0.isProtected = isProtected }
            #expect(try await server.client.get(content.target).body == content.bytes)
            store.script.change { $0.faults = [.damage: 200_000] }
            #expect(try await pulledLength(server) == (isProtected ? content.bytes.count : nil))
        }
    }

    @Test("a damaged object is not taken for a hashed one, nor is one that was replaced")
    func hashedAgain() async throws {
        try await withScript([content], .proxying(nil), failing: true) { (server, store) async throws in
            store.script.change { ($0.isProtected, $0.faults) = (true, [.damage: 200_000]) }
            #expect(try await pulledLength(server) == nil)
            #expect(try await pulledLength(server) == nil)
            store.script.change { $0.faults = [:] }
            #expect(try await pulledLength(server) == content.bytes.count)
            try await store.base.put(
                sampleBytes(400_000, seed: 7), at: StorageLayout.blob(content.digest), metadata: ObjectMetadata(),
                condition: .always)
            #expect(try await pulledLength(server) == nil)
        }
    }

    /// How many bytes of the content arrive; nil when its end does not.
    private func pulledLength(_ server: TestServer) async throws -> Int? {
        let client = try server.pulling(content)
        #expect(try client.readHead().status == 200)
        // Throws when the connection ends before.
        return try? client.receive(exactly: content.bytes.count).count
    }

    @Test("the store's stream ends when its client has gone", arguments: [0, 200_000])
    func clientLeaves(_ pause: Int) async throws {
        try await withScript([content], .proxying(nil)) { (server, store) async throws in
            store.script.change { $0.pause = pause }
            let client = try server.pulling(content)
            try await eventually { store.log.value.begun == 1 }
            client.reset()
            try await eventually { store.log.value.ended == 1 }
        }
    }
}
