import EventLoop
import Glibc
import HTTPClient
import S3
import TestSupport
import Testing

/// What the client makes of failures: repeats, gives up, says what to do.
@Suite("S3Client and failures")
struct S3ClientRetryTests {
    @Test(
        "what passes is repeated",
        arguments: [
            (500, "InternalError"), (503, "SlowDown"), (503, "ServiceUnavailable"), (502, "BadGateway"),
            (504, "GatewayTimeout"), (429, "TooManyRequests"), (400, "RequestTimeout"),
            (409, "ConditionalRequestConflict"), (409, "OperationAborted"),
        ])
    func repeated(status: Int, code: String) async throws {
        let server = try ScriptedServer(answers: [
            S3Answers.failing(status, code), S3Answers.failing(status, code), S3Answers.stored,
        ])
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
        let server = try ScriptedServer(answers: [S3Answers.failing(status, code)])
        let error = try await s3Failure { _ = try await TestS3.client(server).putObject("k", body: .none) }
        #expect((error.status, error.code, error.key, error.operation) == (status, code, "p/k", "PutObject"))
        #expect(error.requestID == "tx1")
        #expect(!error.isRetryable && !error.mayHaveSucceeded)
        #expect(server.requests.count == 1)
        #expect(
            error.description.hasPrefix("PutObject of p/k in bucket test: \(status) \(code): because (request tx1)"))
    }

    @Test("after the last attempt the failure is the caller's")
    func exhausted() async throws {
        let server = try ScriptedServer(answers: [S3Answers.failing(503, "SlowDown")])
        let client = try TestS3.client(server) { $0.maximumAttempts = 3 }
        let error = try await s3Failure { try await client.deleteObject("k") }
        #expect((error.status, error.isRetryable) == (503, true))
        #expect(server.requests.count == 3)
    }

    @Test("a service that is down does not get every request several times")
    func budget() async throws {
        let server = try ScriptedServer(answers: [S3Answers.failing(503, "SlowDown")])
        let client = try TestS3.client(server) { $0.maximumAttempts = 2 }
        try await withThrowingTaskGroup { group in
            for _ in 0..<110 {
                group.addTask { _ = try await s3Failure { try await client.deleteObject("k") } }
            }
            try await group.waitForAll()
        }
        #expect(server.requests.count == 110 + 100)
    }

    @Test("connections that die are replaced; a 412 after one may be the request's own doing")
    func ambiguous() async throws {
        let server = try ScriptedServer(answers: [
            { connection in
                connection.resetAtEnd()
                throw NeverCameTrue()
            }, S3Answers.failing(412, "PreconditionFailed"),
        ])
        let client = try TestS3.client(server)
        let error = try await s3Failure { _ = try await client.putObject("k", body: .bytes([1]), ifNoneMatch: true) }
        #expect(error.isPreconditionFailed && error.mayHaveSucceeded)
        #expect(server.requests.allSatisfy { $0.field("If-None-Match") == "*" })
        let plain = try await s3Failure { _ = try await client.putObject("k", body: .bytes([1]), ifNoneMatch: true) }
        #expect(plain.isPreconditionFailed && !plain.mayHaveSucceeded)
    }

    @Test("the same on a kept connection, which libcurl replaces by itself")
    func ambiguousReuse() async throws {
        let server = try ScriptedServer(answers: [
            S3Answers.stored,
            { connection in
                connection.resetAtEnd()
                throw NeverCameTrue()
            },
            S3Answers.failing(412, "PreconditionFailed"),
        ])
        let client = try TestS3.client(server)
        _ = try await client.putObject("k", body: .bytes([1]))
        let error = try await s3Failure { _ = try await client.putObject("k", body: .bytes([1]), ifNoneMatch: true) }
        #expect(error.isPreconditionFailed && error.mayHaveSucceeded)
    }

    @Test("nobody answers: after all attempts, an error that says where")
    func unreachable() async throws {
        var port: UInt16 = 0
        do { port = try ListeningSocket(try #require(SocketAddress("127.0.0.1:0"))).address.port }
        let server = try ScriptedServer(answers: [S3Answers.stored])
        let client = try TestS3.client(server) { $0.endpoint = S3Endpoint("http://127.0.0.1:\(port)") }
        let error = try await s3Failure { _ = try await client.headObject("k") }
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
        let server = try ScriptedServer(answers: [
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
        let error = try await s3Failure { _ = try await run() }
        #expect((error.operation, error.status, error.code) == (operation, 200, "NoSuchKey"))
        #expect(!error.isRetryable)
    }

    @Test("a completion whose answer was lost succeeded if the object is there")
    func completedTwice() async throws {
        let server = try ScriptedServer(answers: [
            { connection in
                connection.resetAtEnd()
                throw NeverCameTrue()
            },
            S3Answers.failing(404, "NoSuchUpload"),
            { try $0.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"e-1\"\r\n\r\n") },
            S3Answers.failing(404, "NoSuchUpload"),
        ])
        let client = try TestS3.client(server)
        let parts = [S3Part(number: 1, etag: "x")]
        #expect(try await client.completeMultipartUpload("k", uploadID: "u", parts: parts) == "e-1")
        #expect(server.requests.map(\.method) == ["POST", "POST", "HEAD"])
        let error = try await s3Failure {
            _ = try await client.completeMultipartUpload("k", uploadID: "u", parts: parts)
        }
        #expect(error.isNoSuchUpload)
    }

    @Test("a body that ends early is never a success", arguments: ["truncated", "reset"])
    func truncated(kind: String) async throws {
        let cut: @Sendable (ScriptedConnection) throws -> Void = { connection in
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: \"e\"\r\n\r\nabc")
            if kind == "reset" { connection.resetAtEnd() }
            throw NeverCameTrue()
        }
        let server = try ScriptedServer(answers: [
            cut, { try $0.answer(200, ["ETag: \"e\""], body: "0123456789") }, cut,
        ])
        let client = try TestS3.client(server)
        #expect(try await client.getObjectBytes("k", limit: 10)?.bytes == Array("0123456789".utf8))
        #expect(server.requests.count == 2)
        let object = try #require(try await client.getObject("k"))
        #expect(object.head.size == 10)
        await #expect(throws: HTTPTransportError.self) { try await object.download.forEachChunk { _ in } }
    }

    @Test("refused credentials are renewed once", arguments: ["ExpiredToken", "InvalidAccessKeyId"])
    func renewed(code: String) async throws {
        let server = try ScriptedServer(answers: [
            S3Answers.failing(403, code), S3Answers.stored, S3Answers.failing(403, code),
        ])
        let client = try TestS3.client(server, provider: RenewedCredentials())
        #expect(try await client.putObject("k", body: .none) == "e")
        let keys = server.requests.compactMap { $0.field("Authorization") }
        #expect(keys.map { $0.contains("Credential=AKIA1/") } == [true, false])
        #expect(keys.map { $0.contains("Credential=AKIA2/") } == [false, true])
        #expect(server.requests.allSatisfy { $0.field("x-amz-security-token") == "token" })
        let error = try await s3Failure { _ = try await client.putObject("k", body: .none) }
        #expect(error.isAccessDenied)
        #expect(error.description.contains("a renewed source"))
        #expect(server.requests.count == 4)
    }

    @Test("keys that a batch was too busy for are sent again, refusals are errors that name the key")
    func deleteObjects() async throws {
        let server = try ScriptedServer(answers: [
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
        let error = try await s3Failure { try await client.deleteObjects(["b"]) }
        #expect((error.key, error.code) == ("p/b", "AccessDenied"))
    }

    @Test("a cancelled task does not wait for the next attempt")
    func cancelled() async throws {
        let server = try ScriptedServer(answers: [S3Answers.failing(503, "SlowDown")])
        let client = try TestS3.client(server) { $0.maximumAttempts = 1000 }
        let task = Task { try await client.deleteObject("k") }
        try await eventually { server.requests.count >= 2 }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
