import Glibc
import OCI
import ObjectStorage
import TestSupport
import Testing

@testable import Registry

/// What went wrong behind the server's back is never served as if it were right (security, zot #4427).
struct DamagedStoreTests {
    private let store: TestStore
    private let repository: Repository
    private let root: String

    init() async throws {
        store = try TestStore(.directory)
        root = try #require(store.directory).path
        repository = try await Repositories.open(store.store).repository(named: "r")
        try await repository.push(emptyConfig)
    }

    /// Cuts a file to `length` bytes in place, or overwrites its first byte.
    private func damage(_ key: ObjectKey, length: off_t?) throws {
        let path = "\(root)/\(key)"
        if let length {
            try #require(truncate(path, length) == 0)
        } else {
            let file = open(path, O_WRONLY)
            try #require(pwrite(file, "X", 1, 0) == 1 && close(file) == 0)
        }
    }

    @Test("a blob cut to nothing is absent, cannot be referred to, and is repaired by a push")
    func emptyBlob() async throws {
        let bytes = sampleBytes(5000)
        let digest = try await repository.push(bytes)
        try damage(StorageLayout.blob(digest), length: 0)
        #expect(try await repository.blobs.find(digest) == nil)
        #expect(try await repository.blobs.get(digest) == nil)
        await #expect(throws: ObjectStoreError.self) { try await repository.blobs.get(digest, range: 0..<10) }
        #expect(try await !repository.blobs.mount(digest, from: nil))
        // A replica that has not just linked it.
        let other = try await Repositories.open(store.store).repository(named: "r")
        await #expect(throws: MissingReferencesError.self) { try await other.put(image(1, layers: [digest])) }
        try await repository.push(bytes)
        #expect(try await repository.blobs.get(digest)?.body.contents == bytes)
    }

    @Test("the empty blob is nothing but empty")
    func genuinelyEmpty() async throws {
        for algorithm in Digest.Algorithm.allCases {
            let digest = try await repository.push([], as: Digest(of: [], algorithm: algorithm))
            #expect(try await repository.blobs.find(digest)?.size == 0)
            #expect(try await repository.blobs.get(digest)?.body.contents == [])
        }
    }

    @Test("a blob that became shorter is repaired by a push, in every form")
    func shortBlob() async throws {
        let bytes = sampleBytes(5000)
        let digest = Digest(of: bytes)
        for form in 0..<3 {
            try await repository.push(bytes)
            try damage(StorageLayout.blob(digest), length: 4999)
            switch form {
            case 0: try await repository.push(bytes)
            case 1: try await repository.close(repository.uploads.begin().token, bytes, as: digest)
            default:
                let next = try await repository.append(Array(bytes[..<1000]), to: repository.uploads.begin().token)
                try await repository.close(next, Array(bytes[1000...]), as: digest)
            }
            #expect(try await repository.blobs.get(digest)?.body.contents == bytes)
        }
    }

    @Test(
        "a manifest's record that lost bytes or changed is an error of the store, never a wrong answer",
        arguments: [0, 10, nil])
    func record(length: off_t?) async throws {
        let digest = try await repository.put(image(1), byDigest: true)
        try damage(StorageLayout.manifest(digest, in: repository.name), length: length)
        await #expect(throws: ObjectStoreError.self) { try await repository.manifests.get(.digest(digest)) }
        await #expect(throws: ObjectStoreError.self) { try await repository.manifests.delete(digest) }
    }

    @Test("a tag that lost bytes is an error of the store, and can be pushed again or deleted", arguments: [0, 10])
    func tag(length: off_t) async throws {
        let bytes = image(1)
        for isRepaired in [true, false] {
            try await repository.put(bytes, tags: "latest")
            let tag = try Tag("latest")
            try damage(StorageLayout.tag(tag, in: repository.name), length: length)
            await #expect(throws: ObjectStoreError.self) { try await repository.manifests.get(.tag(tag)) }
            if isRepaired {
                try await repository.put(bytes, tags: "latest")
                #expect(try await repository.manifests.get(.tag(tag)).bytes == bytes)
            } else {
                try await repository.tags.delete(tag)
                #expect(try await repository.tagList() == [])
            }
        }
    }

    @Test("a broken record is repaired by the next push", arguments: [0, 10, nil])
    func repairedRecord(length: off_t?) async throws {
        let digest = try await repository.put(image(1), byDigest: true)
        try damage(StorageLayout.manifest(digest, in: repository.name), length: length)
        try await repository.put(image(1), byDigest: true)
        #expect(try await repository.manifests.get(.digest(digest)).bytes == image(1))
    }

    @Test("a broken upload secret is a clear error at the start, not another secret")
    func secret() async throws {
        try damage(StorageLayout.uploadSecret, length: 31)
        await #expect(throws: ObjectStoreError.self) { _ = try await Repositories.open(try store.reopened()) }
    }
}
