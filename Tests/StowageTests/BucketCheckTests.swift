import OCI
import ObjectStorage
import Registry
import TestSupport
import Testing

/// The walk that looks for what is broken in a store.
@Suite struct BucketCheckTests {
    private let store = MemoryObjectStore()
    private let config = Content("{}")
    private let layer = Content("a layer")

    private func put(_ bytes: [UInt8], _ key: String) async throws {
        try await store.put(bytes, at: ObjectKey(key), metadata: ObjectMetadata(), condition: .always)
    }

    private func put(_ blob: Content) async throws { try await put(blob.bytes, Self.key("blobs", blob.digest)) }

    private static func key(_ prefix: String, _ digest: Digest) -> String {
        "\(prefix)/\(digest.algorithm.rawValue)/\(digest.hex)"
    }

    private func report() async throws -> BucketReport { try await BucketCheck(store).run() }

    /// An image under a tag and under its digest, with its blobs.
    private func putImage() async throws -> Content {
        let manifest = Content.manifest(config: config, layers: [layer])
        try await put(config)
        try await put(layer)
        try await put(manifest.bytes, "manifests/team/app/1/manifest.json")
        try await put(manifest.bytes, Self.key("registry/team/app/_manifests", manifest.digest))
        return manifest
    }

    @Test func aSoundStoreHasNoProblems() async throws {
        let manifest = try await putImage()
        let index = Content.index([manifest])
        try await put(manifest)
        try await put(index.bytes, "manifests/team/app/all/manifest.json")
        try await put([], "registry/_catalog/team/app!")
        try await put([], Self.key("registry/team/app/_blobs", layer.digest))
        let report = try await report()
        #expect(report.problems.isEmpty && report.foreign.count == 0)
        #expect(report.objects == 8 && report.blobs == 3 && report.tags == 2 && report.manifests == 1)
    }

    @Test func aMissingBlobIsNamedWithWhoNeedsIt() async throws {
        _ = try await putImage()
        try await store.delete([ObjectKey(Self.key("blobs", layer.digest))])
        let found = try await report().problems
        // The tag and the record are the same manifest.
        #expect(found == [.missing: Self.found("team/app:1 refers to \(layer.digest)")])
    }

    @Test func aBlobThatWasCutIsNamedWithBothSizes() async throws {
        _ = try await putImage()
        let key = Self.key("blobs", layer.digest)
        try await put(Array(layer.bytes.dropLast()), key)
        #expect(try await report().problems == [.wrongSize: Self.found("\(key) has 6 bytes, and 7 in team/app:1")])
    }

    @Test func aTagThatIsNoManifestIsNamed() async throws {
        try await put(Array("<html>".utf8), "manifests/a/1/manifest.json")
        try await put([UInt8](repeating: 0x20, count: Manifest.maximumSize + 1), "manifests/a/2/manifest.json")
        let found = try await report().problems
        #expect(found.keys.sorted { $0.rawValue < $1.rawValue } == [.unreadableManifest])
        let examples = found[.unreadableManifest]?.examples ?? []
        #expect(examples.count == 2)
        #expect(examples.first?.hasPrefix("manifests/a/1/manifest.json: ") == true)
        #expect(examples.last == "manifests/a/2/manifest.json: 4194305 bytes are more than a manifest has")
    }

    @Test func theFirstExamplesAreKeptInWhateverOrderTheyAreFound() {
        var generator = SeededGenerator(for: "examples")
        var findings = BucketReport.Findings()
        for number in (10..<40).shuffled(using: &generator) { findings.add("\(number)") }
        #expect(findings.count == 30)
        #expect(findings.examples == (10..<20).map { "\($0)" })
    }

    @Test func aRecordWithOtherBytesIsNamed() async throws {
        let manifest = try await putImage()
        let other = Content.manifest(config: config, layers: [layer], note: "other")
        let key = Self.key("registry/team/app/_manifests", manifest.digest)
        try await put(other.bytes, key)
        let wanted = "\(key): its bytes have the digest \(other.digest)"
        #expect(try await report().problems == [.wrongDigest: Self.found(wanted)])
    }

