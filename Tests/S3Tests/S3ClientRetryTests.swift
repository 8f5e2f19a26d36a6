import EventLoop
import Glibc
import S3
import TestSupport
import Testing

/// What the client makes of failures: repeats, gives up, says what to do.
@Suite("S3Client and failures")
struct S3ClientRetryTests {
    /// A server that answers each request with the next of `answers`, the last one again and again.
    private func server(_ answers: [@Sendable (ScriptedConnection) throws -> Void]) throws -> ScriptedServer {
        let done = Guarded(0)
        return try ScriptedServer { connection in
            while true {
                _ = try connection.request()
                let number = done.change { count in
                    count += 1
                    return count - 1
                }
                try answers[min(number, answers.count - 1)](connection)
            }
        }
    }

    private static let stored: @Sendable (ScriptedConnection) throws -> Void = { try $0.answer(200, ["ETag: \"e\""]) }

    private static func failing(
        _ status: Int, _ code: String, more: String = ""
    ) -> @Sendable (ScriptedConnection) throws -> Void {
        { try $0.answer(status, code: code, more: more) }
    }

    private func failure(_ body: () async throws -> Void) async throws -> S3Error {
        try #require(await #expect(throws: S3Error.self) { try await body() })
    }

    @Test(
        "what passes is repeated",
        arguments: [
            (500, "InternalError"), (503, "SlowDown"), (503, "ServiceUnavailable"), (502, "BadGateway"),
            (504, "GatewayTimeout"), (429, "TooManyRequests"), (400, "RequestTimeout"),
            (409, "ConditionalRequestConflict"), (409, "OperationAborted"),
        ])
    func repeated(status: Int, code: String) async throws {
        let server = try server([Self.failing(status, code), Self.failing(status, code), Self.stored])
        let attempts = Guarded<[Int]>([])
        let client = try TestS3.client(server, observer: { attempt in attempts.change { $0.append(attempt.status) } })
        #expect(try await client.putObject("k", body: .bytes([1, 2, 3])) == "e")
        #expect(attempts.value == [status, status, 200])
        #expect(server.requests.map(\.body) == [[1, 2, 3], [1, 2, 3], [1, 2, 3]])
        #expect(server.requests.allSatisfy { $0.target == "/test/p/k" })
    }

