import OCI
import TestSupport
import Testing

@Suite("Conformance 3.3: bad digest; security, own list 1 and 2")
struct BadDigestTests {
    @Test(
        "a body that does not match is 400, and nothing is visible; a stream is but at its own digest, unlinked",
        arguments: BlobPushTests.Case.all)
    func mismatch(_ test: BlobPushTests.Case) async throws {
        try await withServer(on: test.kind) { server in
            let claimed = Content(sampleBytes(3067, seed: 1), test.algorithm)
            let sent = Content(sampleBytes(3067, seed: 2), test.algorithm)
            let reply = try await test.form.push(sent.bytes, as: claimed.digest, to: "repo1", with: server.client)
            #expect(reply.status == 400)
            #expect(reply.codes == ["DIGEST_INVALID"])
            #expect(try await !server.client.has(claimed, in: "repo1"))
            let keys = try await server.store.keys().filter { $0.hasPrefix("blobs/") || $0.contains("/_blobs/") }
            #expect(keys == (test.form == .stream ? ["blobs/sha256/\(Content(sent.bytes).digest.hex)"] : []))
            // The right bytes get in afterwards.
            let right = try await test.form.push(claimed.bytes, as: claimed.digest, to: "repo1", with: server.client)
            #expect(right.status == 201)
        }
    }

    @Test("bytes too few, too many or none", arguments: UploadForm.allCases)
    func length(form: UploadForm) async throws {
        try await withServer(on: .directory) { server in
            let claimed = Content(sampleBytes(3067))
            for count in [3066, 3, 3068] {
                let bytes = Array((claimed.bytes + [0]).prefix(count))
                let reply = try await form.push(bytes, as: claimed.digest, to: "repo1", with: server.client)
                #expect(reply.status == 400)
            }
            #expect(try await !server.client.has(claimed, in: "repo1"))
        }
    }

    @Test("garbage under the digest of a blob that is there: 400, and no link", arguments: BlobPushTests.Case.all)
    func garbageForKnownBlob(_ test: BlobPushTests.Case) async throws {
        try await withServer(on: test.kind) { server in
            let known = Content(sampleBytes(3067), test.algorithm)
            let first = try await UploadForm.postPut.push(
                known.bytes, as: known.digest, to: "victim", with: server.client)
            #expect(first.status == 201)
            for garbage in [sampleBytes(3067, seed: 9), sampleBytes(3000), sampleBytes(4000, seed: 3)] {
                let reply = try await test.form.push(garbage, as: known.digest, to: "attacker", with: server.client)
                #expect(reply.status == 400)
                #expect(reply.codes == ["DIGEST_INVALID"])
            }
            let keys = try await server.store.keys()
            #expect(!keys.contains { $0.hasPrefix("registry/attacker/") })
            #expect(try await server.client.has(known, in: "victim"))
        }
    }

    @Test(
        "a digest that is none, or missing, is 400 at the request that should carry it",
        arguments: [
            "sha256:abc", "sha256:" + String(repeating: "A", count: 64), "sha256:" + String(repeating: "a", count: 128),
            "sha512:" + String(repeating: "a", count: 64), "md5:d41d8cd98f00b204e9800998ecf8427e", "", "latest",
            "sha384:" + String(repeating: "a", count: 96), "..%2f..%2fetc%2fpasswd",
        ])
    func malformed(digest: String) async throws {
        try await withServer(on: .memory) { server in
            let location = try await server.client.startUpload("repo1")
            let uploads = "/v2/repo1/blobs/uploads/"
            for (method, target) in [("PUT", location), ("POST", uploads)] {
                let reply = try await server.client.send(
                    method, "\(target)?digest=\(digest)", [], .counted(sampleBytes(10)))
                #expect(reply.status == 400)
                #expect(reply.codes == ["DIGEST_INVALID"])
            }
            let reply = try await server.client.send("PUT", location, [], .counted(sampleBytes(10)))
            #expect(reply.status == 400)
            #expect(reply.codes == ["DIGEST_INVALID"])
            #expect(try await server.store.keys() == ["registry/_keys/uploads"])
        }
    }
}
