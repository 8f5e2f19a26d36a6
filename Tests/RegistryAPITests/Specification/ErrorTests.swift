import HTTPServer
import OCI
import ObjectStorage
import Registry
import TestSupport
import Testing

@testable import RegistryAPI

@Suite("Conformance 3.0.5 and 5: error bodies and codes")
struct ErrorTests {
    /// A request that must fail, with the status and the code.
    private static let failures: [(request: String, status: Int, code: String)] = {
        let digest = Content(Array("missing".utf8)).digest.string
        return [
            ("GET /v2/r/blobs/\(digest)", 404, "BLOB_UNKNOWN"),
            ("HEAD /v2/r/blobs/\(digest)", 404, ""),
            ("DELETE /v2/r/blobs/\(digest)", 404, "BLOB_UNKNOWN"),
            ("GET /v2/r/blobs/uploads/nonsense", 404, "BLOB_UPLOAD_UNKNOWN"),
            ("PATCH /v2/r/blobs/uploads/nonsense", 404, "BLOB_UPLOAD_UNKNOWN"),
            ("PUT /v2/r/blobs/uploads/nonsense?digest=\(digest)", 404, "BLOB_UPLOAD_UNKNOWN"),
            ("DELETE /v2/r/blobs/uploads/nonsense", 404, "BLOB_UPLOAD_UNKNOWN"),
            ("POST /v2/r/blobs/uploads/?digest=sha256:x", 400, "DIGEST_INVALID"),
            ("POST /v2/r/blobs/uploads/?digest=\(digest)", 400, "DIGEST_INVALID"),
            ("POST /v2/r/blobs/uploads/?digest-algorithm=md5", 400, "DIGEST_INVALID"),
            ("PUT /v2/r/manifests/latest", 400, "MANIFEST_INVALID"),
            ("PUT /v2/r/manifests/\(digest)", 400, "DIGEST_INVALID"),
            ("PUT /v2/r/manifests/.x", 400, "TAG_INVALID"),
            ("PUT /v2/r/manifests/\(Content([]).digest)?tag=.x", 400, "TAG_INVALID"),
            ("GET /v2/r/manifests/latest", 404, "MANIFEST_UNKNOWN"),
            ("DELETE /v2/r/manifests/\(digest)", 404, "MANIFEST_UNKNOWN"),
            ("GET /v2/R/manifests/latest", 400, "NAME_INVALID"),
            ("GET /v2/r/tags/list", 404, "NAME_UNKNOWN"),
            ("GET /v2/r/tags/list?n=x", 400, "PAGINATION_NUMBER_INVALID"),
            ("GET /v2/r/tags/list?n=%zz", 400, "UNSUPPORTED"),
            ("GET /v2/r/referrers/x", 400, "DIGEST_INVALID"),
            ("GET /v2/r/referrers/\(digest)?last=x", 400, "DIGEST_INVALID"),
            ("GET /v2/r", 404, "UNSUPPORTED"),
            ("GET /v2/r/unknown/thing", 404, "UNSUPPORTED"),
            ("POST /v2/", 405, "UNSUPPORTED"),
            ("DELETE /v2/_catalog", 405, "UNSUPPORTED"),
            ("PUT /v2/r/tags/list", 405, "UNSUPPORTED"),
            ("POST /v2/r/manifests/latest", 405, "UNSUPPORTED"),
            ("PUT /v2/r/blobs/\(digest)", 405, "UNSUPPORTED"),
            ("GET /v2/r/blobs/uploads/", 405, "UNSUPPORTED"),
            ("POST /v2/r/blobs/uploads/nonsense", 405, "UNSUPPORTED"),
            ("DELETE /v2/r/referrers/\(digest)", 405, "UNSUPPORTED"),
        ]
    }()

    @Test("every error has the spec's shape, status and code, and keeps the connection in step", arguments: failures)
    func shape(test: (request: String, status: Int, code: String)) async throws {
        try await withServer(on: .memory) { server in
            let words = test.request.split(separator: " ").map(String.init)
            let payload = ["GET", "HEAD", "DELETE"].contains(words[0]) ? Payload.none : .counted([])
            let reply = try await server.client.send(words[0], words[1], [], payload)
            #expect(reply.status == test.status)
            #expect(reply["Content-Type"] == "application/json")
            if words[0] == "HEAD" {
                #expect(reply.body.isEmpty)
            } else {
                let errors = try reply.json(ErrorsBody.self).errors
                #expect(errors.map(\.code) == [test.code])
                #expect(errors.allSatisfy { !$0.message.isEmpty })
            }
            #expect((test.status == 405) == (reply["Allow"] != nil))
            #expect(try await server.client.get("/v2/").text == "{}")
            #expect(try await server.store.keys() == ["registry/_keys/uploads"])
        }
    }

