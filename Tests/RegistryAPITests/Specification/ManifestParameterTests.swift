import OCI
import Registry
import TestSupport
import Testing

@Suite("Conformance 5: parameters of pushes (tag, digest-algorithm), media types")
struct ManifestParameterTests {
    @Test("at least 10 tags in one PUT; each is named in OCI-Tag and resolves", arguments: StoreKind.allCases)
    func manyTags(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let tags = (100..<200).map { "tag-\($0)" }
            let image = try await server.client.pushImage(1, to: "r")
            let query = "?" + tags.map { "tag=\($0)" }.joined(separator: "&")
            let reply = try await server.client.put(image, to: "r", query: query)
            #expect(reply.status == 201)
            #expect(reply.values("OCI-Tag") == tags)
            #expect(reply["Location"] == "/v2/r/manifests/\(image.digest)")
            #expect(try await server.client.get("/v2/r/tags/list").json(TagsBody.self).tags == tags)
        }
    }

    @Test("too many tags are 414, a tag that is none 400, and nothing is stored")
    func refused() async throws {
        try await withServer(on: .memory) { server in
            let client = server.client
            try await client.push(.emptyJSON, to: "r")
            let before = try await server.store.keys()
            let many = "?" + (0..<101).map { "tag=t\($0)" }.joined(separator: "&")
            for (query, status) in [(many, 414), ("?tag=ok&tag=.bad", 400), ("?tag=", 400), ("?tag=a%2Fb", 400)] {
                let reply = try await client.put(.image(1), to: "r", query: query)
                #expect(reply.status == status)
                #expect(reply.codes == ["TAG_INVALID"])
            }
            #expect(try await server.store.keys() == before)
        }
    }

    @Test("tag parameters mean nothing on a push by tag", arguments: ["?tag=other", "?tag=.bad"])
    func byTag(query: String) async throws {
        try await withServer(on: .memory) { server in
            try await server.client.push(.emptyJSON, to: "r")
            let reply = try await server.client.put(.image(1), to: "r", as: "latest", query: query)
            #expect(reply.status == 201)
            #expect(reply.values("OCI-Tag").isEmpty)
            #expect(try await server.client.get("/v2/r/tags/list").json(TagsBody.self).tags == ["latest"])
        }
    }

    @Test("a tag keeps the algorithm it was pushed under until it is pushed again", arguments: StoreKind.allCases)
    func algorithm(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let client = server.client
            try await client.push(.emptyJSON, to: "r")
            let (short, long) = (Content.image(1), Content.image(1, .sha512))
            _ = try await client.put(long, to: "r", query: "?tag=latest")
            #expect(try await client.head("/v2/r/manifests/latest")["Docker-Content-Digest"] == long.digest.string)
            _ = try await client.put(short, to: "r", as: "latest")
            #expect(try await client.head("/v2/r/manifests/latest")["Docker-Content-Digest"] == short.digest.string)
        }
    }

    @Test("digest-algorithm: known ones start an upload of either algorithm", arguments: Digest.Algorithm.allCases)
    func announced(algorithm: Digest.Algorithm) async throws {
        try await withServer(on: .directory) { server in
            for actual in Digest.Algorithm.allCases {
                let content = Content(sampleBytes(5000), actual)
                let start = try await server.client.send(
                    "POST", "/v2/r/blobs/uploads/?digest-algorithm=\(algorithm)", [], .counted([]))
                #expect(start.status == 202)
                var location = try #require(start["Location"])
                for range in [0..<2000, 2000..<5000] {
                    location = try await server.client.patch(location, content.bytes, range, of: 5000)
                }
                let reply = try await server.client.send("PUT", location.closing(content.digest), [], .counted([]))
                #expect(reply.status == 201)
                #expect(try await server.client.has(content, in: "r"))
            }
        }
    }

    @Test("digest-algorithm: others are 400", arguments: ["md5", "sha384", "SHA256", "", "sha256:", "blake3"])
    func unsupported(algorithm: String) async throws {
        try await withServer(on: .memory) { server in
            let target = "/v2/r/blobs/uploads/?digest-algorithm=\(algorithm)"
            let reply = try await server.client.send("POST", target, [], .counted([]))
            #expect(reply.status == 400)
            #expect(reply.codes == ["DIGEST_INVALID"])
        }
    }

    @Test("pushed again as another type, a manifest has the type of the last push", arguments: StoreKind.allCases)
    func retyped(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            try await server.client.push(.emptyJSON, to: "r")
            let untyped: JSON = [
                "schemaVersion": 2, "config": Content.emptyJSON.descriptor(MediaType.ociConfig.string), "layers": [],
            ]
            let content = Content(untyped.bytes)
            for type in [MediaType.ociManifest, .dockerManifest, .ociManifest] {
                let reply = try await server.client.put(content, to: "r", query: "?tag=t", type: type.string)
                #expect(reply.status == 201)
                for reference in ["t", content.digest.string] {
                    let got = try await server.client.get("/v2/r/manifests/\(reference)")
                    #expect(got.values("Content-Type") == [type.string])
                }
            }
        }
    }

    @Test("nothing a browser could run is served as such")
    func browsers() async throws {
        try await withServer(on: .memory) { server in
            let page = Content(Array("<script>alert(1)</script>".utf8))
            try await server.client.push(page, to: "r")
            let reply = try await server.client.get("/v2/r/blobs/\(page.digest)", [("Accept", "text/html")])
            #expect(reply["Content-Type"] == "application/octet-stream")
            #expect(reply["X-Content-Type-Options"] == "nosniff")
        }
    }

    @Test("content is never encoded for a client, nor decoded (clients ask for zstd and gzip)")
    func encodings() async throws {
        try await withServer(on: .memory) { server in
            let client = server.client
            let image = try await client.pushImage(1, to: "r", tag: "latest")
            // Looks like gzip and is none: nobody must look inside.
            let blob = Content([0x1f, 0x8b, 8, 0] + sampleBytes(2000))
            let target = "/v2/r/blobs/uploads/?digest=\(blob.digest)"
            let pushed = try await client.send("POST", target, [("Content-Encoding", "gzip")], .counted(blob.bytes))
            #expect(pushed.status == 201)
            let accept = [("Accept-Encoding", "zstd;q=1.0, gzip;q=0.8, deflate;q=0.5")]
            for (path, content) in [("blobs/\(blob.digest)", blob), ("manifests/latest", image)] {
                let reply = try await client.get("/v2/r/\(path)", accept)
                #expect(reply.body == content.bytes)
                #expect(reply.values("Content-Encoding").isEmpty)
            }
        }
    }
}
