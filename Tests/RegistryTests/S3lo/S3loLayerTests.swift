import OCI
import ObjectStorage
import TestSupport
import Testing

@testable import Registry

/// Layers that s3lo stored in chunks, read as blobs.
struct S3loLayerTests {
    /// A bucket with one chunked layer of five chunks, two of which are the same object.
    struct Fixture {
        var bucket = S3loBucket()
        let layer: S3loBucket.ChunkedLayer
        var recipe: String { "recipes/sha256/\(layer.digest.hex)" }

        init() {
            let zeros = [UInt8](repeating: 0, count: 100_000)
            let raw = sampleBytes(200_000) + zeros + zeros + sampleBytes(50_000, seed: 1)
            layer = bucket.chunkedLayer(raw, cuts: [150_000, 200_000, 300_000, 400_000])
        }
    }

    private let fixture = Fixture()

    private func open(
        _ store: any ObjectStore, visibility: Visibility = .everyBlob,
        now: @escaping @Sendable () -> Int = { 1_800_000_000 }
    ) async throws -> Repository {
        try await Repositories.open(store, now: now).repository(named: "app", visibility: visibility)
    }

    private func contents(_ repository: Repository, _ range: Range<Int>) async throws -> [UInt8]? {
        try await repository.blobs.get(fixture.layer.digest, range: range)?.body.contents
    }

    @Test("the size, all bytes and every range of them are those of the chunks together", arguments: StoreKind.allCases)
    func read(kind: StoreKind) async throws {
        let opened = try TestStore(kind)
        try await fixture.bucket.write(to: opened.store)
        let repository = try await open(opened.store)
        let layer = fixture.layer
        #expect(try await repository.blobs.find(layer.digest)?.size == layer.bytes.count)
        let whole = try #require(try await repository.blobs.get(layer.digest))
        #expect(whole.info.size == layer.bytes.count && whole.body.size == layer.bytes.count)
        let bytes = try await whole.body.contents
        #expect(bytes == layer.bytes && S3loBucket.digest(bytes) == layer.digest)
        // Ranges that begin or end beside a boundary of chunks; a bucket needs more time for each.
        for (index, start) in boundaries.enumerated() {
            for end in boundaries[(index + 1)...] where kind == .memory || end - start < 3 || end == layer.bytes.count {
                #expect(try await contents(repository, start..<end) == Array(layer.bytes[start..<end]))
            }
        }
    }

    /// Where chunks begin and end, and the bytes beside that.
    private var boundaries: [Int] {
        var offset = 0
        var boundaries = [0]
        for chunk in fixture.layer.chunks {
            offset += fixture.bucket.objects["chunks/sha256/\(chunk)"]?.count ?? 0
            boundaries += [offset - 1, offset, min(offset + 1, fixture.layer.bytes.count)]
        }
        return Array(Set(boundaries)).sorted()
    }

    @Test("random ranges")
    func ranges() async throws {
        let store = MemoryObjectStore()
        try await fixture.bucket.write(to: store)
        let repository = try await open(store)
        var generator = SeededGenerator(for: "s3lo")
        for _ in 0..<200 {
            let start = Int.random(in: 0..<fixture.layer.bytes.count, using: &generator)
            let end = Int.random(in: start + 1...fixture.layer.bytes.count, using: &generator)
            #expect(try await contents(repository, start..<end) == Array(fixture.layer.bytes[start..<end]))
        }
    }

    @Test("a range touches only the chunks it is in, and what is known of the layer is not asked for again")
    func requests() async throws {
        let clock = Guarded(1000)
        let observed = ObservedObjectStore(MemoryObjectStore())
        try await fixture.bucket.write(to: observed)
        let repository = try await open(observed) { clock.value }
        _ = try await repository.blobs.find(fixture.layer.digest)
        observed.reset()
        _ = try await contents(repository, 10..<20)
        let chunks = observed.operations.filter { $0.key.hasPrefix("chunks/") || $0.key.hasPrefix("recipes/") }
        #expect(chunks.map(\.key) == ["chunks/sha256/\(fixture.layer.chunks[0])"])
        #expect(chunks.map(\.verb) == [.get])
        clock.change { $0 += 60 }
        observed.reset()
        _ = try await repository.blobs.find(fixture.layer.digest)
        #expect(observed.operations.count { $0.verb == .head && $0.key.hasPrefix("chunks/") } == 4)
    }

