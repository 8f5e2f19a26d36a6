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
        // What nobody could link is visible all the same.
        let tenant = try registry.repository(named: "app", visibility: .linkedBlobs)
        let layer = try S3loBucket.layer(of: sample.children[1])
        #expect(try await tenant.blobs.find(layer.digest)?.size == layer.size)
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

    @Test("what is no manifest is read once, and recorded tags are not read again when they are looked at again")
    func readOnce() async throws {
        let clock = Guarded(1000)
        let observed = ObservedObjectStore(MemoryObjectStore())
        let app = try await Repositories.open(observed) { clock.value }.repository(named: "app")
        try await app.push(emptyConfig)
        for number in 0..<5 { try await app.put(image(number), tags: "own\(number)") }
        var bucket = S3loBucket()
        bucket.tag("app", "junk", Array("no manifest".utf8))
        bucket.tag("app", "large", [UInt8](repeating: 0x20, count: Manifest.maximumSize + 1))
        try await bucket.write(to: observed)
        await expectUnknown(.digest(Digest(of: [1])), in: app)
        for seconds in [0, 120] {
            clock.change { $0 += seconds }
            observed.reset()
            await expectUnknown(.digest(Digest(of: [1])), in: app)
            #expect(!observed.operations.contains { $0.verb != .list && $0.key.hasPrefix("manifests/") })
        }
    }

    @Test("a repository of many tags is listed every ten seconds at most, unless some are s3lo's")
    func manyTags() async throws {
        let clock = Guarded(1000)
        let observed = ObservedObjectStore(MemoryObjectStore())
        let app = try await Repositories.open(observed) { clock.value }.repository(named: "app")
        try await app.push(emptyConfig)
        let tags = try (0..<1000).map { try Tag("v\($0)") }
        _ = try await app.manifests.put(image(1), contentType: nil, expected: nil, tags: tags)
        await expectUnknown(.digest(Digest(of: [1])), in: app)
        observed.reset()
        await expectUnknown(.digest(Digest(of: [1])), in: app)
        #expect(observed.operations.map(\.verb) == [.bytes])
        try await sample.bucket.write(to: observed)
        clock.change { $0 += 10 }
        for child in sample.children {
            #expect(try await app.manifests.get(.digest(digest(child))).bytes == child)
        }
        #expect(try await app.manifests.get(.digest(digest(sample.chunked))).bytes == sample.chunked)
    }

    @Test("a copy of a bucket without records is read by digest as well")
    func copied() async throws {
        let store = MemoryObjectStore()
        let repository = try await Repositories.open(store).repository(named: "app")
        try await repository.push(emptyConfig)
        let child = try await repository.put(image(1), byDigest: true)
        let parent = try await repository.put(index([child]), tags: "v1")
        let alone = try await repository.put(image(2), byDigest: true)
        let records = try await store.keys().filter { $0.hasPrefix("registry/app/") }
        try await store.delete(records.map { ObjectKey($0) })
        let copy = try await Repositories.open(store).repository(named: "app")
        for digest in [child, parent, alone] {
            #expect(try await copy.manifests.get(.digest(digest)).digest == digest)
        }
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
}

extension Repositories {
    func allNames() async throws -> [String] {
        try await names(after: nil, limit: 1000).names.map(\.string)
    }
}

/// Expects that the repository has no such manifest.
func expectUnknown(
    _ reference: Reference, in repository: Repository, sourceLocation: SourceLocation = #_sourceLocation
) async {
    await #expect(sourceLocation: sourceLocation) {
        try await repository.manifests.get(reference)
    } throws: { error in
        (error as? RegistryError)?.code == .manifestUnknown
    }
}
