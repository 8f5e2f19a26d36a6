import OCI
import ObjectStorage
import Registry
import TestSupport
import Testing

/// What each request of a client costs the store. A row that grows makes every such request slower and dearer on S3.
@Suite("The request budget: store operations per client request")
struct StoreOperationTests {
    private let store: ObservedObjectStore
    private let server: TestServer
    private let layers = (0..<7).map { Content(sampleBytes(1000, seed: 100 + $0)) }
    private let blob = Content(sampleBytes(3000))

    private var client: RegistryClient { server.client }
    private var target: String { "/v2/r/blobs/\(blob.digest)" }

    init() async throws {
        store = ObservedObjectStore(MemoryObjectStore())
        server = try await TestServer(store)
    }

    /// The operations of `body`, whose last answer must have that status: `head blob`, `put link`, sorted, for those
    /// that run at once have no order.
    private func cost(_ status: Int, _ body: () async throws -> Reply) async throws -> [String] {
        store.reset()
        let reply = try await body()
        #expect(reply.status == status)
        return store.operations.filter { $0.verb != .writer }.map { "\($0.verb) \(Self.kind(of: $0.key))" }.sorted()
    }

    /// What a key holds.
    private static func kind(of key: String) -> String {
        switch key {
        case _ where key.hasPrefix("blobs/"): "blob"
        case _ where key.contains("/_blobs/"): "link"
        case _ where key.contains("/_manifests/"): "record"
        case _ where key.contains("/_referrers/"): "referrer"
        case _ where key.hasPrefix("registry/_catalog/"): "catalog"
        case _ where key.hasPrefix("registry/_uploads/"): "upload"
        case _ where key.hasPrefix("recipes/"): "recipe"
        case _ where key.hasSuffix("/signatures/"): "signatures"
        case _ where key.hasPrefix("manifests/") && key.contains(":"): "digest tag"
        case _ where key.hasPrefix("manifests/"): key.hasSuffix("/manifest.json") ? "tag" : "tags"
        default: key
        }
    }

    /// Another replica on the same store, which knows nothing of what this one has done.
    private func withReplica(_ body: (RegistryClient) async throws -> Void) async throws {
        let replica = try await TestServer(store)
        store.reset()
        do {
            try await body(replica.client)
            await replica.stop()
        } catch {
            await replica.stop()
            throw error
        }
    }

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

    private func push(_ form: UploadForm, _ name: String = "r") async throws -> Reply {
        try await form.push(blob.bytes, as: blob.digest, to: name, with: client)
    }

    // MARK: Blobs

    /// It might be one that s3lo stored in chunks.
    private static let missing = ["bytes recipe", "head blob", "head link"]

    @Test(
        "a blob is pushed by a client that has asked for it before, as clients do",
        arguments: [
            (UploadForm.postOnly, ["commit blob", "put link"]),
            (.postPut, ["commit blob", "put link"]),
            (.stream, ["commit blob", "put link"]),
            (.chunkedSingle, ["commit upload", "compose blob", "put link"]),
            (.chunkedMulti, ["commit upload", "commit upload", "commit upload", "compose blob", "put link"]),
        ])
    func pushAfterHead(form: UploadForm, expected: [String]) async throws {
        #expect(try await cost(404) { try await client.head(target) } == Self.missing)
        #expect(try await cost(201) { try await push(form) } == expected)
        await server.stop()
    }

    @Test("a blob nobody asked for is looked for once", arguments: [UploadForm.postOnly, .postPut, .stream])
    func push(form: UploadForm) async throws {
        #expect(try await cost(201) { try await push(form) } == ["commit blob", "head blob", "put link"])
        await server.stop()
    }

    @Test("a blob that is there is only hashed, and linked", arguments: [UploadForm.postOnly, .postPut])
    func pushAgain(form: UploadForm) async throws {
        _ = try await push(.postPut)
        #expect(try await cost(201) { try await push(form) } == ["head blob", "head link"])
        #expect(try await cost(201) { try await push(form, "other") } == ["head blob", "head link", "put link"])
        await server.stop()
    }

    @Test("a stream of what is there stores nothing but the link")
    func streamAgain() async throws {
        _ = try await push(.postPut)
        #expect(try await cost(201) { try await push(.stream, "other") } == ["head blob", "put link"])
        await server.stop()
    }

    @Test("another replica lists a session it does not know, and looks whether what it streamed is there")
    func otherReplica() async throws {
        let start = try await client.startUpload("r")
        let next = try await client.send("PATCH", start, [], .counted(blob.bytes)).nextLocation(after: 3000)
        try await withReplica { replica in
            let closing = try await cost(201) {
                try await replica.send("PUT", next.closing(blob.digest), [], .counted([]))
            }
            #expect(closing == ["head blob", "list upload", "put link"])
        }
        await server.stop()
    }

    @Test("HEAD, GET, a part of it, and of what is not there")
    func reading() async throws {
        _ = try await push(.postPut)
        #expect(try await cost(200) { try await client.head(target) } == ["head blob", "head link"])
        #expect(try await cost(200) { try await client.get(target) } == ["get blob", "head link"])
        let part = try await cost(206) { try await client.get(target, [("Range", "bytes=10-20")]) }
        #expect(part == ["get blob", "head blob", "head link"])
        let missing = try await cost(404) { try await client.head("/v2/r/blobs/\(layers[0].digest)") }
        #expect(missing == Self.missing)
        await server.stop()
    }

