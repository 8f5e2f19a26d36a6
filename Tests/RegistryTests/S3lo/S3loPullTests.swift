import OCI
import ObjectStorage
import TestSupport
import Testing

@testable import Registry

/// What s3lo wrote is listed and pulled, with records and without.
struct S3loPullTests {
    private let sample = S3loBucket.Sample()

    private func digest(_ bytes: [UInt8]) -> Digest { S3loBucket.digest(bytes) }

    @Test("images are listed and pulled by tag with what their bytes say", arguments: StoreKind.allCases)
    func tags(kind: StoreKind) async throws {
        let opened = try TestStore(kind)
        try await sample.bucket.write(to: opened.store)
        let registry = try await Repositories.open(opened.store)
        #expect(try await registry.allNames() == ["app", "app/nested", "team/plain"])
        let app = try registry.repository(named: "app")
        #expect(try await app.tagList() == ["bare", "multi", "v1"])
        #expect(try await registry.repository(named: "app/nested").tagList() == ["v1"])
        for (tag, bytes, type) in [
            ("v1", sample.chunked, MediaType.ociManifest), ("multi", sample.multi, .ociIndex),
            ("bare", sample.bare, .ociIndex),
        ] {
            for _ in 0..<2 {
                let found = try await app.manifests.get(.tag(try Tag(tag)))
                #expect(found.bytes == bytes && found.mediaType == type && found.digest == digest(bytes))
            }
        }
    }

    @Test(
        "manifests are pulled by digest before anybody asked for their tag",
        arguments: StoreKind.allCases, [false, true])
    func digests(kind: StoreKind, readOnly: Bool) async throws {
        let opened = try TestStore(kind)
        try await sample.bucket.write(to: opened.store)
        var options = Repositories.Options()
        options.readOnly = readOnly
        let before = try await opened.store.keys()
        let registry = try await Repositories(
            store: opened.store, blockingWork: TestServer.blockingWork, options: options, readOnly: readOnly)
        let app = try registry.repository(named: "app")
        for manifest in sample.children + [sample.chunked, sample.multi, sample.bare] {
            for _ in 0..<2 {
                #expect(try await app.manifests.get(.digest(digest(manifest))).bytes == manifest)
            }
        }
        let nested = try registry.repository(named: "app/nested")
        let inner = try #require(
            try Manifest(bytes: sample.nested, contentType: nil, digest: digest(sample.nested))
                .manifests.first?.digest)
        #expect(try await nested.manifests.get(.digest(inner)).mediaType == .ociIndex)
        // Of another repository, and a blob that is no manifest of this one.
        for other in [digest(sample.plain), inner, digest(sample.nested), Digest(of: [1])] {
            await expectUnknown(.digest(other), in: app)
        }
        if readOnly { #expect(try await opened.store.keys() == before) }
    }

    @Test("reading a tag gives the repository every record a push would have, once", arguments: StoreKind.allCases)
    func adoption(kind: StoreKind) async throws {
        let opened = try TestStore(kind)
        try await sample.bucket.write(to: opened.store)
        let registry = try await Repositories.open(opened.store)
        let app = try registry.repository(named: "app")
        _ = try await app.manifests.get(.tag(try Tag("multi")))
        for manifest in sample.children + [sample.multi] {
            let record = try #require(try await app.manifests.record(digest(manifest)))
            #expect(record.bytes == manifest)
            #expect(record.mediaType == (manifest == sample.multi ? .ociIndex : .ociManifest))
        }
        // Somebody who sees only what is linked can pull it all.
        let tenant = try registry.repository(named: "app", visibility: .linkedBlobs)
        for child in sample.children {
            let parsed = try Manifest(bytes: child, contentType: nil, digest: digest(child))
            for descriptor in parsed.references {
                #expect(try await tenant.blobs.find(descriptor.digest)?.size == descriptor.size)
            }
        }
        let keys = try await opened.store.keys()
        #expect(keys.contains("registry/_catalog/app!"))
        let observed = ObservedObjectStore(opened.store)
        let again = try await Repositories.open(observed).repository(named: "app")
        _ = try await again.manifests.get(.tag(try Tag("multi")))
        observed.reset()
        _ = try await again.manifests.get(.tag(try Tag("multi")))
        #expect(observed.operations.map(\.verb) == [.bytes])
        #expect(try await opened.store.keys() == keys)
    }

