import OCI
import ObjectStorage
import TestSupport
import Testing

@testable import Registry

/// Uploads whose first request brings everything, or might: its bytes go straight to the key of their own blob.
struct StreamedUploadTests {
    /// Who serves the requests after the first one.
    enum Server: CaseIterable, Sendable {
        case same, other
    }

    private let bytes = sampleBytes(3000)
    private let tail = sampleBytes(500, seed: 2)

    /// The repository on a store, and the same on another replica if `server` asks for it.
    private func open(
        _ store: any ObjectStore, _ server: Server = .same
    ) async throws -> (first: Repository, next: Repository) {
        let first = try await Repositories.open(store).repository(named: "r")
        return (first, server == .same ? first : try await Repositories.open(store).repository(named: "r"))
    }

    @Test("the blob is there before it is named, linked only after", arguments: StoreKind.allCases, Server.allCases)
    func whole(kind: StoreKind, server: Server) async throws {
        let store = try TestStore(kind)
        let (first, next) = try await open(store.store, server)
        let digest = Digest(of: bytes)
        let token = try await first.stream(bytes, to: first.uploads.begin().token)
        #expect(try await store.store.head(StorageLayout.blob(digest))?.size == 3000)
        #expect(try await first.blobs.membership(digest) == .none)
        // Its answer may get lost.
        for _ in 0..<2 { try await next.close(token, as: digest) }
        #expect(try await next.blobs.membership(digest) == .held)
        #expect(try await next.blobs.get(digest)?.body.contents == bytes)
        withExtendedLifetime(store) {}
    }

    @Test(
        "the client goes on: pieces follow, and the beginning stays where it is", arguments: StoreKind.allCases,
        Server.allCases)
    func pieces(kind: StoreKind, server: Server) async throws {
        let store = try TestStore(kind)
        let (first, next) = try await open(store.store, server)
        let middle = sampleBytes(700, seed: 3)
        var token = try await first.stream(bytes, to: first.uploads.begin().token)
        token = try await next.append(middle, to: token)
        token = try await first.stream(middle, to: token)
        #expect(try await next.uploads.resume(token).offset == 4400)
        let digest = Digest(of: bytes + middle + middle + tail)
        for _ in 0..<2 { try await next.close(token, tail, as: digest) }
        #expect(try await next.blobs.get(digest)?.body.contents == bytes + middle + middle + tail)
        #expect(try await next.blobs.get(Digest(of: bytes))?.body.contents == bytes)
        #expect(try await !store.store.keys().contains { $0.hasPrefix("registry/_uploads/") })
        withExtendedLifetime(store) {}
    }

    @Test("the closing request brings more, or asks for the other algorithm", arguments: StoreKind.allCases, [0, 500])
    func closing(kind: StoreKind, count: Int) async throws {
        let store = try TestStore(kind)
        let (first, next) = try await open(store.store, .other)
        let rest = Array(tail.prefix(count))
        for algorithm in Digest.Algorithm.allCases {
            let token = try await first.stream(bytes, to: first.uploads.begin().token)
            let digest = Digest(of: bytes + rest, algorithm: algorithm)
            try await next.close(token, rest, as: digest)
            #expect(try await next.blobs.get(digest)?.body.contents == bytes + rest)
        }
        #expect(try await first.blobs.get(Digest(of: bytes))?.body.contents == bytes)
        withExtendedLifetime(store) {}
    }

    @Test("another digest is refused, and what others have stays", arguments: StoreKind.allCases)
    func wrongDigest(kind: StoreKind) async throws {
        let store = try TestStore(kind)
        let (first, next) = try await open(store.store, .other)
        try await next.push(bytes)
        let secret = try await next.push(tail)
        let token = try await first.stream(bytes, to: first.uploads.begin().token)
        await #expect(throws: RegistryError.self) { try await first.close(token, as: secret) }
        #expect(try await next.blobs.get(Digest(of: bytes))?.body.contents == bytes)
        withExtendedLifetime(store) {}
    }

    @Test("a cancelled session is over, on every replica", arguments: StoreKind.allCases)
    func cancelled(kind: StoreKind) async throws {
        let store = try TestStore(kind)
        let (first, next) = try await open(store.store, .other)
        let token = try await first.stream(bytes, to: first.uploads.begin().token)
        try await first.uploads.resume(token).cancel()
        for repository in [first, next] {
            await #expect(throws: RegistryError.uploadUnknown) {
                try await repository.close(token, as: Digest(of: bytes))
            }
        }
        withExtendedLifetime(store) {}
    }

    @Test("content that was collected meanwhile is an unknown upload, for the client to start over")
    func collected() async throws {
        let store = MemoryObjectStore()
        let (first, next) = try await open(store, .other)
        let digest = Digest(of: bytes)
        let token = try await first.stream(bytes, to: first.uploads.begin().token)
        let longer = try await first.append(tail, to: first.stream(bytes, to: first.uploads.begin().token))
        try await store.delete([StorageLayout.blob(digest)])
        await #expect(throws: RegistryError.uploadUnknown) { try await next.close(token, as: digest) }
        await #expect(throws: RegistryError.uploadUnknown) {
            try await next.close(longer, as: Digest(of: bytes + tail))
        }
        // The link that was written beside the look shows nothing.
        #expect(try await next.blobs.find(digest) == nil)
    }

    @Test("a damaged object at its key is replaced")
    func damaged() async throws {
        let store = MemoryObjectStore()
        let (first, _) = try await open(store)
        let key = StorageLayout.blob(Digest(of: bytes))
        for length in [0, 2999] {
            try await store.put(
                Array(bytes.prefix(length)), at: key, metadata: ObjectMetadata(), condition: .always)
            let token = try await first.stream(bytes, to: first.uploads.begin().token)
            try await first.close(token, as: Digest(of: bytes))
            #expect(try await first.blobs.get(Digest(of: bytes))?.body.contents == bytes)
        }
    }
}
