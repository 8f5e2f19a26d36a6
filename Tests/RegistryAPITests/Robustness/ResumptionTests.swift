import OCI
import TestSupport
import Testing

@Suite("Uploads that outlive their server: another one on the same store goes on")
struct ResumptionTests {
    /// Replaces the server by a new one on the same store whenever it is asked for the port.
    private actor Restarts {
        private let store: TestStore
        private var server: TestServer?
        private(set) var count = 0

        init(_ store: TestStore) {
            self.store = store
        }

        func port() async throws -> UInt16 {
            await stop()
            let next = try await TestServer(try store.reopened())
            server = next
            count += 1
            return next.port
        }

        func stop() async {
            await server?.stop()
            server = nil
        }
    }

    @Test("a new server before every single request", arguments: BlobPushTests.Case.all)
    func restarts(_ test: BlobPushTests.Case) async throws {
        let restarts = Restarts(try TestStore(test.kind))
        let client = RegistryClient { try await restarts.port() }
        let content = Content(sampleBytes(3067), test.algorithm)
        let reply = try await test.form.push(content.bytes, as: content.digest, to: "r", with: client)
        #expect(reply.status == 201)
        #expect(try await client.has(content, in: "r"))
        #expect(await restarts.count >= 3)
        await restarts.stop()
    }

    @Test(
        "chunks out of order, status and cancel, with a new server before every request", arguments: StoreKind.allCases)
    func session(kind: StoreKind) async throws {
        let restarts = Restarts(try TestStore(kind))
        let client = RegistryClient { try await restarts.port() }
        let bytes = sampleBytes(3000)
        var location = try await client.startUpload("r")
        location = try await client.patch(location, bytes, 0..<1000, of: 3000)
        let refused = try await client.sendChunk(location, Array(bytes[2000...]), 2000..<3000)
        #expect(refused.status == 416)
        let status = try await client.get(location)
        #expect(status.status == 204 && status["Range"] == "0-999")
        location = try await client.patch(try #require(status["Location"]), bytes, 1000..<2000, of: 3000)
        #expect(try await client.delete(location).status == 204)
        #expect(try await client.get(location).status == 404)
        await restarts.stop()
    }

    @Test("two servers on one store, every request to the other one", arguments: BlobPushTests.Case.all)
    func alternating(_ test: BlobPushTests.Case) async throws {
        let store = try TestStore(test.kind)
        let turn = Guarded(false)
        try await withServer(on: store) { first in
            try await withServer(on: store) { second in
                let client = RegistryClient {
                    turn.change {
                        $0.toggle()
                        return $0
                    } ? first.port : second.port
                }
                let content = Content(sampleBytes(3067), test.algorithm)
                let reply = try await test.form.push(content.bytes, as: content.digest, to: "r", with: client)
                #expect(reply.status == 201)
                #expect(try await client.has(content, in: "r"))
                client.close()
            }
        }
    }

    @Test(
        "the closing request sent again after it succeeded, its answer lost: 201 again",
        arguments: BlobPushTests.Case.all)
    func repeatedClose(_ test: BlobPushTests.Case) async throws {
        let store = try TestStore(test.kind)
        let content = Content(sampleBytes(3067), test.algorithm)
        let closing = try await withServer(on: store) { server in
            let reply = try await test.form.push(content.bytes, as: content.digest, to: "r", with: server.client)
            #expect(reply.status == 201)
            return try #require(server.client.last)
        }
        try await withServer(on: store) { server in
            for _ in 0..<2 {
                let again = try await server.client.send(closing)
                #expect(again.status == 201)
                #expect(again["Docker-Content-Digest"] == content.digest.string)
            }
            #expect(try await server.client.has(content, in: "r"))
        }
    }

    @Test(
        "a repeated closing request proves possession: another digest, or other bytes, are refused",
        arguments: StoreKind.allCases)
    func repeatedCloseOfOthers(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let client = server.client
            let (mine, theirs) = (Content(sampleBytes(3067)), Content(sampleBytes(3067, seed: 5)))
            try await client.push(theirs, to: "victim")
            let start = try await client.startUpload("r")
            let next = try await client.patch(start, mine.bytes, 0..<3067, of: 3067)
            #expect(try await client.send("PUT", next.closing(mine.digest), [], .counted([])).status == 201)
            let other = try await client.send("PUT", next.closing(theirs.digest), [], .counted([]))
            #expect(other.status == 404)
            let longer = try await client.send("PUT", next.closing(mine.digest), [], .counted([1]))
            #expect(longer.status == 404)
            let long = Content(theirs.bytes, .sha512)
            let otherAlgorithm = try await client.send("PUT", next.closing(long.digest), [], .counted([]))
            #expect(otherAlgorithm.status == 404)
            #expect(
                try await !server.store.keys().contains {
                    $0.hasPrefix("registry/r/_blobs/sha256/\(theirs.digest.hex)")
                })
        }
    }

    @Test("stale Locations: what was stored counts, whichever Location is used", arguments: StoreKind.allCases)
    func staleLocations(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let client = server.client
            let content = Content(sampleBytes(3000))
            let first = try await client.startUpload("r")
            let second = try await client.patch(first, content.bytes, 0..<1000, of: 3000)
            // The answer was lost: the client asks where it is by the Location it has.
            let status = try await client.get(first)
            #expect(status["Range"] == "0-999")
            let third = try await client.patch(try #require(status["Location"]), content.bytes, 1000..<2000, of: 3000)
            // The chunk that was stored already does not fit any more.
            #expect(try await client.sendChunk(first, Array(content.bytes[..<1000]), 0..<1000).status == 416)
            #expect(try await client.sendChunk(second, Array(content.bytes[1000..<2000]), 1000..<2000).status == 416)
            // An old Location goes on where the session is.
            _ = try await client.patch(first, content.bytes, 2000..<3000, of: 3000)
            let reply = try await client.send("PUT", third.closing(content.digest), [], .counted([]))
            #expect(reply.status == 201)
            #expect(try await client.has(content, in: "r"))
            for location in [first, second, third] where location != first {
                #expect(try await client.get(location).status == 404)
            }
        }
    }
}