    @Test func whatAnIndexRefersToIsLookedAtAsWell() async throws {
        let child = Content.manifest(config: config, layers: [layer])
        let lost = Content.manifest(config: config, layers: [])
        try await put(config)
        try await put(child)
        try await put(Content.index([child, lost]).bytes, "manifests/a/all/manifest.json")
        let found = try await report().problems
        #expect(found[.missing]?.count == 2 && found.count == 1)
        #expect(
            found[.missing]?.examples
                == ["a:all refers to \(lost.digest)", "a:all refers to \(layer.digest)"].sorted())
    }

    /// Stowage keeps a child that was pushed by digest as a record, too, and that is enough.
    @Test func aChildMayBeARecord() async throws {
        let child = Content.manifest(config: config, layers: [])
        try await put(config)
        try await put(child.bytes, Self.key("registry/a/_manifests", child.digest))
        try await put(Content.index([child]).bytes, "manifests/a/all/manifest.json")
        #expect(try await report().problems.isEmpty)
    }

    @Test func aReferrerThatIsGoneIsNamed() async throws {
        let subject = Content("subject")
        let key = "registry/a/_referrers/sha256/\(subject.digest.hex)/sha256/\(layer.digest.hex)"
        try await put([], key)
        let wanted = "\(key): there is no registry/a/_manifests/sha256/\(layer.digest.hex)"
        #expect(try await report().problems == [.missingReferrer: Self.found(wanted)])
    }

    @Test func whatDoesNotBelongHereIsCountedWithTheFirstFew() async throws {
        for number in 10..<35 { try await put([], "junk/\(number)") }
        try await put([], "blobs/sha256/abc")
        let report = try await report()
        #expect(report.foreign.count == 25)
        #expect(report.foreign.examples == (10..<20).map { "junk/\($0)" })
        #expect(report.problems == [.lookalike: Self.found("blobs/sha256/abc")])
    }

    // MARK: s3lo's layers in chunks

    private func recipe(_ layer: Content, chunk: Content, stored: Int) -> [UInt8] {
        Array(
            """
            {"layer":"\(chunk.digest.hex)","size":\(chunk.bytes.count),"compressedDigest":"\(layer.digest.hex)",\
            "compressedSize":\(stored),"chunks":[{"digest":"\(chunk.digest.hex)","size":\(chunk.bytes.count),\
            "compressedSize":\(stored)}]}
            """.utf8)
    }

    @Test func aLayerInChunksIsAsGoodAsABlob() async throws {
        let raw = Content("what was compressed")
        try await put(config)
        try await put(Content.manifest(config: config, layers: [layer]).bytes, "manifests/a/1/manifest.json")
        try await put(recipe(layer, chunk: raw, stored: layer.bytes.count), Self.key("recipes", layer.digest))
        let chunk = Self.key("chunks", raw.digest)
        let recipe = Self.key("recipes", layer.digest)
        #expect(
            try await report().problems == [.brokenRecipe: Self.found("\(recipe), of a:1: \(chunk) is missing")])
        try await put([1, 2], chunk)
        let wanted = "\(recipe), of a:1: \(chunk) has 2 bytes instead of 7"
        #expect(try await report().problems == [.brokenRecipe: Self.found(wanted)])
        try await put(layer.bytes, chunk)
        #expect(try await report().problems.isEmpty)
        try await put(self.recipe(layer, chunk: raw, stored: 0), recipe)
        #expect(try await report().problems.keys.map(\.self) == [.brokenRecipe])
    }

    // MARK: Many objects

    /// More than a page of each, in an order that a set would lose.
    @Test func longListingsAreWalkedToTheirEnd() async throws {
        for number in 0..<2500 {
            let layer = Content("layer \(number)")
            try await put(layer)
            let manifest = Content.manifest(config: layer, layers: [layer])
            try await put(manifest.bytes, "manifests/many/t\(number)/manifest.json")
        }
        let told = Guarded<[Int]>([])
        let check = BucketCheck(store, page: 1000) { progress in told.change { $0.append(progress.objects) } }
        let report = try await check.run()
        #expect(report.tags == 2500 && report.blobs == 2500 && report.problems.isEmpty)
        #expect(told.value == [1000, 2000, 3000, 4000, 5000])
    }

    private static func found(_ text: String) -> BucketReport.Findings {
        var findings = BucketReport.Findings()
        (findings.count, findings.examples) = (1, [text])
        return findings
    }
}
