import OCI
import Registry
import TestSupport
import Testing

@Suite("Conformance 5: deletes")
struct DeletionTests {
    @Test("deleting a manifest by digest takes all its tags at once, and only those", arguments: StoreKind.allCases)
    func tags(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let client = server.client
            let gone = try await client.pushImage(1, to: "r", tag: "a")
            let kept = try await client.pushImage(2, to: "r", tag: "kept")
            for tag in ["b", "1.0", "1.0-rc", "latest"] { _ = try await client.put(gone, to: "r", as: tag) }
            try await client.pushImage(1, to: "r/nested", tag: "a")
            #expect(try await client.delete("/v2/r/manifests/\(gone.digest)").status == 202)
            for reference in ["a", "b", "1.0", "1.0-rc", "latest", gone.digest.string] {
                #expect(try await client.get("/v2/r/manifests/\(reference)").status == 404)
                #expect(try await client.head("/v2/r/manifests/\(reference)").status == 404)
            }
            #expect(try await client.get("/v2/r/tags/list").json(TagsBody.self).tags == ["kept"])
            #expect(try await client.get("/v2/r/manifests/kept").body == kept.bytes)
            #expect(try await client.get("/v2/r/nested/manifests/a").body == gone.bytes)
            #expect(try await client.delete("/v2/r/manifests/\(gone.digest)").status == 404)
        }
    }

    @Test("deleting a tag leaves the manifest and its other tags", arguments: StoreKind.allCases)
    func oneTag(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let client = server.client
            let image = try await client.pushImage(1, to: "r", tag: "a")
            _ = try await client.put(image, to: "r", as: "b")
            #expect(try await client.delete("/v2/r/manifests/a").status == 202)
            #expect(try await client.delete("/v2/r/manifests/a").status == 404)
            for reference in ["b", image.digest.string] {
                #expect(try await client.get("/v2/r/manifests/\(reference)").body == image.bytes)
            }
        }
    }

    @Test(
        "the same bytes under sha256 and sha512 are two manifests; each takes its own tags",
        arguments: StoreKind.allCases)
    func twoAlgorithms(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let client = server.client
            try await client.push(.emptyJSON, to: "r")
            let (short, long) = (Content.image(1), Content.image(1, .sha512))
            #expect(try await client.put(short, to: "r", query: "?tag=short").status == 201)
            #expect(try await client.put(long, to: "r", query: "?tag=long").status == 201)
            #expect(try await client.head("/v2/r/manifests/long")["Docker-Content-Digest"] == long.digest.string)
            #expect(try await client.delete("/v2/r/manifests/\(long.digest)").status == 202)
            #expect(try await client.head("/v2/r/manifests/long").status == 404)
            let kept = try await client.get("/v2/r/manifests/short")
            #expect(kept["Docker-Content-Digest"] == short.digest.string)
            #expect(kept.body == short.bytes)
        }
    }

    @Test("a deleted manifest and its tags can be pushed again", arguments: StoreKind.allCases)
    func again(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            for _ in 0..<3 {
                let image = try await server.client.pushImage(1, to: "r", tag: "a")
                #expect(try await server.client.get("/v2/r/manifests/\(image.digest)").status == 200)
                #expect(try await server.client.delete("/v2/r/manifests/\(image.digest)").status == 202)
            }
            #expect(try await server.client.get("/v2/r/tags/list").json(TagsBody.self).tags.isEmpty)
        }
    }

    @Test("a blob is deleted in one repository only, and not the bytes others use", arguments: StoreKind.allCases)
    func blob(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let client = server.client
            let blob = Content(sampleBytes(500))
            for name in ["a", "b"] { try await client.push(blob, to: name) }
            #expect(try await client.delete("/v2/a/blobs/\(blob.digest)").status == 202)
            #expect(try await !client.has(blob, in: "a"))
            #expect(try await client.has(blob, in: "b"))
            let range = try await client.get("/v2/a/blobs/\(blob.digest)", [("Range", "bytes=0-9")])
            #expect(range.status == 404)
        }
    }

    @Test("a manifest cannot be pushed onto a blob that was deleted", arguments: StoreKind.allCases)
    func manifestOnDeletedBlob(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let client = server.client
            try await client.push(.emptyJSON, to: "r")
            #expect(try await client.delete("/v2/r/blobs/\(Content.emptyJSON.digest)").status == 202)
            let reply = try await client.put(.image(1), to: "r", as: "latest")
            #expect(reply.status == 400)
            #expect(reply.codes == ["MANIFEST_BLOB_UNKNOWN"])
        }
    }
}
