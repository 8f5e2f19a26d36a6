import OCI
import ObjectStorage
import TestSupport
import Testing

@testable import Registry

/// The server's statistics beside s3lo's `stats` of the same bucket (`S3loModel`).
struct S3loNumbersTests {
    @Test("images, tags, blobs and bytes are those s3lo counts")
    func numbers() async throws {
        let store = MemoryObjectStore()
        let sample = S3loBucket.Sample()
        var bucket = sample.bucket
        // Names that OCI cannot address are s3lo's only.
        bucket.objects["manifests/Upper/App/v 1/manifest.json"] = nil
        bucket.objects["manifests/app/with space/manifest.json"] = nil
        try await bucket.write(to: store)
        let app = try await Repositories.open(store).repository(named: "app")
        try await app.push(emptyConfig)
        try await app.push(sampleBytes(1000))
        try await app.put(image(1, layers: [Digest(of: sampleBytes(1000))]), tags: "ours", "ours-too")
        let child = try await app.put(image(2), byDigest: true)
        try await app.put(index([child, child]), tags: "platforms")
        let model = try await S3loModel(store).numbers
        let statistics = try await StatisticsWalk(store).run()
        #expect(statistics.repositories == model.images && model.images == 3)
        #expect(statistics.tags == model.tags)
        #expect(statistics.blobs == model.uniqueBlobs)
        #expect(statistics.logicalBytes == model.logicalBytes && model.logicalBytes > 1_200_000)
        #expect(statistics.storedBytes == model.storedBytes)
    }
}
