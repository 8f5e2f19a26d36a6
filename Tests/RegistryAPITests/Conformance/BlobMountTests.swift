import OCI
import TestSupport
import Testing

@Suite("Conformance 3.3: mount and cancel")
struct BlobMountTests {
    @Test(
        "mount and mount anonymous: 201 with a Location in the target", arguments: StoreKind.allCases,
        Digest.Algorithm.allCases)
    func mount(kind: StoreKind, algorithm: Digest.Algorithm) async throws {
        // The spellings of docker and c/image, of containerd and buildkit, of crane, and of no source at all.
        let queries = ["from=repo2&mount=%", "mount=%&from=repo2", "from=repo2&mount=%&origin=a%3A1", "mount=%"]
        for (number, query) in queries.enumerated() {
            try await withServer(on: kind) { server in
                let content = Content(sampleBytes(700, seed: number), algorithm)
                let reply = try await UploadForm.postPut.push(
                    content.bytes, as: content.digest, to: "repo2", with: server.client)
                #expect(reply.status == 201)
                let escaped = content.digest.string.replacing(":", with: number == 1 ? ":" : "%3A")
                let mounted = try await server.client.send(
                    "POST", "/v2/repo1/blobs/uploads/?\(query.replacing("%", with: escaped, maxReplacements: 1))", [],
                    .counted([]))
                #expect(mounted.status == 201)
                #expect(mounted["Location"] == "/v2/repo1/blobs/\(content.digest)")
                #expect(mounted["Docker-Content-Digest"] == content.digest.string)
                #expect(try await server.client.has(content, in: "repo1"))
                #expect(try await server.client.delete("/v2/repo1/blobs/\(content.digest)").status == 202)
                #expect(try await !server.client.has(content, in: "repo1"))
                #expect(try await server.client.has(content, in: "repo2"))
            }
        }
    }

    @Test(
        "mount missing: 202, and the upload it starts works", arguments: StoreKind.allCases,
        Digest.Algorithm.allCases)
    func missing(kind: StoreKind, algorithm: Digest.Algorithm) async throws {
        try await withServer(on: kind) { server in
            for source in ["&from=repo2", "&from=never/pushed", "&from=No..Name", ""] {
                let content = Content(sampleBytes(700, seed: source.count), algorithm)
                let reply = try await server.client.send(
                    "POST", "/v2/repo1/blobs/uploads/?mount=\(content.digest)\(source)", [], .counted([]))
                #expect(reply.status == 202)
                let location = try #require(reply["Location"])
                let closed = try await server.client.send(
                    "PUT", location.closing(content.digest), [], .counted(content.bytes))
                #expect(closed.status == 201)
                #expect(try await server.client.has(content, in: "repo1"))
            }
        }
    }

    @Test("a source that does not hold the blob, or no longer, is a missing one", arguments: StoreKind.allCases)
    func deletedSource(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let content = Content(sampleBytes(700))
            try await server.client.push(content, to: "repo2")
            #expect(try await server.client.delete("/v2/repo2/blobs/\(content.digest)").status == 202)
            for source in ["repo2", "repo3"] {
                let target = "/v2/repo1/blobs/uploads/?mount=\(content.digest)&from=\(source)"
                let reply = try await server.client.send("POST", target, [], .counted([]))
                #expect(reply.status == 202)
            }
        }
    }

    @Test("a malformed digest to mount is 400")
    func malformed() async throws {
        try await withServer(on: .memory) { server in
            let reply = try await server.client.send(
                "POST", "/v2/repo1/blobs/uploads/?mount=sha256:abc&from=repo2", [], .counted([]))
            #expect(reply.status == 400)
            #expect(reply.codes == ["DIGEST_INVALID"])
        }
    }

    @Test("post cancel: 204, and the upload is gone", arguments: StoreKind.allCases, [true, false])
    func cancel(kind: StoreKind, hasBytes: Bool) async throws {
        try await withServer(on: kind) { server in
            let client = server.client
            let content = Content(sampleBytes(1000))
            let start = try await client.startUpload("repo1")
            let last = hasBytes ? try await client.patch(start, content.bytes, 0..<1000, of: 1000) : start
            let cancelled = try await client.delete(last)
            #expect(cancelled.status == 204)
            #expect(cancelled.body.isEmpty)
            for location in [start, last] {
                let replies = [
                    try await client.get(location), try await client.delete(location),
                    try await client.send("PATCH", location, [], .counted(content.bytes)),
                    try await client.send("PUT", location.closing(content.digest), [], .counted(content.bytes)),
                ]
                for reply in replies {
                    #expect(reply.status == 404)
                    #expect(reply.codes == ["BLOB_UPLOAD_UNKNOWN"])
                }
            }
            #expect(try await !client.has(content, in: "repo1"))
            let kept = try await server.store.keys().filter { !$0.hasPrefix("registry/_keys/") }
            #expect(kept.count == 1 && kept.allSatisfy { $0.hasSuffix("/cancelled") })
        }
    }
}
