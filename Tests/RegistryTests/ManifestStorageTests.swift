import OCI
import ObjectStorage
import TestSupport
import Testing

@testable import Registry

/// What a push leaves in the store, for other tools and for later readers.
struct ManifestStorageTests {
    private let store = MemoryObjectStore()
    private let repository: Repository

    init() async throws {
        repository = try await Repositories.open(store).repository(named: "team/app")
        try await repository.push(emptyConfig)
    }

    /// The objects below `prefix`, by key, with the type they are stored as.
    private func objects(below prefix: String) async throws -> [String: String?] {
        var types: [String: String?] = [:]
        for key in try await store.keys() where key.hasPrefix(prefix) {
            types[key] = try await store.head(ObjectKey(key))?.metadata.contentType
        }
        return types
    }

    @Test("a manifest pushed by digest is among the blobs, where s3lo looks for the children of an index")
    func byDigest() async throws {
        for algorithm in Digest.Algorithm.allCases {
            let digest = Digest(of: image(1), algorithm: algorithm)
            _ = try await repository.manifests.put(image(1), contentType: nil, expected: digest, tags: [])
            let blob = try await store.bytes(of: StorageLayout.blob(digest), limit: 1 << 20)
            #expect(blob?.bytes == image(1))
            #expect(blob?.info.metadata.contentType == MediaType.ociManifest.string)
        }
    }

    @Test("a tag is one object with the bytes and the type, and pushes no blob")
    func byTag() async throws {
        let digest = try await repository.put(image(1), tags: "v1")
        let tag = try await store.bytes(of: "manifests/team/app/v1/manifest.json", limit: 1 << 20)
        #expect(tag?.bytes == image(1))
        #expect(tag?.info.metadata.contentType == MediaType.ociManifest.string)
        #expect(try await store.head(StorageLayout.blob(digest)) == nil)
        let records = try await objects(below: "registry/team/app/_manifests/")
        #expect(records == [StorageLayout.manifest(digest, in: repository.name).string: MediaType.ociManifest.string])
    }

    @Test("a manifest links the blobs it refers to, for those who see only what is linked")
    func links() async throws {
        let layer = sampleBytes(100)
        let digest = try await repository.registry.repository(named: "elsewhere").push(layer)
        let tenant = try repository.registry.repository(named: "team/app", visibility: .linkedBlobs)
        #expect(try await tenant.blobs.find(digest) == nil)
        try await repository.put(image(1, layers: [digest]), tags: "v1")
        #expect(try await tenant.blobs.get(digest)?.body.contents == layer)
    }

    @Test("pushing the same again writes nothing but the tag")
    func again() async throws {
        let observed = ObservedObjectStore(store)
        let repository = try await Repositories.open(observed).repository(named: "team/app")
        try await repository.put(image(1, subject: Digest(of: [9])), byDigest: true, tags: "v1")
        observed.reset()
        try await repository.push(emptyConfig)
        try await repository.put(image(1, subject: Digest(of: [9])), byDigest: true, tags: "v1")
        let writes = observed.operations.filter { [.put, .commit, .compose, .delete].contains($0.verb) }
        #expect(writes.map(\.key) == ["manifests/team/app/v1/manifest.json"])
    }

    @Test("an upload that was never filled writes nothing at all")
    func emptySession() async throws {
        let before = try await store.keys()
        let session = repository.uploads.begin()
        #expect(try await repository.uploads.resume(session.token).offset == 0)
        _ = try await repository.append([], to: session.token)
        #expect(try await store.keys() == before)
    }
}
