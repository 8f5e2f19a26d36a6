import EventLoop
import Glibc
import HTTPClient
import OpenSSL
import S3
import TestSupport
import Testing

/// Every operation on real servers.
@Suite("S3Client", .s3, .timeLimit(.minutes(5)))
struct S3ClientTests {
    /// Starting a server takes its time: on a thread of its own, for the tests share as few as there are cores.
    private func client(_ kind: S3Server.Kind = .ceph) async throws -> S3Client {
        try TestS3.client(try await OwnThread.run { try S3Server.shared(kind) })
    }

    @Test(
        "an object is written, described, read whole and in part, and deleted",
        arguments: [S3Server.Kind.ceph, .seaweed])
    func objects(kind: S3Server.Kind) async throws {
        let client = try await client(kind)
        let bytes = sampleBytes(300_000)
        let etag = try await client.putObject(
            "a/b", body: TestS3.pieces(bytes), sha256: SHA256.hash(bytes), contentType: "application/x-test",
            userMetadata: ["digest": "sha256:1"])
        let head = try #require(try await client.headObject("a/b"))
        #expect((head.size, head.etag, head.contentType) == (300_000, etag, "application/x-test"))
        #expect(head.userMetadata["digest"] == "sha256:1")
        #expect(abs(head.modified - time(nil)) < 60)
        let object = try #require(try await client.getObject("a/b"))
        #expect((object.head.size, object.head.etag) == (300_000, etag))
        #expect(try await object.download.bytes(limit: 300_000) == bytes)
        let part = try #require(try await client.getObject("a/b", range: 100_000..<200_001))
        #expect(part.head.size == 300_000)
        #expect(try await part.download.bytes(limit: 300_000) == Array(bytes[100_000..<200_001]))
        #expect(try await client.getObjectBytes("a/b", limit: 300_000)?.bytes == bytes)
        let tooLarge = try await s3Failure { _ = try await client.getObjectBytes("a/b", limit: 299_999) }
        #expect(tooLarge.excessiveLength == 300_000)
        try await client.deleteObject("a/b")
        try await client.deleteObject("a/b")
        #expect(try await client.headObject("a/b") == nil)
        #expect(try await client.getObject("a/b") == nil)
        #expect(try await client.getObjectBytes("a/b", limit: 1) == nil)
    }

    @Test(
        "keys of all sorts, as they are", arguments: ["a b+c&d<é>'\"=?#%25", "x//y", "a/../b", "./c", "~-_.!*()$,;:@"])
    func keys(key: String) async throws {
        let client = try await client()
        _ = try await client.putObject(key, body: .bytes([1]))
        #expect(try await client.getObjectBytes(key, limit: 1)?.bytes == [1])
        #expect(try await client.listObjects(prefix: "").objects.map(\.key) == [key])
        _ = try await client.copyObject(from: key, to: "copy")
        let url = try await client.presignedURL(key, validity: 60, at: time(nil))
        #expect(try await TestHTTP.client().send(HTTPRequest(url: url), limit: 1).bytes == [1])
        try await client.deleteObjects([key, "copy"])
        #expect(try await client.listObjects(prefix: "").objects.isEmpty)
    }

    @Test("conditions of a write", arguments: [S3Server.Kind.ceph, .seaweed])
    func conditions(kind: S3Server.Kind) async throws {
        let client = try await client(kind)
        let first = try await client.putObject("k", body: .bytes([1]), ifNoneMatch: true)
        let exists = try await s3Failure { _ = try await client.putObject("k", body: .bytes([2]), ifNoneMatch: true) }
        #expect(exists.isPreconditionFailed && !exists.mayHaveSucceeded)
        let second = try await client.putObject("k", body: .bytes([3]), ifMatch: first)
        let stale = try await s3Failure { _ = try await client.putObject("k", body: .bytes([4]), ifMatch: first) }
        #expect(stale.isPreconditionFailed)
        #expect(try await client.getObjectBytes("k", limit: 1)?.bytes == [3])
        #expect(try await client.headObject("k")?.etag == second)
        let read = try await s3Failure { _ = try await client.getObject("k", ifMatch: first) }
        #expect(read.isPreconditionFailed)
    }

