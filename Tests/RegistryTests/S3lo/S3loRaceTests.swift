import OCI
import ObjectStorage
import TestSupport
import Testing

@testable import Registry

/// Adoption beside deletes, pushes and other replicas, and after them.
struct S3loRaceTests {
    private let sample = S3loBucket.Sample()

    private func digest(_ bytes: [UInt8]) -> Digest { S3loBucket.digest(bytes) }

    @Test("what was deleted stays deleted", arguments: StoreKind.allCases)
    func deletion(kind: StoreKind) async throws {
        let opened = try TestStore(kind)
        try await sample.bucket.write(to: opened.store)
        let registry = try await Repositories.open(opened.store)
        let app = try registry.repository(named: "app")
        // Never read before: top-level, then a child that its index still names.
        try await app.manifests.delete(digest(sample.chunked))
        await expectUnknown(.digest(digest(sample.chunked)), in: app)
        #expect(try await app.tagList() == ["bare", "multi"])
        _ = try await app.manifests.get(.tag(try Tag("multi")))
        try await app.manifests.delete(digest(sample.children[0]))
        await expectUnknown(.digest(digest(sample.children[0])), in: app)
        let elsewhere = try await Repositories.open(opened.store).repository(named: "app")
        await expectUnknown(.digest(digest(sample.children[0])), in: elsewhere)
    }

    @Test("a tag that is deleted while it is adopted leaves no record")
    func deletedMeanwhile() async throws {
        let observed = ObservedObjectStore(MemoryObjectStore())
        try await sample.bucket.write(to: observed)
        let registry = try await Repositories.open(observed)
        let plain = try registry.repository(named: "team/plain")
        observed.once(before: { $0.verb == .put && $0.key.hasPrefix("registry/_catalog") }) {
            try await plain.tags.delete(try Tag("v1"))
        }
        #expect(try await plain.manifests.get(.tag(try Tag("v1"))).bytes == sample.plain)
        #expect(try await plain.manifests.record(digest(sample.plain)) == nil)
    }

    @Test("a push of the same manifest while its tag is adopted counts")
    func pushedMeanwhile() async throws {
        let observed = ObservedObjectStore(MemoryObjectStore())
        try await sample.bucket.write(to: observed)
        let plain = try await Repositories.open(observed).repository(named: "team/plain")
        let pusher = try await Repositories.open(observed).repository(named: "team/plain")
        observed.once(before: { $0.verb == .put && $0.key.hasPrefix("registry/team/plain/_manifests") }) { [sample] in
            try await pusher.put(sample.plain, byDigest: true, tags: "v1", "v2")
        }
        #expect(try await plain.manifests.get(.tag(try Tag("v1"))).bytes == sample.plain)
        #expect(try await plain.manifests.record(digest(sample.plain))?.mediaType == .ociManifest)
        #expect(try await plain.tagList() == ["v1", "v2"])
    }

    @Test("a tag that s3lo moves while it is adopted is adopted again")
    func movedMeanwhile() async throws {
        let observed = ObservedObjectStore(MemoryObjectStore())
        try await sample.bucket.write(to: observed)
        let plain = try await Repositories.open(observed).repository(named: "team/plain")
        observed.once(before: { $0.verb == .put && $0.key.hasPrefix("registry/_catalog") }) { [sample] in
            var bucket = S3loBucket()
            bucket.tag("team/plain", "v1", sample.multi)
            try await bucket.write(to: observed)
        }
        #expect(try await plain.manifests.get(.tag(try Tag("v1"))).bytes == sample.plain)
        #expect(try await plain.manifests.record(digest(sample.plain)) == nil)
        #expect(try await plain.manifests.get(.tag(try Tag("v1"))).bytes == sample.multi)
        #expect(try await plain.manifests.record(digest(sample.multi)) != nil)
    }

    @Test("replicas that adopt one tag at once leave what one leaves", arguments: StoreKind.allCases)
    func replicas(kind: StoreKind) async throws {
        let one = try TestStore(kind)
        let many = try TestStore(kind)
        for store in [one.store, many.store] { try await sample.bucket.write(to: store) }
        let reference = Reference.tag(try Tag("multi"))
        _ = try await Repositories.open(one.store).repository(named: "app").manifests.get(reference)
        let replicas = try await (0..<4).mapAtOnce(1) { _ in try await Repositories.open(many.store) }
        let found = try await (0..<12).mapAtOnce(12) { number in
            try await replicas[number % 4].repository(named: "app").manifests.get(reference).bytes
        }
        #expect(Set(found) == [sample.multi])
        #expect(try await many.store.keys() == one.store.keys())
    }

    @Test("who reads a tag while its manifest is deleted does not bring it back", arguments: [false, true])
    func readWhileDeleted(isOwn: Bool) async throws {
        let observed = ObservedObjectStore(MemoryObjectStore())
        try await sample.bucket.write(to: observed)
        let plain = try await Repositories.open(observed).repository(named: "team/plain")
        let reader = try await Repositories.open(observed).repository(named: "team/plain")
        let digest = digest(sample.plain)
        if isOwn { try await plain.put(sample.plain, byDigest: true, tags: "v1") }
        observed.once(before: { $0.verb == .delete && $0.key == "manifests/team/plain/v1/manifest.json" }) {
            _ = try await reader.manifests.get(.tag(try Tag("v1")))
            _ = try await reader.manifests.get(.digest(digest))
        }
        try await plain.manifests.delete(digest)
        for repository in [plain, reader] { await expectUnknown(.digest(digest), in: repository) }
    }

    @Test("an image that s3lo pushes again after it was deleted is found again", arguments: StoreKind.allCases)
    func pushedAgain(kind: StoreKind) async throws {
        let opened = try TestStore(kind)
        try await sample.bucket.write(to: opened.store)
        let clock = Guarded(1000)
        let replicas = try await (0..<2).mapAtOnce(1) { _ in
            try await Repositories.open(opened.store) { clock.value }.repository(named: "app")
        }
        for replica in replicas { _ = try await replica.manifests.get(.tag(try Tag("multi"))) }
        for manifest in [sample.multi] + sample.children { try await replicas[0].manifests.delete(digest(manifest)) }
        try await sample.bucket.write(to: opened.store)
        clock.change { $0 += 60 }
        for replica in replicas {
            for manifest in sample.children + [sample.multi] {
                #expect(try await replica.manifests.get(.digest(digest(manifest))).bytes == manifest)
            }
        }
    }
}
