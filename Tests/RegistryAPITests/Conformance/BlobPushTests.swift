import OCI
import TestSupport
import Testing

@Suite("Conformance 3.3: sha256 blobs and sha512 blobs, with rules 3.0.1 to 3.0.4")
struct BlobPushTests {
    /// One way to push, on one store, with one algorithm.
    struct Case: Sendable, CustomTestStringConvertible {
        let kind: StoreKind
        let form: UploadForm
        let algorithm: Digest.Algorithm

        var testDescription: String { "\(form.rawValue), \(algorithm), \(kind)" }

        static let all = StoreKind.allCases.flatMap { kind in
            UploadForm.allCases.flatMap { form in
                Digest.Algorithm.allCases.map { Case(kind: kind, form: form, algorithm: $0) }
            }
        }

        /// Those in which content too short for three chunks can be sent.
        static let undivided = all.filter { [.postOnly, .postPut, .stream].contains($0.form) }
    }

    @Test("get-missing: a blob never pushed is 404", arguments: StoreKind.allCases, Digest.Algorithm.allCases)
    func missing(kind: StoreKind, algorithm: Digest.Algorithm) async throws {
        try await withServer(on: kind) { server in
            let content = Content(sampleBytes(512), algorithm)
            try await server.client.push(.emptyJSON, to: "repo1")
            let reply = try await server.client.get("/v2/repo1/blobs/\(content.digest)")
            #expect(reply.status == 404)
            #expect(reply.codes == ["BLOB_UNKNOWN"])
            let deleted = try await server.client.delete("/v2/repo1/blobs/\(content.digest)")
            #expect(deleted.status == 404)
            #expect(deleted.codes == ["BLOB_UNKNOWN"])
        }
    }

    @Test("push, HEAD, GET, DELETE, HEAD; and push again", arguments: Case.all)
    func life(_ test: Case) async throws {
        try await withServer(on: test.kind) { server in
            for content in [Content(sampleBytes(3067), test.algorithm), Content(sampleBytes(512), test.algorithm)] {
                // Deleted blobs must be pushable again.
                for _ in 0..<2 { try await pushAndDelete(content, test.form, server.client) }
            }
        }
    }

    @Test("empty and emptyJSON blobs", arguments: Case.undivided)
    func small(_ test: Case) async throws {
        try await withServer(on: test.kind) { server in
            for content in [Content([], test.algorithm), Content(Array("{}".utf8), test.algorithm)] {
                for _ in 0..<2 { try await pushAndDelete(content, test.form, server.client) }
            }
        }
    }

    @Test("the closing PUT of a zero-byte blob may be chunked", arguments: StoreKind.allCases)
    func emptyChunked(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let empty = Content([])
            let location = try await server.client.startUpload("repo1")
            let reply = try await server.client.send("PUT", location.closing(empty.digest), [], .chunked([]))
            try await expectCreated(reply, empty, server.client)
        }
    }

    @Test("post+put with a chunked body, and a PUT as clients escape it", arguments: StoreKind.allCases)
    func escaped(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let content = Content(sampleBytes(100_000))
            let location = try await server.client.startUpload("repo1")
            let target = "\(location)?digest=sha256%3A\(content.digest.hex)"
            let reply = try await server.client.send("PUT", target, [], .chunked(content.bytes))
            try await expectCreated(reply, content, server.client)
        }
    }

    @Test("a blob of several MiB in every form arrives whole", arguments: StoreKind.allCases, UploadForm.allCases)
    func large(kind: StoreKind, form: UploadForm) async throws {
        try await withServer(on: kind) { server in
            let content = Content(sampleBytes(3_000_001))
            let reply = try await form.push(content.bytes, as: content.digest, to: "repo1", with: server.client)
            try await expectCreated(reply, content, server.client)
        }
    }

    private func pushAndDelete(_ content: Content, _ form: UploadForm, _ client: RegistryClient) async throws {
        let reply = try await form.push(content.bytes, as: content.digest, to: "repo1", with: client)
        try await expectCreated(reply, content, client)
        #expect(try await client.has(content, in: "repo1"))
        let deleted = try await client.delete("/v2/repo1/blobs/\(content.digest)")
        #expect(deleted.status == 202)
        #expect(try await !client.has(content, in: "repo1"))
        #expect(try await client.delete("/v2/repo1/blobs/\(content.digest)").status == 404)
    }

    /// Rules 3.0.2 and 3.0.3: the 201 leads to the bytes, and names the digest as it was pushed.
    private func expectCreated(_ reply: Reply, _ content: Content, _ client: RegistryClient) async throws {
        try #require(reply.status == 201)
        #expect(reply["Docker-Content-Digest"] == content.digest.string)
        let get = try await client.get(try #require(reply["Location"]))
        #expect(get.status == 200)
        #expect(get.body == content.bytes)
        #expect(get["Docker-Content-Digest"] == content.digest.string)
    }
}