    @Test("bytes that are not those of the hash are refused")
    func payloadHash() async throws {
        let client = try await client()
        let error = try await s3Failure {
            _ = try await client.putObject("k", body: .bytes([1]), sha256: SHA256.hash([2]))
        }
        #expect(error.status == 400)
        #expect(try await client.headObject("k") == nil)
    }

    @Test("a listing in pages, in the order of the keys", arguments: [S3Server.Kind.ceph, .seaweed])
    func listing(kind: S3Server.Kind) async throws {
        let client = try await client(kind)
        let keys = (0..<25).map { "l/\($0 < 10 ? "0" : "")\($0)" }
        for key in keys.reversed() { _ = try await client.putObject(key, body: .bytes([7])) }
        _ = try await client.putObject("m", body: .none)
        var found: [S3Listing.Entry] = []
        var pages = 0
        while true {
            let page = try await client.listObjects(prefix: "l/", startAfter: found.last?.key, maxKeys: 10)
            found += page.objects
            pages += 1
            if !page.isTruncated { break }
        }
        #expect(found.map(\.key) == keys)
        #expect(found.allSatisfy { $0.size == 1 && !$0.etag.isEmpty && abs($0.modified - time(nil)) < 120 })
        #expect(pages == 3)
        #expect(try await client.listObjects(prefix: "l/", startAfter: "l/24").objects.isEmpty)
    }

    @Test("more than one batch is deleted")
    func deleteMany() async throws {
        let client = try await client()
        let keys = (0..<1005).map { "d/\($0)" }
        try await withThrowingTaskGroup { group in
            for chunk in 0..<8 {
                group.addTask {
                    for key in keys where Int(key.dropFirst(2)).map({ $0 % 8 == chunk }) ?? false {
                        _ = try await client.putObject(key, body: .none)
                    }
                }
            }
            try await group.waitForAll()
        }
        try await client.deleteObjects(keys + ["d/never"])
        #expect(try await client.listObjects(prefix: "d/").objects.isEmpty)
    }

    @Test("parts, copied parts, completion, and completion again", arguments: [S3Server.Kind.ceph, .seaweed])
    func multipart(kind: S3Server.Kind) async throws {
        let client = try await client(kind)
        let bytes = sampleBytes(6 << 20)
        _ = try await client.putObject("source", body: .bytes(Array(bytes.prefix(1000))))
        let id = try await client.createMultipartUpload("m", contentType: "application/x-test")
        let first = try await client.uploadPart(
            "m", uploadID: id, number: 1, body: TestS3.pieces(bytes), sha256: SHA256.hash(bytes))
        let second = try await client.uploadPartCopy(from: "source", range: 10..<20, to: "m", uploadID: id, number: 2)
        #expect(try await client.headObject("m") == nil)
        let parts = [S3Part(number: 1, etag: first), S3Part(number: 2, etag: second)]
        _ = try await client.completeMultipartUpload("m", uploadID: id, parts: parts)
        _ = try await client.completeMultipartUpload("m", uploadID: id, parts: parts)
        let head = try #require(try await client.headObject("m"))
        #expect((head.size, head.contentType) == (bytes.count + 10, "application/x-test"))
        let object = try #require(try await client.getObject("m", range: (bytes.count - 5)..<(bytes.count + 10)))
        #expect(try await object.download.bytes(limit: 100) == Array(bytes.suffix(5) + bytes[10..<20]))
    }

