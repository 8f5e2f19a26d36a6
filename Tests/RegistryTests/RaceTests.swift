import OCI
import ObjectStorage
import TestSupport
import Testing

@testable import Registry

/// Two requests at once, step by step: what one does between two operations of the other.
struct RaceTests {
    private let store = ObservedObjectStore(MemoryObjectStore())
    private let repository: Repository
    private let subject = Digest(of: [9])

    init() async throws {
        repository = try await Repositories.open(store).repository(named: "r")
        try await repository.push(emptyConfig)
    }

    /// A manifest that is there is listed by its subject, and one that is tagged is there.
    private func expectConsistent(_ digest: Digest) async throws {
        let isThere = try await repository.manifests.record(digest) != nil
        let listed = try await repository.referrers.list(of: subject, artifactType: nil, after: nil, limit: nil)
        #expect(listed.descriptors.contains { $0.digest == digest } == isThere)
        for tag in try await repository.tagList() {
            let tagged = try await repository.manifests.get(.tag(try Tag(tag)))
            #expect(try await repository.manifests.record(tagged.digest) != nil)
        }
    }

    @Test("a push between any two operations of a delete", arguments: 0..<8, [true, false])
    func pushDuringDelete(step: Int, isTagged: Bool) async throws {
        let bytes = image(1, subject: subject)
        let digest = try await repository.put(bytes, byDigest: true, tags: "old")
        try await interrupt(at: step) {
            try await repository.put(bytes, byDigest: !isTagged, tags: "new")
        }
        try await repository.manifests.delete(digest)
        store.disarm()
        try await expectConsistent(digest)
    }

    @Test("a delete between any two operations of a push", arguments: 0..<14, [true, false])
    func deleteDuringPush(step: Int, isFirst: Bool) async throws {
        let bytes = image(1, subject: subject)
        let digest = Digest(of: bytes)
        if !isFirst { try await repository.put(bytes, byDigest: true, tags: "old") }
        try await interrupt(at: step) {
            do {
                try await repository.manifests.delete(digest)
            } catch let error as RegistryError {
                #expect(error.code == .manifestUnknown)
            }
        }
        try await repository.put(bytes, tags: "new")
        store.disarm()
        try await expectConsistent(digest)
    }

    @Test("a delete between any two operations of a push that writes record and tag at once", arguments: 0..<10)
    func deleteDuringPushAtOnce(step: Int) async throws {
        let bytes = image(1)
        let digest = Digest(of: bytes)
        try await interrupt(at: step) {
            do {
                try await repository.manifests.delete(digest)
            } catch let error as RegistryError {
                #expect(error.code == .manifestUnknown)
            }
        }
        try await repository.put(bytes, tags: "new")
        store.disarm()
        for tag in try await repository.tagList() {
            #expect(try await repository.manifests.get(.tag(try Tag(tag))).bytes == bytes)
            #expect(try await repository.manifests.get(.digest(digest)).bytes == bytes)
        }
    }

    @Test(
        "a tag moved to another manifest while its old one is deleted is kept",
        arguments: [ObservedObjectStore.Operation.Verb.bytes, .delete])
    func movedTag(before verb: ObservedObjectStore.Operation.Verb) async throws {
        let (old, new) = (image(1), image(2))
        let digest = try await repository.put(old, byDigest: true, tags: "a", "b", "latest")
        let key = StorageLayout.tag(try Tag("latest"), in: repository.name).string
        // Before the delete looks at it, or after it has, just before it removes it.
        store.once(before: { $0.verb == verb && $0.key == key }) { try await repository.put(new, tags: "latest") }
        try await repository.manifests.delete(digest)
        #expect(try await repository.tagList() == ["latest"])
        #expect(try await repository.manifests.get(.tag(try Tag("latest"))).bytes == new)
    }

    @Test(
        "two clients push one blob at once: both succeed, and it is stored once", arguments: [true, false],
        [true, false])
    func sameBlob(isStreamed: Bool, isAskedFor: Bool) async throws {
        let bytes = sampleBytes(100)
        let digest = Digest(of: bytes)
        let key = StorageLayout.blob(digest)
        if isAskedFor { #expect(try await repository.blobs.find(digest) == nil) }
        let other = try await Repositories.open(store).repository(named: "other")
        let first = Guarded<String?>(nil)
        store.once(before: { $0.verb == .commit && $0.key == key.string }) {
            try await other.push(bytes)
            let etag = try await store.head(key)?.etag
            first.change { $0 = etag }
        }
        if isStreamed {
            try await repository.close(repository.stream(bytes, to: repository.uploads.begin().token), as: digest)
        } else {
            try await repository.push(bytes)
        }
        // What the other one wrote is still there: nobody has written it again.
        #expect(try await store.head(key)?.etag == first.value)
        for repository in [repository, other] {
            #expect(try await repository.blobs.membership(digest) == .held)
            #expect(try await repository.blobs.get(digest)?.body.contents == bytes)
        }
    }

    @Test("a broken blob does not pass for the one that could not be stored over it")
    func failedRepair() async throws {
        let bytes = sampleBytes(100)
        let digest = Digest(of: bytes)
        let key = StorageLayout.blob(digest)
        try await store.put(Array(bytes[..<99]), at: key, metadata: ObjectMetadata(), condition: .always)
        let token = try await repository.append(bytes, to: repository.uploads.begin().token)
        store.once(before: { $0.verb == .compose }) { throw ObjectStoreError.full("no room") }
        await #expect(throws: ObjectStoreError.full("no room")) { try await repository.close(token, as: digest) }
        try await repository.close(token, as: digest)
        #expect(try await repository.blobs.get(digest)?.body.contents == bytes)
    }

    @Test("replicas that start at once agree on the upload secret", arguments: StoreKind.allCases)
    func secret(kind: StoreKind) async throws {
        let store = try TestStore(kind)
        let observed = ObservedObjectStore(store.store)
        let name = try RepositoryName("r")
        let second = Guarded<Repositories?>(nil)
        observed.once(before: { $0.verb == .put }) {
            let made = try await Repositories.open(store.store)
            second.change { $0 = made }
        }
        let first = try await Repositories.open(observed)
        let token = first.repository(name).uploads.begin().token
        let other = try #require(second.value)
        #expect(try await other.repository(name).uploads.resume(token).offset == 0)
        let third = try await Repositories.open(store.store)
        #expect(try await third.repository(name).uploads.resume(token).offset == 0)
        withExtendedLifetime(store) {}
    }

    /// Runs `body` before the operation number `step` from now on; never when there are not so many.
    private func interrupt(at step: Int, _ body: @escaping @Sendable () async throws -> Void) async throws {
        let count = Guarded(0)
        store.once(
            before: { _ in
                count.change { count in
                    count += 1
                    return count == step + 1
                }
            }, body)
    }
}