    @Test("details name what an error is about")
    func details() async throws {
        try await withServer(on: .memory) { server in
            let (one, other) = (Content([1]), Content([2]))
            let target = "/v2/r/blobs/uploads/?digest=\(one.digest)"
            let mismatch = try await server.client.send("POST", target, [], .counted(other.bytes))
            #expect(
                try mismatch.json(ErrorsBody.self).errors.first?.detail == [
                    "expected": one.digest.string, "actual": other.digest.string,
                ])
            let unknown = try await server.client.get("/v2/r/blobs/\(one.digest)")
            #expect(try unknown.json(ErrorsBody.self).errors.first?.detail == ["digest": one.digest.string])
            let manifest = try await server.client.get("/v2/r/manifests/v1")
            #expect(try manifest.json(ErrorsBody.self).errors.first?.detail == ["reference": "v1"])
        }
    }

    @Test(
        "the status of each code",
        arguments: [
            (ErrorCode.blobUnknown, 404), (.blobUploadInvalid, 400), (.blobUploadUnknown, 404), (.digestInvalid, 400),
            (.manifestBlobUnknown, 400), (.manifestInvalid, 400), (.manifestUnknown, 404), (.nameInvalid, 400),
            (.nameUnknown, 404), (.sizeInvalid, 413), (.unauthorized, 401), (.denied, 403), (.unsupported, 405),
            (.tooManyRequests, 429), (.tagInvalid, 400), (.paginationNumberInvalid, 400), (.unknown, 500),
            (.unavailable, 503),
        ])
    func statuses(test: (code: ErrorCode, status: Int)) throws {
        let response = try #require(ErrorResponder.response(to: RegistryError(test.code, "message")))
        #expect(response.status.code == test.status)
    }

    @Test("every code has a status in that table")
    func complete() {
        #expect(ErrorCode.allCases.count == 18)
    }

    /// Security, own list 15: trouble of the store is never "there is no such thing".
    @Test(
        "a store that fails is 503 and worth another try, one that is full 507",
        arguments: [
            (ObjectStoreError.unavailable("disk on fire"), 503), (.full("no space"), 507),
            (.unsupportedKey("k", reason: "too long"), 400), (.tooLarge("k", size: 9), 503), (.noSuchKey("k"), 503),
        ])
    func storeFailures(test: (error: ObjectStoreError, status: Int)) async throws {
        let store = ObservedObjectStore(MemoryObjectStore())
        let server = try await TestServer(store)
        let digest = Content.emptyJSON.digest
        let requests = [
            ("GET", "/v2/r/manifests/latest"), ("HEAD", "/v2/r/manifests/latest"), ("GET", "/v2/r/blobs/\(digest)"),
            ("HEAD", "/v2/r/blobs/\(digest)"), ("GET", "/v2/r/tags/list"), ("GET", "/v2/_catalog"),
            ("GET", "/v2/r/referrers/\(digest)"), ("DELETE", "/v2/r/manifests/latest"),
            ("DELETE", "/v2/r/blobs/\(digest)"),
            ("PUT", "/v2/r/manifests/latest"), ("POST", "/v2/r/blobs/uploads/?digest=\(digest)"),
        ]
        for (method, target) in requests {
            store.once(before: { _ in true }) { throw test.error }
            let body = method == "PUT" ? Content.image(1).bytes : Content.emptyJSON.bytes
            let isWrite = method == "PUT" || method == "POST"
            let type = [("Content-Type", MediaType.ociManifest.string)]
            let reply = try await server.client.send(method, target, type, isWrite ? .counted(body) : .none)
            #expect(reply.status == test.status)
            #expect((reply["Retry-After"] != nil) == (test.status == 503))
            #expect(!reply.text.contains("disk on fire"))
        }
        #expect(server.failures.count == (test.status >= 500 ? requests.count : 0))
        await server.stop()
    }
}
