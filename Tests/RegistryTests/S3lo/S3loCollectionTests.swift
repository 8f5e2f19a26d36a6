import OCI
import ObjectStorage
import TestSupport
import Testing

@testable import Registry

/// What clients push here outlives s3lo's collection (`S3loModel`), and s3lo can read it.
struct S3loCollectionTests {
    private let store: any ObjectStore
    private let registry: Repositories
    private let app: Repository

    init() async throws {
        store = MemoryObjectStore()
        registry = try await Repositories.open(store)
        app = try registry.repository(named: "app")
        try await app.push(emptyConfig)
    }

    // MARK: Pushes

    /// An image with a layer of its own.
    private func imageWithLayer(_ seed: Int, subject: Digest? = nil) async throws -> [UInt8] {
        let layer = try await app.push(sampleBytes(500, seed: seed))
        return image(seed, subject: subject, layers: [layer])
    }

    /// An index that does not say what it is, nor for which platforms.
    private func bareIndex(_ children: [Digest]) -> [UInt8] {
        let entries = children.map { #"{"mediaType":"\#(MediaType.ociManifest)","digest":"\#($0)","size":2}"# }
        return Array(#"{"schemaVersion":2,"manifests":[\#(entries.joined(separator: ","))]}"#.utf8)
    }

    /// A push of every kind, by what it is about.
    enum Push: CaseIterable, Sendable {
        case tag, index, indexOfTagged, nested, bareIndex, digest, digestIndex, referrer, referrerOfReferrer, sha512
        case sha512Child, fallback, twoTags, again
    }

    private func push(_ kind: Push) async throws {
        switch kind {
        case .tag: try await app.put(try await imageWithLayer(1), tags: "ours")
        case .index:
            let child = try await app.put(try await imageWithLayer(2), byDigest: true)
            try await app.put(index([child]), tags: "platforms")
        case .indexOfTagged:
            let child = try await app.put(try await imageWithLayer(3), tags: "amd64")
            try await app.put(index([child], seed: 1), tags: "manylinux")
        case .nested:
            let child = try await app.put(try await imageWithLayer(4), byDigest: true)
            let inner = try await app.put(index([child], seed: 2), byDigest: true)
            try await app.put(index([inner], seed: 3), tags: "nested")
        case .bareIndex:
            let child = try await app.put(try await imageWithLayer(5), byDigest: true)
            let tagged = try await app.put(try await imageWithLayer(6), tags: "arm64")
            try await app.put(bareIndex([child, tagged]), tags: "untyped")
        case .digest: try await app.put(try await imageWithLayer(7), byDigest: true)
        case .digestIndex:
            let child = try await app.put(try await imageWithLayer(8), byDigest: true)
            try await app.put(index([child], seed: 4), byDigest: true)
        case .referrer:
            try await app.put(try await imageWithLayer(9, subject: Digest(of: [9])), byDigest: true)
        case .referrerOfReferrer:
            let first = try await app.put(try await imageWithLayer(10, subject: Digest(of: [9])), byDigest: true)
            try await app.put(try await imageWithLayer(11, subject: first), byDigest: true)
        case .sha512:
            let layer = sampleBytes(300, seed: 12)
            try await app.push(layer, as: Digest(of: layer, algorithm: .sha512))
            let bytes = image(12, layers: [Digest(of: layer, algorithm: .sha512)])
            _ = try await app.manifests.put(
                bytes, contentType: nil, expected: Digest(of: bytes, algorithm: .sha512), tags: [])
        case .sha512Child:
            let bytes = try await imageWithLayer(13)
            let digest = Digest(of: bytes, algorithm: .sha512)
            _ = try await app.manifests.put(bytes, contentType: nil, expected: digest, tags: [])
            try await app.put(index([digest], seed: 5), tags: "long")
        case .fallback:
            let referrer = try await app.put(try await imageWithLayer(14, subject: Digest(of: [8])), byDigest: true)
            try await app.put(index([referrer], seed: 6), tags: "sha256-\(Digest(of: [8]).hex)")
        case .twoTags:
            let bytes = try await imageWithLayer(15)
            _ = try await app.manifests.put(
                bytes, contentType: nil, expected: Digest(of: bytes), tags: [try Tag("one"), try Tag("two")])
        case .again:
            for _ in 0..<2 { try await app.put(try await imageWithLayer(16), byDigest: true) }
        }
    }

    // MARK: Checks

    /// Everything the registry answers for, with everything that refers to, can be had.
    private func checkAdvertised(_ store: any ObjectStore) async throws {
        let registry = try await Repositories.open(store)
        for name in try await registry.names(after: nil, limit: 100).names {
            let repository = registry.repository(name)
            var digests = try await S3loRecords(repository).digests
            for tag in try await repository.tags.listed() {
                digests.insert(try await repository.manifests.get(.tag(tag.tag)).digest)
            }
            for digest in digests {
                let stored = try await repository.manifests.get(.digest(digest))
                let manifest = try Manifest(bytes: stored.bytes, contentType: stored.mediaType, digest: digest)
                for child in manifest.manifests { _ = try await repository.manifests.get(.digest(child.digest)) }
                for blob in manifest.layers + [manifest.config].compactMap(\.self) {
                    let object = try #require(try await repository.blobs.get(blob.digest), "\(name) \(blob.digest)")
                    let bytes = try await object.body.contents
                    #expect(Digest(of: bytes, algorithm: blob.digest.algorithm) == blob.digest)
                }
            }
        }
    }

    /// What s3lo relies on in a bucket nobody else writes to: checks 1, 2, 4 and 5 of its interface.
    private func checkLayout(_ model: S3loModel) throws {
        for hex in try model.references() where hex.utf8.count == 64 {
            let blob = try #require(model.objects["blobs/sha256/\(hex)"])
            #expect(S3loBucket.digest(blob).hex == hex)
        }
        for key in model.objects.keys {
            let isPlaced = ["blobs/", "manifests/", "registry/"].contains { key.hasPrefix($0) }
            #expect(isPlaced && key.hasPrefix("manifests/") == key.hasSuffix("/manifest.json"), "\(key)")
        }
    }

    @Test("what is pushed alone outlives a collection", arguments: Push.allCases)
    func alone(kind: Push) async throws {
        try await push(kind)
        let model = try await S3loModel(store)
        try checkLayout(model)
        try await store.delete(model.collected().map { ObjectKey($0) })
        try await checkAdvertised(store)
        // A second collection finds nothing more.
        #expect(try await S3loModel(store).collected().isEmpty)
    }

    @Test("pushes of every kind, in a bucket of s3lo's images, outlive a collection")
    func together() async throws {
        let sample = S3loBucket.Sample()
        try await sample.bucket.write(to: store)
        for name in ["app", "app/nested", "team/plain"] {
            let repository = try registry.repository(named: name)
            for tag in try await repository.tagList() { _ = try await repository.manifests.get(.tag(try Tag(tag))) }
        }
        for kind in Push.allCases { try await push(kind) }
        let chunked = try S3loBucket.layer(of: sample.chunked).digest
        try await app.put(image(90, layers: [chunked]), tags: "rebased")
        let model = try await S3loModel(store)
        #expect(!(try model.collected()).contains { $0.hasPrefix("chunks/") || $0.hasPrefix("recipes/") })
        for (key, bytes) in sample.bucket.objects { #expect(model.objects[key] == bytes, "\(key)") }
        try await store.delete(model.collected().map { ObjectKey($0) })
        try await checkAdvertised(store)
    }

    @Test("at no moment of a push does s3lo find an index without its children", arguments: Push.allCases)
    func meanwhile(kind: Push) async throws {
        let observed = ObservedObjectStore(store)
        let registry = try await Repositories.open(observed)
        let failures = Guarded<[String]>([])
        @Sendable func arm() {
            observed.once(before: { $0.verb != .list }) { [store] in
                do { _ = try await S3loModel(store).references() } catch { failures.change { $0.append("\(error)") } }
                arm()
            }
        }
        arm()
        try await Self(store: store, registry: registry).push(kind)
        #expect(failures.value == [])
        #expect(observed.operations.count > 3)
    }

    private init(store: any ObjectStore, registry: Repositories) throws {
        (self.store, self.registry) = (store, registry)
        app = try registry.repository(named: "app")
    }

    // MARK: Tags that are none

    @Test("children of an index take no place among s3lo's tags, and no tag of ours is one of its digests")
    func digestTags() async throws {
        try await push(.index)
        try await push(.indexOfTagged)
        #expect(try await S3loModel(store).images == ["app": ["amd64", "manylinux", "platforms"]])
        let digest = try await app.put(try await imageWithLayer(1), byDigest: true)
        #expect(try await S3loModel(store).images["app"]?.contains(digest.string) == true)
        #expect(try await app.tagList() == ["amd64", "manylinux", "platforms"])
        try await app.manifests.delete(digest)
        #expect(try await S3loModel(store).images["app"]?.contains(digest.string) == false)
        await #expect(throws: RegistryError.self) { try await app.manifests.get(.digest(digest)) }
    }

    @Test("nothing but a tag's own push writes its manifest again")
    func dates() async throws {
        for kind in Push.allCases { try await push(kind) }
        let before = try await store.list(prefix: "manifests/", after: nil, limit: .max).objects
        for tag in try await app.tagList() { _ = try await app.manifests.get(.tag(try Tag(tag))) }
        try await push(.digest)
        try await push(.referrer)
        try await push(.again)
        #expect(try await store.list(prefix: "manifests/", after: nil, limit: .max).objects == before)
    }

    @Test(
        "deleting a tag leaves the repository of that name alone, and takes the tag's signatures",
        arguments: StoreKind.allCases)
    func collision(kind: StoreKind) async throws {
        let opened = try TestStore(kind)
        let store = opened.store
        let registry = try await Repositories.open(store)
        for name in ["a", "a/b", "a/b/signatures"] {
            let repository = try registry.repository(named: name)
            try await repository.push(emptyConfig)
            try await repository.put(image(name.utf8.count), tags: "b", "c.json", "v1")
        }
        let digest = Digest(of: image(1))
        func sign(_ tag: String) async throws {
            for key in ["0123456789abcdef.json", "fedcba9876543210.json"] {
                try await store.put(
                    [1], at: ObjectKey("manifests/a/\(tag)/signatures/\(key)"), metadata: ObjectMetadata(),
                    condition: .always)
            }
        }
        try await sign("b")
        try await sign("c.json")
        let a = try registry.repository(named: "a")
        try await a.tags.delete(try Tag("b"))
        #expect(try await a.tagList() == ["c.json", "v1"])
        #expect(try await signatures(in: store) == 2)
        try await a.manifests.delete(digest)
        #expect(try await a.tagList() == [])
        #expect(try await signatures(in: store) == 0)
        for name in ["a/b", "a/b/signatures"] {
            let repository = try registry.repository(named: name)
            #expect(try await repository.tagList() == ["b", "c.json", "v1"])
            _ = try await repository.manifests.get(.tag(try Tag("b")))
        }
    }

    private func signatures(in store: any ObjectStore) async throws -> Int {
        try await store.list(prefix: "manifests/a/", after: nil, limit: .max).objects.map(\.key.string).count { key in
            key.contains("/signatures/") && !key.hasSuffix("/manifest.json")
        }
    }

    // MARK: The model

    @Test("the model removes what s3lo removes: the observed cases of its retention and collection")
    func model() async throws {
        let tags = [1, 10, 20, 40, 60].map { S3loModel.Aged(tag: "\($0)", days: $0) }
        #expect(S3loModel.removed(tags, .init(keepLast: 2)) == ["20", "40", "60"])
        #expect(S3loModel.removed(tags, .init(maximumDays: 30)) == ["40", "60"])
        #expect(S3loModel.removed(tags, .init(keepLast: 2, maximumDays: 30)) == ["40", "60"])
        #expect(S3loModel.removed(tags, .init(keepLast: 2, keepTags: ["1"])) == ["40", "60"])
        #expect(S3loModel.removed(tags, .init(keepTags: ["1"])) == [])
        // A copy of a tagged manifest at its digest goes; so do the children of an index that is not seen as one.
        try await app.put(image(1), tags: "v1")
        try await store.put(
            image(1), at: StorageLayout.blob(Digest(of: image(1))), metadata: ObjectMetadata(), condition: .always)
        let child = try await app.put(image(2), byDigest: true)
        try await store.put(
            bareIndex([child]), at: "manifests/x/v1/manifest.json", metadata: ObjectMetadata(), condition: .always)
        let collected = try await S3loModel(store).collected()
        #expect(collected == [StorageLayout.blob(Digest(of: image(1))).string, StorageLayout.blob(child).string])
        try await store.delete([StorageLayout.blob(child)])
        try await store.put(
            index([child]), at: "manifests/x/v1/manifest.json", metadata: ObjectMetadata(), condition: .always)
        await #expect(throws: S3loModel.Aborted.self) { try await S3loModel(store).collected() }
    }
}