    @Test(
        "what does not pass is not",
        arguments: [
            (400, "InvalidDigest"), (403, "AccessDenied"), (404, "NoSuchBucket"), (412, "PreconditionFailed"),
            (409, "BucketNotEmpty"), (501, "NotImplemented"), (411, "MissingContentLength"),
        ])
    func given(status: Int, code: String) async throws {
        let server = try server([Self.failing(status, code)])
        let error = try await failure { _ = try await TestS3.client(server).putObject("k", body: .none) }
        #expect((error.status, error.code, error.key, error.operation) == (status, code, "p/k", "PutObject"))
        #expect(error.requestID == "tx1")
        #expect(!error.isRetryable && !error.mayHaveSucceeded)
        #expect(server.requests.count == 1)
        #expect(
            error.description.hasPrefix("PutObject of p/k in bucket test: \(status) \(code): because (request tx1)"))
    }

    @Test("after the last attempt the failure is the caller's")
    func exhausted() async throws {
        let server = try server([Self.failing(503, "SlowDown")])
        let client = try TestS3.client(server) { $0.maximumAttempts = 3 }
        let error = try await failure { try await client.deleteObject("k") }
        #expect((error.status, error.isRetryable) == (503, true))
        #expect(server.requests.count == 3)
    }

    @Test("a service that is down does not get every request several times")
    func budget() async throws {
        let server = try server([Self.failing(503, "SlowDown")])
        let client = try TestS3.client(server) { $0.maximumAttempts = 2 }
        for _ in 0..<110 { _ = try await failure { try await client.deleteObject("k") } }
        #expect(server.requests.count == 110 + 100)
    }

    @Test("connections that die are replaced; a 412 after one may be the request's own doing")
    func ambiguous() async throws {
        let server = try server([
            { connection in
                connection.resetAtEnd()
                throw NeverCameTrue()
            }, Self.failing(412, "PreconditionFailed"),
        ])
        let client = try TestS3.client(server)
        let error = try await failure { _ = try await client.putObject("k", body: .bytes([1]), ifNoneMatch: true) }
        #expect(error.isPreconditionFailed && error.mayHaveSucceeded)
        #expect(server.requests.allSatisfy { $0.field("If-None-Match") == "*" })
        let plain = try await failure { _ = try await client.putObject("k", body: .bytes([1]), ifNoneMatch: true) }
        #expect(plain.isPreconditionFailed && !plain.mayHaveSucceeded)
    }

    @Test("the same on a kept connection, which libcurl replaces by itself")
    func ambiguousReuse() async throws {
        let server = try server([
            Self.stored,
            { connection in
                connection.resetAtEnd()
                throw NeverCameTrue()
            },
            Self.failing(412, "PreconditionFailed"),
        ])
        let client = try TestS3.client(server)
        _ = try await client.putObject("k", body: .bytes([1]))
        let error = try await failure { _ = try await client.putObject("k", body: .bytes([1]), ifNoneMatch: true) }
        #expect(error.isPreconditionFailed && error.mayHaveSucceeded)
    }

    @Test("nobody answers: after all attempts, an error that says where")
    func unreachable() async throws {
        var port: UInt16 = 0
        do { port = try ListeningSocket(try #require(SocketAddress("127.0.0.1:0"))).address.port }
        let server = try server([Self.stored])
        let client = try TestS3.client(server) { $0.endpoint = S3Endpoint("http://127.0.0.1:\(port)") }
        let error = try await failure { _ = try await client.headObject("k") }
        #expect(error.isUnreachable && error.isRetryable && error.status == 0)
        #expect(error.description.contains("http://127.0.0.1:\(port)"))
    }

    @Test("an error within a 200 is an error", arguments: ["CompleteMultipartUpload", "CopyObject", "UploadPartCopy"])
    func hiddenErrors(operation: String) async throws {
        let roots = [
            "CompleteMultipartUpload": "CompleteMultipartUploadResult", "CopyObject": "CopyObjectResult",
            "UploadPartCopy": "CopyPartResult",
        ]
        let root = try #require(roots[operation])
        let server = try server([
            { try $0.answer(200, body: "\n  \n<?xml version=\"1.0\"?><Error><Code>InternalError</Code></Error>") },
            { try $0.answer(200) },
            { try $0.answer(200, body: "<\(root)><ETag>&quot;e&quot;</ETag></\(root)>") },
            { try $0.answer(200, body: "<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>") },
        ])
        let client = try TestS3.client(server)
        func run() async throws -> String {
            switch operation {
            case "CopyObject": try await client.copyObject(from: "a", to: "k")
            case "UploadPartCopy": try await client.uploadPartCopy(from: "a", to: "k", uploadID: "u", number: 1)
            default:
                try await client.completeMultipartUpload("k", uploadID: "u", parts: [S3Part(number: 1, etag: "x")])
            }
        }
        #expect(try await run() == "e")
        #expect(server.requests.count == 3)
        let error = try await failure { _ = try await run() }
        #expect((error.operation, error.status, error.code) == (operation, 200, "NoSuchKey"))
        #expect(!error.isRetryable)
    }

    @Test("a completion whose answer was lost succeeded if the object is there")
    func completedTwice() async throws {
        let server = try server([
            { connection in
                connection.resetAtEnd()
                throw NeverCameTrue()
            },
            Self.failing(404, "NoSuchUpload"),
            { try $0.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"e-1\"\r\n\r\n") },
            Self.failing(404, "NoSuchUpload"),
        ])
        let client = try TestS3.client(server)
        let parts = [S3Part(number: 1, etag: "x")]
        #expect(try await client.completeMultipartUpload("k", uploadID: "u", parts: parts) == "e-1")
        #expect(server.requests.map(\.method) == ["POST", "POST", "HEAD"])
        let error = try await failure { _ = try await client.completeMultipartUpload("k", uploadID: "u", parts: parts) }
        #expect(error.isNoSuchUpload)
    }

    @Test("a body that ends early is never a success", arguments: ["truncated", "reset"])
    func truncated(kind: String) async throws {
        let cut: @Sendable (ScriptedConnection) throws -> Void = { connection in
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: \"e\"\r\n\r\nabc")
            if kind == "reset" { connection.resetAtEnd() }
            throw NeverCameTrue()
        }
        let server = try server([cut, { try $0.answer(200, ["ETag: \"e\""], body: "0123456789") }, cut])
        let client = try TestS3.client(server)
        #expect(try await client.getObjectBytes("k", limit: 10)?.bytes == Array("0123456789".utf8))
        #expect(server.requests.count == 2)
        let object = try #require(try await client.getObject("k"))
        #expect(object.head.size == 10)
        await #expect(throws: HTTPTransportError.self) { try await object.download.forEachChunk { _ in } }
    }

    @Test("refused credentials are renewed once", arguments: ["ExpiredToken", "InvalidAccessKeyId"])
    func renewed(code: String) async throws {
        let server = try server([Self.failing(403, code), Self.stored, Self.failing(403, code)])
        let client = try TestS3.client(server, provider: RenewedCredentials())
        #expect(try await client.putObject("k", body: .none) == "e")
        let keys = server.requests.compactMap { $0.field("Authorization") }
        #expect(keys.map { $0.contains("Credential=AKIA1/") } == [true, false])
        #expect(keys.map { $0.contains("Credential=AKIA2/") } == [false, true])
        #expect(server.requests.allSatisfy { $0.field("x-amz-security-token") == "token" })
        let error = try await failure { _ = try await client.putObject("k", body: .none) }
        #expect(error.isAccessDenied)
        #expect(error.description.contains("a renewed source"))
        #expect(server.requests.count == 4)
    }

    @Test(
        "what a person can do about it",
        arguments: [
            (301, "PermanentRedirect", "<Endpoint>test.s3.eu-1.example.org</Endpoint>", "test.s3.eu-1.example.org"),
            (400, "AuthorizationHeaderMalformed", "<Region>eu-1</Region>", "region eu-1, not eu-west-9"),
            (403, "SignatureDoesNotMatch", "", "secret key"), (403, "AccessDenied", "", "lack the permission"),
            (404, "NoSuchBucket", "", "create the bucket"), (403, "InvalidAccessKeyId", "", "does not know"),
        ])
    func advice(status: Int, code: String, more: String, expected: String) async throws {
        let server = try server([Self.failing(status, code, more: more)])
        let client = try TestS3.client(server)
        let error = try await failure { _ = try await client.getObjectBytes("k", limit: 10) }
        #expect(error.description.contains(expected), "\(error)")
    }

    @Test("a clock that is wrong is named, with how far, also where HEAD has no reason", arguments: [true, false])
    func skew(isHead: Bool) async throws {
        let server = try server([
            { connection in
                let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT"
                if isHead {
                    return try connection.send("HTTP/1.1 403 Forbidden\r\n\(date)\r\nContent-Length: 0\r\n\r\n")
                }
                let text = "<Error><Code>RequestTimeTooSkewed</Code><Message>m</Message></Error>"
                try connection.answer(403, [date], body: text)
            }
        ])
        let client = try TestS3.client(server)
        let error = try await failure {
            if isHead { _ = try await client.headObject("k") } else { try await client.deleteObject("k") }
        }
        #expect(error.isAccessDenied)
        #expect(error.description.contains("s ahead of the service's"), "\(error)")
    }

    @Test("the region of a redirect without a document is in its field")
    func regionField() async throws {
        let server = try server([
            { try $0.send("HTTP/1.1 301 Moved\r\nx-amz-bucket-region: eu-1\r\nContent-Length: 0\r\n\r\n") }
        ])
        let error = try await failure { try await TestS3.client(server).headBucket() }
        #expect(error.code == "PermanentRedirect")
        #expect(error.description.contains("set the region to eu-1"))
    }

    @Test("absent is not the same as no bucket, and HEAD cannot tell")
    func absence() async throws {
        let server = try server([
            Self.failing(404, "NoSuchKey"), Self.failing(404, "NoSuchBucket"),
            { try $0.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") },
        ])
        let client = try TestS3.client(server)
        #expect(try await client.getObject("k") == nil)
        let error = try await failure { _ = try await client.getObjectBytes("k", limit: 10) }
        #expect(error.isNoSuchBucket && !error.isNoSuchKey)
        #expect(try await client.headObject("k") == nil)
        let missing = try await failure { try await client.headBucket() }
        #expect(missing.isNoSuchBucket)
    }

    @Test("a range that is not the one asked for is an error", arguments: ["bytes 0-4/10", "nonsense", nil])
    func otherRange(field: String?) async throws {
        let server = try server([
            { try $0.answer(206, field.map { ["Content-Range: \($0)"] } ?? [], body: "01234") }
        ])
        let client = try TestS3.client(server)
        let error = try await failure { _ = try await client.getObject("k", range: 5..<10) }
        #expect(error.code == "InvalidRange")
        #expect(server.requests.first?.field("Range") == "bytes=5-9")
    }

    @Test("keys that a batch was too busy for are sent again, refusals are errors that name the key")
    func deleteObjects() async throws {
        let server = try server([
            {
                try $0.answer(
                    200, body: "<DeleteResult><Error><Key>p/b</Key><Code>SlowDown</Code></Error></DeleteResult>")
            },
            { try $0.answer(200, body: "<DeleteResult></DeleteResult>") },
            {
                let text = "<Error><Key>p/b</Key><Code>AccessDenied</Code><Message>no</Message></Error>"
                try $0.answer(200, body: "<DeleteResult>\(text)</DeleteResult>")
            },
        ])
        let client = try TestS3.client(server)
        try await client.deleteObjects(["a&", "b"])
        let bodies = server.requests.map { String(decoding: $0.body, as: UTF8.self) }
        #expect(bodies[0].contains("<Key>p/a&amp;</Key>") && bodies[0].contains("<Key>p/b</Key>"))
        #expect(!bodies[1].contains("p/a") && bodies[1].contains("<Key>p/b</Key>"))
        #expect(server.requests.allSatisfy { $0.field("Content-MD5") != nil })
        let error = try await failure { try await client.deleteObjects(["b"]) }
        #expect((error.key, error.code) == ("p/b", "AccessDenied"))
    }

    @Test("a cancelled task does not wait for the next attempt")
    func cancelled() async throws {
        let server = try server([Self.failing(503, "SlowDown")])
        let client = try TestS3.client(server) { $0.maximumAttempts = 1000 }
        let task = Task { try await client.deleteObject("k") }
        try await eventually { server.requests.count >= 2 }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("over https the payload is left to TLS, over http it is hashed, and a known hash is used")
    func payloadHash() async throws {
        let server = try server([Self.stored])
        let client = try TestS3.client(server)
        _ = try await client.putObject("k", body: TestS3.pieces(Array("hello".utf8)))
        _ = try await client.putObject(
            "k", body: .bytes(Array("hello".utf8)), sha256: [UInt8](repeating: 0xab, count: 32))
        _ = try await client.putObject("k", body: .none)
        #expect(
            server.requests.map { $0.field("x-amz-content-sha256") } == [
                "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
                String(repeating: "ab", count: 32), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ])
        #expect(server.requests[1].field("x-amz-checksum-sha256") == "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=")
    }

    @Test("encryption, storage class and metadata are asked for")
    func description() async throws {
        let server = try server([Self.stored])
        for (encryption, expected) in [
            (S3Settings.Encryption.bucketDefault, [nil, nil]), (.s3, ["AES256", nil]),
            (.kms(keyID: nil), ["aws:kms", nil]), (.kms(keyID: "k1"), ["aws:kms", "k1"]),
        ] as [(S3Settings.Encryption, [String?])] {
            let client = try TestS3.client(server) { $0.encryption = encryption }
            _ = try await client.putObject(
                "k", body: .none, contentType: "a/b", userMetadata: ["x": "y"], storageClass: "STANDARD_IA")
            let seen = try #require(server.requests.last)
            let prefix = "x-amz-server-side-encryption"
            #expect([seen.field(prefix), seen.field("\(prefix)-aws-kms-key-id")] == expected)
            #expect((seen.field("Content-Type"), seen.field("x-amz-meta-x")) == ("a/b", "y"))
            #expect(seen.field("x-amz-storage-class") == "STANDARD_IA")
        }
    }

    @Test("virtual-host style puts the bucket into the host, and presigned URLs name the public endpoint")
    func addresses() async throws {
        let server = try server([Self.stored])
        let client = try TestS3.client(server) { settings in
            settings.pathStyle = false
            settings.publicEndpoint = S3Endpoint("https://s3.example.org")
        }
        let url = try await client.presignedURL("a b/é", validity: 60, at: 1_795_425_011)
        #expect(url.hasPrefix("https://test.s3.example.org/p/a%20b/%C3%A9?X-Amz-Algorithm=AWS4-HMAC-SHA256&"))
        #expect(url.contains("X-Amz-Date=20261123T091011Z&X-Amz-Expires=60&"))
        #expect(try await client.presignedURL("a b/é", validity: 60, at: 1_795_425_011) == url)
        #expect(
            S3Settings(bucket: "b", region: "eu-1").effectiveEndpoint.description == "https://s3.eu-1.amazonaws.com")
    }
}
