import OCI
import TestSupport
import Testing

@Suite("Conformance 3.4: data sets")
struct DataSetTests {
    @Test(
        "push, tag-list, head, pull, referrers, delete", arguments: StoreKind.allCases, DataSet.complete)
    func life(kind: StoreKind, set: DataSet) async throws {
        try await withServer(on: kind) { server in
            try await DataSetRun(set, server.client).all()
            // Nothing of the repository is left but that it was there.
            let keys = try await server.store.keys().filter { $0.contains("repo1") }
            let remaining = keys.filter { !$0.contains("/_blobs/") }
            #expect(remaining == ["registry/_catalog/repo1!"])
        }
    }

    @Test("the suite's order: every set in one repository, one after the other")
    func sequence() async throws {
        try await withServer(on: .memory, .sparse) { server in
            for set in DataSet.complete + [.sparse] { try await DataSetRun(set, server.client).all() }
        }
    }

    @Test("large-manifest has the size of the official suite's")
    func largeManifest() throws {
        let set = try #require(DataSet.complete.first { $0.name == "large-manifest" })
        #expect(set.manifests[0].content.bytes.count == 3_910_601)
    }

    @Test("sparse is taken when references may be missing", arguments: StoreKind.allCases)
    func sparse(kind: StoreKind) async throws {
        try await withServer(on: kind, .sparse) { server in
            try await DataSetRun(.sparse, server.client).all()
        }
    }

    @Test("sparse is refused otherwise, and each missing digest named", arguments: StoreKind.allCases)
    func sparseRefused(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let client = server.client
            let absent = (0..<3).map { Content(sampleBytes(100, seed: $0)) }
            let present = Content(sampleBytes(100, seed: 9))
            try await client.push(present, to: "repo1")
            let layers = [absent[1], present, absent[2], absent[1]].map { $0.descriptor(DataSet.layer) }
            let image: JSON = [
                "schemaVersion": 2, "config": absent[0].descriptor(MediaType.ociConfig.string),
                "layers": .array(layers),
            ]
            let index: JSON = [
                "schemaVersion": 2,
                "manifests": .array(absent.map { $0.descriptor(MediaType.ociManifest.string) }),
            ]
            for (manifest, type) in [(image, MediaType.ociManifest), (index, .ociIndex)] {
                for tag in ["latest", nil] {
                    let reply = try await client.put(
                        Content(manifest.bytes), to: "repo1", as: tag, type: type.string)
                    #expect(reply.status == 400)
                    let errors = try reply.json(ErrorsBody.self).errors
                    #expect(errors.map(\.code) == Array(repeating: "MANIFEST_BLOB_UNKNOWN", count: 3))
                    #expect(errors.map { $0.detail?["digest"] } == absent.map(\.digest.string))
                }
            }
            let keys = try await server.store.keys()
            #expect(!keys.contains { $0.hasPrefix("manifests/") || $0.contains("/_manifests/") })
            #expect(!keys.contains { $0.hasPrefix("registry/_catalog/") })
        }
    }

    @Test("bad-digest-image: the manifest is refused, its blobs are fine", arguments: StoreKind.allCases)
    func badDigest(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let client = server.client
            try await client.push(.emptyJSON, to: "repo1")
            let image = Content.image(1)
            let padded = Content(image.bytes + Array("  ".utf8))
            let target = image.digest.string
            let reply = try await client.put(padded, to: "repo1", as: target)
            #expect(reply.status == 400)
            #expect(reply.codes == ["DIGEST_INVALID"])
            #expect(try await client.delete("/v2/repo1/manifests/\(target)").status == 404)
            #expect(try await client.get("/v2/repo1/manifests/\(padded.digest)").status == 404)
            #expect(try await client.has(.emptyJSON, in: "repo1"))
            // The bytes are a manifest all the same, under the digest they have.
            #expect(try await client.put(padded, to: "repo1").status == 201)
        }
    }
}