    @Test("an upload that is given up leaves nothing, and giving it up again is fine")
    func abort() async throws {
        let client = try await client()
        let id = try await client.createMultipartUpload("m")
        _ = try await client.uploadPart("m", uploadID: id, number: 1, body: .bytes([1]))
        let listed = try await client.listMultipartUploads(prefix: "")
        #expect(listed.uploads.map(\.key) == ["m"])
        #expect(listed.uploads.map(\.uploadID) == [id])
        #expect(!listed.isTruncated)
        try await client.abortMultipartUpload("m", uploadID: id)
        try await client.abortMultipartUpload("m", uploadID: id)
        #expect(try await client.listMultipartUploads(prefix: "").uploads.isEmpty)
        let gone = try await s3Failure {
            _ = try await client.uploadPart("m", uploadID: id, number: 2, body: .bytes([1]))
        }
        #expect(gone.isNoSuchUpload)
    }

    @Test("a copy keeps or replaces what describes the object")
    func copies() async throws {
        let client = try await client()
        _ = try await client.putObject("a", body: .bytes([1, 2]), contentType: "x/a", userMetadata: ["m": "1"])
        let etag = try await client.copyObject(from: "a", to: "b")
        _ = try await client.copyObject(from: "a", to: "c", contentType: "x/c", userMetadata: ["m": "2"])
        let (kept, replaced) = (try await client.headObject("b"), try await client.headObject("c"))
        #expect((kept?.contentType, kept?.userMetadata["m"], kept?.etag) == ("x/a", "1", etag))
        #expect((replaced?.contentType, replaced?.userMetadata["m"]) == ("x/c", "2"))
        let error = try await s3Failure { _ = try await client.copyObject(from: "none", to: "d") }
        #expect(error.isNoSuchKey)
    }

    @Test("presigned URLs work without credentials, with the fields asked for, and not for other methods")
    func presigned() async throws {
        let client = try await client()
        _ = try await client.putObject("k", body: .bytes([1, 2, 3]))
        let http = try TestHTTP.client()
        let url = try await client.presignedURL(
            "k", validity: 60, at: time(nil), answerFields: [("response-content-type", "x/y; a=b")])
        let response = try await http.send(HTTPRequest(url: url), limit: 3)
        #expect((response.status, response.bytes, response.fields["Content-Type"]) == (200, [1, 2, 3], "x/y; a=b"))
        #expect(try await http.send(HTTPRequest(method: "HEAD", url: url), limit: 0).status == 403)
        let old = try await client.presignedURL("k", validity: 60, at: time(nil) - 120)
        #expect(try await http.send(HTTPRequest(url: old), limit: 0).status == 403)
    }

    @Test("the bucket's own questions")
    func bucket() async throws {
        let client = try await client()
        try await client.headBucket()
        #expect(try await !client.getBucketLocation().isEmpty)
        #expect(try await client.getBucketLifecycle() == nil)
    }

    @Test("wrong bucket, key and secret each have their own words")
    func wrong() async throws {
        let server = try await OwnThread.run { try S3Server.shared() }
        func client(
            bucket: String = S3Server.bucket, key: String = S3Server.accessKeyID,
            secret: String = S3Server.secretAccessKey
        ) throws -> S3Client {
            var settings = S3Settings(bucket: bucket, region: S3Server.region)
            settings.endpoint = S3Endpoint(server.endpoint)
            settings.pathStyle = true
            let credentials = StaticCredentials(Credentials(accessKeyID: key, secretAccessKey: secret))
            return S3Client(settings: settings, credentials: credentials, http: try TestHTTP.client())
        }
        let noBucket = try await s3Failure { _ = try await client(bucket: "nonesuch").getObject("k") }
        #expect(noBucket.isNoSuchBucket)
        #expect(noBucket.description.contains("create the bucket"))
        let noKey = try await s3Failure { _ = try await client(key: "nobody").getObject("k") }
        #expect((noKey.status, noKey.code) == (403, "InvalidAccessKeyId"))
        let noSecret = try await s3Failure { _ = try await client(secret: "wrong").getObject("k") }
        #expect((noSecret.status, noSecret.code) == (403, "SignatureDoesNotMatch"))
    }
}
