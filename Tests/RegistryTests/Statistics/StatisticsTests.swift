import OCI
import ObjectStorage
import TestSupport
import Testing

@testable import Registry

@Suite struct StatisticsTests {
    private let base = [UInt8](repeating: 1, count: 5000)
    private let config = Array("{}".utf8)

    /// An image of the given layers with true sizes, tagged `tag` in `repository`.
    private func release(_ layers: [[UInt8]], in repository: Repository, tag: String) async throws {
        for bytes in layers + [config] { try await repository.push(bytes) }
        try await repository.put(manifest(layers), tags: tag)
    }

    private func manifest(_ layers: [[UInt8]]) -> [UInt8] {
        let entry = { (bytes: [UInt8]) in
            #"{"mediaType":"application/x","digest":"\#(Digest(of: bytes))","size":\#(bytes.count)}"#
        }
        return Array(
            (#"{"schemaVersion":2,"mediaType":"\#(MediaType.ociManifest)","config":\#(entry(config)),"#
                + #""layers":[\#(layers.map(entry).joined(separator: ","))]}"#).utf8)
    }

    private func layer(_ seed: UInt8, _ count: Int) -> [UInt8] { [UInt8](repeating: seed, count: count) }

    @Test func emptyStoreHasNothing() async throws {
        #expect(try await StatisticsWalk(MemoryObjectStore(), layers: 10).run() == expectedEmpty)
    }

    private var expectedEmpty: Statistics {
        var statistics = Statistics()
        statistics.layers = LayerSharing()
        return statistics
    }

    @Test("ten releases on one base are stored as one base and ten tops")
    func tenReleases() async throws {
        let store = MemoryObjectStore()
        let registry = try await Repositories.open(store)
        for release in 1...10 {
            let name = release.isMultiple(of: 2) ? "team/app" : "team"
            try await self.release(
                [base, layer(UInt8(release + 1), release * 10)], in: registry.repository(named: name),
                tag: "v\(release)")
        }
        let statistics = try await StatisticsWalk(store, layers: 2).run()
        let tops = (1...10).reduce(0) { $0 + $1 * 10 }
        #expect(statistics.repositories == 2)
        #expect(statistics.tags == 10)
        #expect(statistics.blobs == 12)
        #expect(statistics.blobBytes == 5000 + 2 + tops)
        #expect(statistics.logicalBytes == 10 * (5000 + 2) + tops)
        #expect(statistics.savedBytes == 9 * 5002)
        #expect(statistics.bytesByStorageClass == ["STANDARD": statistics.storedBytes])
        #expect(statistics.largestRepositories.map(\.name.string) == ["team/app", "team"])
        #expect(statistics.largestRepositories.map(\.tags) == [5, 5])
        let layers = try #require(statistics.layers)
        #expect(layers.count == 11)
        #expect(layers.storedBytes == 5000 + tops)
        #expect(layers.logicalBytes == 50_000 + tops)
        #expect(layers.mostShared.map(\.digest) == [Digest(of: base), Digest(of: layer(11, 100))])
        #expect(layers.mostShared.map(\.tags) == [10, 1])
        #expect(layers.mostShared[1].users == ["team/app:v10"])
        #expect(layers.mostShared[0].users.count == 10)
    }

    @Test("an index adds each distinct child once, shared layers for every child")
    func indexCountsItsChildren() async throws {
        let store = MemoryObjectStore()
        let repository = try await Repositories.open(store).repository(named: "multi")
        let tops = [layer(7, 70), layer(8, 80)]
        var children: [Digest] = []
        for top in tops {
            for bytes in [base, top, config] { try await repository.push(bytes) }
            children.append(try await repository.put(manifest([base, top]), byDigest: true))
        }
        try await repository.put(index(children + [children[0]]), tags: "latest")
        let statistics = try await StatisticsWalk(store, layers: 1).run()
        #expect(statistics.tags == 1)
        #expect(statistics.unreadableTags == 0)
        #expect(statistics.logicalBytes == 2 * (5000 + 2) + 150)
        #expect(statistics.layers?.mostShared.first?.users == ["multi:latest"])
        #expect(statistics.layers?.mostShared.first?.size == 5000)
    }

    @Test("what nobody can read is counted and adds nothing")
    func unreadable() async throws {
        let store = MemoryObjectStore()
        let registry = try await Repositories.open(store)
        try await release([base], in: registry.repository(named: "good"), tag: "1")
        let none = ObjectMetadata()
        try await store.put(
            Array("no manifest".utf8), at: "manifests/bad/1/manifest.json", metadata: none, condition: .always)
        try await store.put(
            index([Digest(of: Array("absent".utf8))]), at: "manifests/bad/2/manifest.json", metadata: none,
            condition: .always)
        try await store.put(
            manifest([base]), at: "manifests/Odd/1/manifest.json", metadata: none, condition: .always)
        try await store.put([1], at: "blobs/sha256/short", metadata: none, condition: .always)
        let statistics = try await StatisticsWalk(store).run()
        #expect(statistics.tags == 3)
        #expect(statistics.unreadableTags == 2)
        #expect(statistics.repositories == 2)
        #expect(statistics.logicalBytes == 5002)
        #expect(statistics.blobs == 2)
        #expect(statistics.layers == nil)
    }

    @Test("sizes that are lies end at the largest number")
    func hugeSizes() async throws {
        let store = MemoryObjectStore()
        let lie = #"{"mediaType":"a/b","digest":"\#(Digest(of: base))","size":\#(Int.max)}"#
        let text = #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociManifest)","config":\#(lie),"layers":[\#(lie)]}"#
        for tag in ["1", "2"] {
            try await store.put(
                Array(text.utf8), at: ObjectKey("manifests/lies/\(tag)/manifest.json"), metadata: ObjectMetadata(),
                condition: .always)
        }
        let statistics = try await StatisticsWalk(store, layers: 1).run()
        #expect(statistics.logicalBytes == .max)
        #expect(statistics.layers?.logicalBytes == .max)
        #expect(statistics.savedPercent == 100)
    }

    @Test("chunked layers count as stored")
    func chunks() async throws {
        let store = MemoryObjectStore()
        try await store.put(base, at: "chunks/sha256/ab", metadata: ObjectMetadata(), condition: .always)
        let statistics = try await StatisticsWalk(store).run()
        #expect(statistics.chunks == 1)
        #expect(statistics.storedBytes == 5000)
    }

    @Test("a listing of many pages is walked to its end")
    func manyTags() async throws {
        let store = MemoryObjectStore()
        let bytes = manifest([base])
        for number in 0..<2100 {
            try await store.put(
                bytes, at: ObjectKey("manifests/many/t\(number)/manifest.json"), metadata: ObjectMetadata(),
                condition: .always)
        }
        let statistics = try await StatisticsWalk(store, layers: 1, page: 1000).run()
        #expect(statistics.tags == 2100)
        #expect(statistics.logicalBytes == 2100 * 5002)
        #expect(statistics.layers?.mostShared.first?.tags == 2100)
        #expect(statistics.layers?.mostShared.first?.users.count == 1000)
    }
}
