import Glibc
import OCI
import ObjectStorage
import TestSupport
import Testing

@testable import Registry

struct AbandonedUploadTests {
    private static let day = 86_400

    /// Opens the registry of `store` at a time so many seconds from now.
    private func open(_ store: TestStore, in seconds: Int) async throws -> Repositories {
        let time = time(nil) + seconds
        return try await Repositories.open(store.store, now: { time })
    }

    private func uploads(_ store: TestStore) async throws -> Int {
        try await store.store.keys().filter { $0.hasPrefix("registry/_uploads/") }.count
    }

    @Test(
        "bytes of uploads nobody went on with are removed after the age, and only those", arguments: StoreKind.allCases)
    func removal(kind: StoreKind) async throws {
        let store = try TestStore(kind)
        let repository = try await open(store, in: 0).repository(named: "r")
        let kept = try await repository.push(sampleBytes(100))
        for number in 0..<3 {
            var token = repository.uploads.begin().token
            for piece in 0..<2 {
                token = try await repository.append(sampleBytes(50, seed: number * 2 + piece), to: token)
            }
        }
        try await repository.uploads.resume(repository.uploads.begin().token).cancel()
        #expect(try await uploads(store) == 7)
        #expect(try await open(store, in: Self.day - 60).removeAbandonedUploads(olderThan: Self.day) == 0)
        #expect(try await uploads(store) == 7)
        #expect(try await open(store, in: Self.day + 60).removeAbandonedUploads(olderThan: Self.day) == 4)
        #expect(try await uploads(store) == 0)
        #expect(try await repository.blobs.find(kept) != nil)
        let manifests = try await store.store.keys().filter { $0.hasPrefix("blobs/") || $0.contains("_keys") }
        #expect(manifests.count == 2)
    }

    @Test("an upload whose bytes are gone is unknown, and starts over", arguments: StoreKind.allCases)
    func afterwards(kind: StoreKind) async throws {
        let store = try TestStore(kind)
        let repository = try await open(store, in: 0).repository(named: "r")
        let token = try await repository.append(sampleBytes(50), to: repository.uploads.begin().token)
        #expect(try await open(store, in: 60).removeAbandonedUploads(olderThan: 0) == 1)
        // Who served the session a moment ago finds out at the end, everybody else at once.
        await #expect(throws: RegistryError.uploadUnknown) {
            try await repository.close(token, as: Digest(of: sampleBytes(50)))
        }
        let other = try await open(store, in: 0).repository(named: "r")
        #expect(try await other.uploads.resume(token).isStale)
        await #expect(throws: RegistryError.self) { try await other.append([1], to: token) }
        await #expect(throws: RegistryError.self) { try await other.close(token, as: Digest(of: sampleBytes(50))) }
        withExtendedLifetime(store) {}
    }

    @Test("thousands of uploads are removed page by page")
    func manyPages() async throws {
        let store = try TestStore(.memory)
        let repositories = try await open(store, in: 60)
        let part = UploadPartName(offset: 0, before: "a", after: "b")
        for _ in 0..<1500 {
            let id = UploadID()
            for key in [StorageLayout.uploadPart(part, of: id), StorageLayout.lastUploadPart(part, of: id)] {
                try await store.store.put([1], at: key, metadata: ObjectMetadata(), condition: .always)
            }
        }
        #expect(try await repositories.removeAbandonedUploads(olderThan: 0) == 1500)
        #expect(try await uploads(store) == 0)
    }

    @Test("an upload of more pieces than anybody sends is refused, without listing them all")
    func tooManyPieces() async throws {
        let store = ObservedObjectStore(MemoryObjectStore())
        let repository = try await Repositories.open(store).repository(named: "r")
        // Of another replica, so that this one has to look what it has.
        let session = try await Repositories.open(store).repository(named: "r").uploads.begin()
        store.list { _, after in
            let page = (0..<1000).map { number in
                let part = UploadPartName(offset: 0, before: "a", after: "\(after?.utf8.count ?? 0)x\(number)")
                return ListedObject(key: StorageLayout.uploadPart(part, of: session.id), size: 1, modified: 0)
            }
            return ObjectListing(objects: page, isTruncated: true)
        }
        await #expect { try await repository.append([1], to: session.token) } throws: { error in
            (error as? RegistryError)?.code == .blobUploadInvalid
        }
    }

    @Test(
        "a part whose key does not follow from the session's content is not taken for it", arguments: StoreKind.allCases
    )
    func strangeParts(kind: StoreKind) async throws {
        let store = try TestStore(kind)
        let repository = try await open(store, in: 0).repository(named: "r")
        let session = repository.uploads.begin()
        let token = try await repository.append(sampleBytes(50), to: session.token)
        let strange = [
            UploadPartName(offset: 0, before: "a", after: "b"), UploadPartName(offset: 50, before: "a", after: "b"),
            UploadPartName(offset: 49, before: UploadPartName.mark(Digest(of: sampleBytes(50))), after: "b"),
        ]
        for part in strange {
            try await store.store.put(
                [1], at: StorageLayout.uploadPart(part, of: session.id), metadata: ObjectMetadata(), condition: .always)
        }
        #expect(try await repository.uploads.resume(token).offset == 50)
        try await repository.close(token, as: Digest(of: sampleBytes(50)))
        #expect(try await repository.blobs.get(Digest(of: sampleBytes(50)))?.body.contents == sampleBytes(50))
        withExtendedLifetime(store) {}
    }
}