    // MARK: Damage

    /// Ways to spoil the bucket.
    enum Damage: CaseIterable, Sendable {
        case missingChunk, shortChunk, longChunk, wrongSize, wrongRawSize, otherDigest, noDigest, noChunks, twoSizes
        case junk, empty, negative, huge, badHex

        func apply(to fixture: inout Fixture) {
            let chunk = "chunks/sha256/\(fixture.layer.chunks[1])"
            let bytes = fixture.bucket.objects[chunk] ?? []
            let recipe = String(decoding: fixture.bucket.objects[fixture.recipe] ?? [], as: UTF8.self)
            func rewrite(_ old: String, _ new: String) {
                fixture.bucket.objects[fixture.recipe] = Array(
                    recipe.replacing(old, with: new, maxReplacements: 1).utf8)
            }
            switch self {
            case .missingChunk: fixture.bucket.objects[chunk] = nil
            case .shortChunk: fixture.bucket.objects[chunk] = bytes.dropLast()
            case .longChunk: fixture.bucket.objects[chunk] = bytes + [0]
            case .wrongSize:
                rewrite(
                    "compressedSize\":\(fixture.layer.bytes.count)", "compressedSize\":\(fixture.layer.bytes.count + 1)"
                )
            case .wrongRawSize: rewrite(#""size":450000"#, #""size":450001"#)
            case .otherDigest: rewrite("\(fixture.layer.digest.hex)", "\(fixture.layer.raw.hex)")
            case .noDigest: rewrite(#""compressedDigest":"\#(fixture.layer.digest.hex)","#, "")
            case .noChunks: rewrite(String(recipe.drop { $0 != "[" }.dropLast()), "[]")
            case .twoSizes: rewrite(#""compressedSize":1000"#, #""compressedSize":1001"#)
            case .junk: fixture.bucket.objects[fixture.recipe] = Array("{".utf8)
            case .empty: fixture.bucket.objects[fixture.recipe] = []
            case .negative: rewrite(#""size":50000,"#, #""size":-50000,"#)
            case .huge: rewrite(#""size":50000,"#, #""size":\#(Int.max),"#)
            case .badHex: rewrite(fixture.layer.chunks[0], "../../s3lo.yaml")
            }
        }
    }

    @Test("a damaged layer fails before its first byte, and is no layer that never was", arguments: Damage.allCases)
    func damaged(damage: Damage) async throws {
        var fixture = fixture
        let before = fixture.bucket.objects
        damage.apply(to: &fixture)
        #expect(fixture.bucket.objects != before)
        let store = MemoryObjectStore()
        try await fixture.bucket.write(to: store)
        let repository = try await open(store)
        let digest = fixture.layer.digest
        await #expect(throws: ObjectStoreError.self) { try await repository.blobs.find(digest) }
        await #expect(throws: ObjectStoreError.self) { try await repository.blobs.get(digest) }
        await #expect(throws: ObjectStoreError.self) { try await repository.blobs.get(digest, range: 0..<10) }
        // Whoever has the bytes mends it.
        try await repository.push(fixture.layer.bytes)
        #expect(try await repository.blobs.get(digest)?.body.contents == fixture.layer.bytes)
    }

    @Test(
        "a chunk that vanishes or changes while the layer is read ends the reading with an error",
        arguments: [true, false])
    func changedMeanwhile(vanishes: Bool) async throws {
        let store = MemoryObjectStore()
        try await fixture.bucket.write(to: store)
        let repository = try await open(store)
        let object = try #require(try await repository.blobs.get(fixture.layer.digest))
        let key = ObjectKey("chunks/sha256/\(fixture.layer.chunks[3])")
        if vanishes {
            try await store.delete([key])
        } else {
            try await store.put([1], at: key, metadata: ObjectMetadata(), condition: .always)
        }
        await #expect(throws: ObjectStoreError.self) { try await object.body.contents }
    }

    @Test("other bytes of the right length in a chunk are noticed before the last byte is given")
    func otherBytes() async throws {
        let store = MemoryObjectStore()
        var bucket = fixture.bucket
        let key = "chunks/sha256/\(fixture.layer.chunks[4])"
        bucket.objects[key]?[100] ^= 1
        try await bucket.write(to: store)
        let repository = try await open(store)
        let content = try #require(try await repository.blobs.whole(fixture.layer.digest, cache: nil))
        guard case .object(let body) = content.body else { throw ObjectStoreError.unavailable("no object") }
        var count = 0
        await #expect(throws: ObjectStoreError.self) {
            try await body.forEachChunk(on: TestServer.blockingWork) { count += $0.byteCount }
        }
        #expect(count < fixture.layer.bytes.count)
    }

    @Test("a recipe with random changes is refused, or one whose sizes add up")
    func mutations() throws {
        var generator = SeededGenerator(for: "recipes")
        let recipe = fixture.bucket.objects[fixture.recipe] ?? []
        #expect(try S3loLayer(recipe: recipe, of: fixture.layer.digest).size == fixture.layer.bytes.count)
        for _ in 0..<2000 {
            var changed = recipe
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = changed.indices.randomElement(using: &generator) ?? 0
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: changed[index] = UInt8.random(in: 0x20...0x7E, using: &generator)
                case 1: changed.remove(at: index)
                default: changed.insert(UInt8(ascii: "9"), at: index)
                }
            }
            do {
                let layer = try S3loLayer(recipe: changed, of: fixture.layer.digest)
                #expect(layer.pieces.first?.bytes.lowerBound == 0 && layer.size > 0)
                for (one, next) in zip(layer.pieces, layer.pieces.dropFirst()) {
                    #expect(one.bytes.upperBound == next.bytes.lowerBound && !next.bytes.isEmpty)
                }
            } catch {
                #expect(error.description.isEmpty == false)
            }
        }
    }

    // MARK: Presence

    @Test("manifests refer to it, mounts take it, visibility guards it")
    func presence() async throws {
        let store = MemoryObjectStore()
        try await fixture.bucket.write(to: store)
        let repository = try await open(store)
        let digest = fixture.layer.digest
        let tenant = try repository.registry.repository(named: "app", visibility: .linkedBlobs)
        #expect(try await tenant.blobs.find(digest) == nil)
        #expect(try await tenant.blobs.get(digest) == nil)
        try await repository.push(emptyConfig)
        try await repository.put(image(1, layers: [digest]), tags: "v1")
        #expect(try await tenant.blobs.get(digest)?.body.contents == fixture.layer.bytes)
        let other = try repository.registry.repository(named: "other", visibility: .linkedBlobs)
        #expect(try await other.blobs.mount(digest, from: try RepositoryName("app")))
        #expect(try await other.blobs.find(digest)?.size == fixture.layer.bytes.count)
        try await repository.blobs.delete(digest)
        #expect(try await repository.blobs.find(digest) == nil)
        #expect(try await store.head(ObjectKey(fixture.recipe)) != nil)
    }

    @Test("pushing it stores it whole, and that is read from then on")
    func pushed() async throws {
        let store = MemoryObjectStore()
        try await fixture.bucket.write(to: store)
        let repository = try await open(store)
        try await repository.push(fixture.layer.bytes)
        #expect(try await store.head(StorageLayout.blob(fixture.layer.digest))?.size == fixture.layer.bytes.count)
        for chunk in fixture.layer.chunks { try await store.delete([ObjectKey("chunks/sha256/\(chunk)")]) }
        #expect(try await repository.blobs.get(fixture.layer.digest)?.body.contents == fixture.layer.bytes)
    }
}
