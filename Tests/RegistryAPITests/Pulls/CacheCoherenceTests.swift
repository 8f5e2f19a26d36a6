import EventLoop
import Glibc
import OCI
import Registry
import RegistryAPI
import TestSupport
import Testing

@Suite("Pulls: what the cache may still serve", .timeLimit(.minutes(1)))
struct CacheCoherenceTests {
    private let content = Content(sampleBytes(400_000))

    /// Runs `body` when the blob is in the cache.
    private func withCached(
        _ folder: CacheFolder, failing: Bool = false,
        _ body: (TestServer, ScriptedStore, BlobCache) async throws -> Void
    ) async throws {
        let cache = try folder.cache()
        try await withScript([content], .proxying(cache), failing: failing) { (server, store) async throws in
            #expect(try await server.client.get(content.target).body == content.bytes)
            try await eventually { folder.names.contains { folder.path(of: content).hasSuffix($0) } }
            try await body(server, store, cache)
        }
    }

    @Test("the store is asked once a minute whether the blob is still there")
    func revalidation() async throws {
        let folder = try CacheFolder()
        try await withCached(folder) { (server, store, cache) async throws in
            for minute in 1...3 {
                folder.passed.change { $0 += 60 }
                for _ in 0..<5 { #expect(try await server.client.get(content.target).status == 200) }
                #expect(store.log.value.heads == minute)
            }
            try await store.remove(content)
            folder.passed.change { $0 += 60 }
            for _ in 0..<2 { #expect(try await server.client.get(content.target).status == 404) }
            #expect(folder.names == [])
            #expect(cache.size == 0)
        }
    }

    @Test("a store that cannot be asked is an error, and the file stays")
    func storeFails() async throws {
        let folder = try CacheFolder()
        try await withCached(folder, failing: true) { (server, store, _) async throws in
            folder.passed.change { $0 += 60 }
            store.script.change { $0.headsFail = true }
            for _ in 0..<2 { #expect(try await server.client.get(content.target).status == 503) }
            store.script.change { $0.headsFail = false }
            #expect(try await server.client.get(content.target).body == content.bytes)
            #expect(store.log.value.gets == [nil])
        }
    }

    @Test("what was deleted from the repository is gone at once")
    func deleted() async throws {
        let folder = try CacheFolder()
        try await withCached(folder) { (server, _, _) async throws in
            #expect(try await server.client.delete(content.target).status == 202)
            #expect(try await server.client.get(content.target).status == 404)
            #expect(try await server.client.get(content.target, [("Range", "bytes=0-9")]).status == 404)
        }
    }

    @Test("a file that somebody removes or cuts off is fetched again", arguments: [true, false])
    func damaged(_ isRemoved: Bool) async throws {
        let folder = try CacheFolder()
        try await withCached(folder) { (server, store, cache) async throws in
            if isRemoved {
                #expect(unlink(folder.path(of: content)) == 0)
            } else {
                try folder.write(Array(content.bytes[..<1_000]), to: folder.path(of: content))
            }
            #expect(try await server.client.get(content.target).body == content.bytes)
            #expect(store.log.value.gets == [nil, nil])
        }
    }

    @Test("the next start goes on with the files, asks for each of them once, and clears away what was not finished")
    func restart() async throws {
        let folder = try CacheFolder()
        try await withCached(folder) { _, _, _ in }
        try folder.write([1, 2, 3], to: folder.path + "/.filling-1f")
        try folder.write([1, 2, 3], to: folder.path + "/notes")
        let stranger = Content(sampleBytes(200_000, seed: 9))
        try folder.write(Array(stranger.bytes[..<199_999]), to: folder.path(of: stranger))
        let cache = try folder.cache()
        #expect(!folder.names.contains(".filling-1f"))
        try await withScript([content, stranger], .proxying(cache)) { (server, store) async throws in
            for _ in 0..<2 { #expect(try await server.client.get(content.target).body == content.bytes) }
            #expect(store.log.value.gets == [])
            #expect(store.log.value.heads == 1)
            // Not the size that the store says.
            #expect(try await server.client.get(stranger.target).body == stranger.bytes)
            #expect(store.log.value.gets == [nil])
            #expect(folder.names.contains("notes"))
        }
    }

    @Test("a start with a smaller limit keeps the latest files")
    func smallerLimit() async throws {
        let folder = try CacheFolder()
        try await withCached(folder) { _, _, _ in }
        var old = utimbuf(actime: 1, modtime: 1)
        let forgotten = Content(sampleBytes(400_000, seed: 1))
        try folder.write(forgotten.bytes, to: folder.path(of: forgotten))
        #expect(utime(folder.path(of: forgotten), &old) == 0)
        let cache = try folder.cache(size: 500_000)
        #expect(folder.names == ["sha256-\(content.digest.hex)"])
        #expect(cache.size <= 500_000)
    }

    @Test("a directory that cannot be a cache is refused in a sentence")
    func refused() throws {
        let folder = try CacheFolder()
        let kept = try folder.cache()
        #expect(throws: BlobCacheError.self) { try folder.cache() }
        let other = try CacheFolder()
        #expect(mkdir(other.path, 0o755) == 0 && chmod(other.path, 0o777) == 0)
        #expect(throws: BlobCacheError.self) { try other.cache() }
        try other.write([], to: other.directory.path + "/file")
        #expect(throws: SystemCallError.self) {
            try BlobCache(directory: other.directory.path + "/file", size: 1, blockingWork: TestServer.blockingWork)
        }
        #expect(throws: SystemCallError.self) {
            try BlobCache(directory: other.directory.path + "/a/b", size: 1, blockingWork: TestServer.blockingWork)
        }
        withExtendedLifetime(kept) {}
    }
}