    @Test("mount")
    func mount() async throws {
        _ = try await push(.postPut, "source")
        let target = "/v2/r/blobs/uploads/?mount=\(blob.digest)&from=source"
        let mount = try await cost(201) { try await client.send("POST", target, [], .counted([])) }
        #expect(mount == ["head blob", "head link", "put link"])
        await server.stop()
    }

    @Test("starting an upload, asking for it, cancelling it")
    func session() async throws {
        let begin = try await cost(202) { try await client.send("POST", "/v2/r/blobs/uploads/", [], .counted([])) }
        #expect(begin == [])
        let start = try await client.startUpload("r")
        #expect(try await cost(204) { try await client.get(start) } == [])
        #expect(try await cost(204) { try await client.delete(start) } == ["put upload"])
        await server.stop()
    }

    // MARK: Manifests

    @Test("a tagged image of 7 layers this replica has just linked: first, again, and by another tag")
    func image() async throws {
        try await pushLayers(client)
        let first = try await cost(201) { try await client.put(image, to: "r", as: "v1") }
        #expect(first == ["head record", "put catalog", "put record", "put tag"])
        let again = try await cost(201) { try await client.put(image, to: "r", as: "v1") }
        #expect(again == ["bytes record", "head record", "put tag"])
        let next = try await cost(201) { try await client.put(.image(5), to: "r", as: "v2") }
        #expect(next == ["head record", "put record", "put tag"])
        await server.stop()
    }

    @Test("the same on a replica that knows nothing: each reference is looked for, all at once")
    func imageOnOtherReplica() async throws {
        try await pushLayers(client)
        try await withReplica { replica in
            let first = try await cost(201) { try await replica.put(image, to: "r", as: "v1") }
            #expect(
                first == Array(repeating: "head blob", count: 8) + Array(repeating: "head link", count: 8)
                    + ["head record", "put catalog", "put record", "put tag"])
        }
        try await withReplica { replica in
            // All 16 have to be under way before one of them is answered.
            let arrived = Guarded(0)
            store.each { operation in
                guard operation.verb == .head, operation.key.contains("blobs/") else { return }
                arrived.change { $0 += 1 }
                try await eventually { arrived.value >= 16 }
            }
            let reply = try await replica.put(image, to: "r", as: "v1")
            #expect(reply.status == 201)
            store.each(nil)
        }
        await server.stop()
    }

    @Test("by digest, for an index, and as a referrer")
    func byDigest() async throws {
        try await client.push(.emptyJSON, to: "r")
        let child = Content.image(1)
        let pushed = try await cost(201) { try await client.put(child, to: "r") }
        // s3lo collects what no tag leads to, and knows this kind of tag.
        #expect(pushed == ["put blob", "put catalog", "put digest tag", "put record"])
        let artifact = Content.image(2, subject: child)
        let referrer = try await cost(201) { try await client.put(artifact, to: "r") }
        #expect(referrer == ["put blob", "put digest tag", "put record", "put referrer"])
        let listed = try await cost(200) { try await client.get("/v2/r/referrers/\(child.digest)") }
        #expect(listed == ["bytes record", "bytes tag", "list referrer"])
        await server.stop()
    }

    @Test("reading by tag and by digest: one")
    func readingManifests() async throws {
        let image = try await client.pushImage(1, to: "r", tag: "v1")
        for method in ["GET", "HEAD"] {
            #expect(try await cost(200) { try await client.send(method, "/v2/r/manifests/v1") } == ["bytes tag"])
            let byDigest = try await cost(200) { try await client.send(method, "/v2/r/manifests/\(image.digest)") }
            #expect(byDigest == ["bytes record"])
        }
        await server.stop()
    }

    @Test("10,000 tags: 10 listings, and a page costs its own keys")
    func tags() async throws {
        _ = try await client.pushImage(1, to: "r", tag: "a")
        for number in 0..<9_999 {
            try await store.put(
                [1], at: ObjectKey("manifests/r/v\(10_000 + number)/manifest.json"), metadata: ObjectMetadata(),
                condition: .always)
        }
        let all = try await cost(200) {
            let reply = try await client.get("/v2/r/tags/list")
            let tags = try reply.json(TagsBody.self).tags
            #expect(tags.count == 10_000)
            return reply
        }
        #expect(all == Array(repeating: "list tags", count: 10))
        let page = try await cost(200) {
            let reply = try await client.get("/v2/r/tags/list?n=100&last=v15000")
            let tags = try reply.json(TagsBody.self).tags
            #expect(tags.first == "v15001" && tags.count == 100)
            return reply
        }
        #expect(page == ["list tags"])
        await server.stop()
    }

    @Test("deleting a tag, and a manifest with two tags among others")
    func deletes() async throws {
        let image = try await client.pushImage(1, to: "r", tag: "a")
        for tag in ["b", "c"] { _ = try await client.put(image, to: "r", as: tag) }
        _ = try await client.put(.image(10), to: "r", as: "other")
        let tag = try await cost(202) { try await client.delete("/v2/r/manifests/c") }
        #expect(tag == ["delete tag", "head tag", "list signatures"])
        let manifest = try await cost(202) { try await client.delete("/v2/r/manifests/\(image.digest)") }
        let bothTags = ["bytes tag", "bytes tag", "delete tag", "delete tag", "list signatures", "list signatures"]
        #expect(manifest == (bothTags + ["bytes record", "delete digest tag", "delete record", "list tags"]).sorted())
        await server.stop()
    }
}
