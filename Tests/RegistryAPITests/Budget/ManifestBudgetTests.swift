import OCI
import ObjectStorage
import TestSupport
import Testing

/// What each request of a client costs the store. A row that grows makes every such request slower and dearer on S3.
@Suite("The request budget: manifests, tags and referrers")
struct ManifestBudgetTests {
    private let layers = (0..<7).map { Content(sampleBytes(1000, seed: 100 + $0)) }

    /// An image of 7 layers.
    private var image: Content {
        let descriptors = layers.map { $0.descriptor("application/vnd.oci.image.layer.v1.tar+gzip") }
        let manifest: JSON = [
            "schemaVersion": 2, "mediaType": .string(MediaType.ociManifest.string),
            "config": Content.emptyJSON.descriptor(MediaType.emptyJSON.string), "layers": .array(descriptors),
        ]
        return Content(manifest.bytes)
    }

    private func pushLayers(_ client: RegistryClient) async throws {
        for layer in layers + [.emptyJSON] { try await client.push(layer, to: "r") }
    }

    @Test(
        "a tagged image this replica has just linked the layers of: first, again, and another one",
        arguments: BudgetMeter.Kind.allCases)
    func image(kind: BudgetMeter.Kind) async throws {
        let meter = try await BudgetMeter(kind)
        try await pushLayers(meter.client)
        let first = try await meter.cost(201) { try await meter.client.put(image, to: "r", as: "v1") }
        #expect(first == ["put catalog", "put record", "put tag"])
        let again = try await meter.cost(201) { try await meter.client.put(image, to: "r", as: "v1") }
        #expect(again == ["get record", "head record", "put tag"])
        let next = try await meter.cost(201) { try await meter.client.put(.image(5), to: "r", as: "v2") }
        #expect(next == ["put record", "put tag"])
        await meter.stop()
    }

    @Test(
        "the same on a replica that knows nothing: each reference is looked for", arguments: BudgetMeter.Kind.allCases)
    func imageOnOtherReplica(kind: BudgetMeter.Kind) async throws {
        let meter = try await BudgetMeter(kind)
        try await pushLayers(meter.client)
        try await meter.withReplica { replica in
            let cost = try await meter.cost(201) { try await replica.put(image, to: "r", as: "v1") }
            let looks = Array(repeating: "head blob", count: 8) + Array(repeating: "head link", count: 8)
            #expect(cost == looks + ["put catalog", "put record", "put tag"])
        }
        await meter.stop()
    }

    @Test("and for all of them at once: none is answered before all are asked for")
    func parallelLooks() async throws {
        let meter = try await BudgetMeter(.verbs)
        try await pushLayers(meter.client)
        try await meter.withReplica { replica in
            let arrived = Guarded(0)
            let isOver = Guarded(false)
            meter.store.each { operation in
                guard operation.verb == .head, operation.key.contains("blobs/") else { return }
                arrived.change { $0 += 1 }
                // Without holding up the thread, which has others to serve.
                let end = ContinuousClock.now + .seconds(30)
                while arrived.value < 16, !isOver.value {
                    try await Task.sleep(for: .milliseconds(2))
                    if ContinuousClock.now > end { isOver.change { $0 = true } }
                }
            }
            let reply = try await replica.put(image, to: "r", as: "v1")
            meter.store.each(nil)
            #expect(reply.status == 201)
            #expect(!isOver.value)
        }
        await meter.stop()
    }

    @Test("by digest, and as a referrer, which is then listed", arguments: BudgetMeter.Kind.allCases)
    func byDigest(kind: BudgetMeter.Kind) async throws {
        let meter = try await BudgetMeter(kind)
        let client = meter.client
        try await client.push(.emptyJSON, to: "r")
        let child = Content.image(1)
        let pushed = try await meter.cost(201) { try await client.put(child, to: "r") }
        // s3lo collects what no tag leads to, and knows this kind of tag.
        #expect(pushed == ["put blob", "put catalog", "put digest tag", "put record"])
        let artifact = Content.image(2, subject: child)
        let referrer = try await meter.cost(201) { try await client.put(artifact, to: "r") }
        #expect(referrer == ["put blob", "put digest tag", "put record", "put referrer"])
        let listed = try await meter.cost(200) { try await client.get("/v2/r/referrers/\(child.digest)") }
        #expect(listed == ["get record", "get tag", "list referrer"])
        await meter.stop()
    }

    @Test("reading by tag and by digest: one", arguments: BudgetMeter.Kind.allCases)
    func reading(kind: BudgetMeter.Kind) async throws {
        let meter = try await BudgetMeter(kind)
        let client = meter.client
        let image = try await client.pushImage(1, to: "r", tag: "v1")
        for method in ["GET", "HEAD"] {
            let byTag = try await meter.cost(200) { try await client.send(method, "/v2/r/manifests/v1") }
            #expect(byTag == ["get tag"])
            let byDigest = try await meter.cost(200) {
                try await client.send(method, "/v2/r/manifests/\(image.digest)")
            }
            #expect(byDigest == ["get record"])
        }
        await meter.stop()
    }

    @Test("10,000 tags: 10 listings, and a page costs its own keys")
    func tags() async throws {
        let meter = try await BudgetMeter(.verbs)
        let client = meter.client
        _ = try await client.pushImage(1, to: "r", tag: "a")
        for number in 0..<9_999 {
            try await meter.store.put(
                [1], at: ObjectKey("manifests/r/v\(10_000 + number)/manifest.json"), metadata: ObjectMetadata(),
                condition: .always)
        }
        let all = try await meter.cost(200) {
            let reply = try await client.get("/v2/r/tags/list")
            let tags = try reply.json(TagsBody.self).tags
            #expect(tags.count == 10_000)
            return reply
        }
        #expect(all == Array(repeating: "list tags", count: 10))
        let page = try await meter.cost(200) {
            let reply = try await client.get("/v2/r/tags/list?n=100&last=v15000")
            let tags = try reply.json(TagsBody.self).tags
            #expect(tags.first == "v15001" && tags.count == 100)
            return reply
        }
        #expect(page == ["list tags"])
        await meter.stop()
    }

    @Test("deleting a tag, and a manifest with two tags among others", arguments: BudgetMeter.Kind.allCases)
    func deletes(kind: BudgetMeter.Kind) async throws {
        let meter = try await BudgetMeter(kind)
        let client = meter.client
        let image = try await client.pushImage(1, to: "r", tag: "a")
        for tag in ["b", "c"] { _ = try await client.put(image, to: "r", as: tag) }
        _ = try await client.put(.image(10), to: "r", as: "other")
        let tag = try await meter.cost(202) { try await client.delete("/v2/r/manifests/c") }
        #expect(tag == ["delete tag", "head tag", "list signatures"])
        let manifest = try await meter.cost(202) { try await client.delete("/v2/r/manifests/\(image.digest)") }
        let bothTags = ["delete tag", "delete tag", "get tag", "get tag", "list signatures", "list signatures"]
        // What S3 cannot delete on a condition is looked at just before.
        let looks = kind == .verbs ? [] : ["head tag", "head tag"]
        let records = ["delete digest tag", "delete record", "get record", "list tags"]
        #expect(manifest == (bothTags + looks + records).sorted())
        await meter.stop()
    }
}