    @Test("a tenant pulls where nothing may be written")
    func readOnlyTenant() async throws {
        let store = MemoryObjectStore()
        try await sample.bucket.write(to: store)
        var options = Repositories.Options()
        options.readOnly = true
        let registry = try await Repositories.open(store, options)
        let tenant = try registry.repository(named: "app", visibility: .linkedBlobs)
        let layer = try S3loBucket.layer(of: sample.chunked)
        #expect(try await tenant.blobs.find(layer.digest)?.size == layer.size)
        let foreign = try S3loBucket.layer(of: sample.plain)
        #expect(try await tenant.blobs.find(foreign.digest) == nil)
    }

    @Test("where the store refuses to write, reading works")
    func refused() async throws {
        let observed = ObservedObjectStore(MemoryObjectStore())
        try await sample.bucket.write(to: observed)
        let registry = try await Repositories.open(observed)
        let app = try registry.repository(named: "app")
        observed.once(before: { $0.verb == .put }) { throw ObjectStoreError.unavailable("forbidden") }
        #expect(try await app.manifests.get(.tag(try Tag("v1"))).bytes == sample.chunked)
        observed.reset()
        // For a while nothing is tried.
        #expect(try await app.manifests.get(.tag(try Tag("multi"))).bytes == sample.multi)
        #expect(try await app.manifests.get(.digest(digest(sample.children[0]))).bytes == sample.children[0])
        #expect(!observed.operations.contains { $0.verb == .put })
    }

    @Test("an unknown digest costs one listing once the tags are known", arguments: [StoreKind.memory, .directory])
    func misses(kind: StoreKind) async throws {
        let opened = try TestStore(kind)
        let observed = ObservedObjectStore(opened.store)
        try await sample.bucket.write(to: observed)
        let app = try await Repositories.open(observed).repository(named: "app")
        try await app.push(emptyConfig)
        for number in 0..<20 { try await app.put(image(number), tags: "own\(number)") }
        await expectUnknown(.digest(Digest(of: [1])), in: app)
        observed.reset()
        for number in 0..<5 { await expectUnknown(.digest(Digest(of: [2, UInt8(number)])), in: app) }
        let reads = observed.operations.filter { !$0.key.hasPrefix("registry/app/_manifests/") }
        #expect(reads.map(\.verb) == Array(repeating: .list, count: 5))
        // A tag that is new is looked at, and only that.
        var bucket = S3loBucket()
        let fresh = bucket.image("fresh")
        bucket.tag("app", "fresh", fresh)
        try await bucket.write(to: opened.store)
        #expect(try await app.manifests.get(.digest(digest(fresh))).bytes == fresh)
    }

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

    @Test("junk and images that cannot be pulled spoil nothing")
    func junk() async throws {
        let store = MemoryObjectStore()
        var bucket = sample.bucket
        bucket.tag("app", "junk", Array("no manifest".utf8))
        bucket.tag("app", "empty", [])
        bucket.tag("app", "large", [UInt8](repeating: 0x20, count: Manifest.maximumSize + 1))
        bucket.tag("app", "dangling", index([Digest(of: [7])]))
        try await bucket.write(to: store)
        let app = try await Repositories.open(store).repository(named: "app")
        #expect(try await app.manifests.get(.digest(digest(sample.children[1]))).bytes == sample.children[1])
        for tag in ["junk", "empty", "large"] {
            await #expect(throws: ObjectStoreError.self) { try await app.manifests.get(.tag(try Tag(tag))) }
        }
        #expect(try await app.manifests.get(.tag(try Tag("dangling"))).mediaType == .ociIndex)
        await expectUnknown(.digest(Digest(of: [7])), in: app)
    }

    private func expectUnknown(_ reference: Reference, in repository: Repository) async {
        await #expect { try await repository.manifests.get(reference) } throws: { error in
            (error as? RegistryError)?.code == .manifestUnknown
        }
    }
}

extension Repositories {
    func allNames() async throws -> [String] {
        try await names(after: nil, limit: 1000).names.map(\.string)
    }
}
