import HTTPClient
import S3
import TestSupport
import Testing

/// What the answers of the service mean, and the words for it.
@Suite("S3Client and errors")
struct S3ClientErrorTests {
    @Test(
        "what a person can do about it",
        arguments: [
            (301, "PermanentRedirect", "<Endpoint>test.s3.eu-1.example.org</Endpoint>", "test.s3.eu-1.example.org"),
            (400, "AuthorizationHeaderMalformed", "<Region>eu-1</Region>", "region eu-1, not eu-west-9"),
            (403, "SignatureDoesNotMatch", "", "secret key"), (403, "AccessDenied", "", "lack the permission"),
            (404, "NoSuchBucket", "", "create the bucket"), (403, "InvalidAccessKeyId", "", "does not know"),
        ])
    func advice(status: Int, code: String, more: String, expected: String) async throws {
        let server = try ScriptedServer(answers: [S3Answers.failing(status, code, more: more)])
        let client = try TestS3.client(server)
        let error = try await s3Failure { _ = try await client.getObjectBytes("k", limit: 10) }
        #expect(error.description.contains(expected), "\(error)")
    }

    @Test("a clock that is wrong is named, with how far, also where HEAD has no reason", arguments: [true, false])
    func skew(isHead: Bool) async throws {
        let server = try ScriptedServer(answers: [
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
        let error = try await s3Failure {
            if isHead { _ = try await client.headObject("k") } else { try await client.deleteObject("k") }
        }
        #expect(error.isAccessDenied)
        #expect(error.description.contains("s ahead of the service's"), "\(error)")
    }

    @Test("the region of a redirect without a document is in its field")
    func regionField() async throws {
        let server = try ScriptedServer(answers: [
            { try $0.send("HTTP/1.1 301 Moved\r\nx-amz-bucket-region: eu-1\r\nContent-Length: 0\r\n\r\n") }
        ])
        let error = try await s3Failure { try await TestS3.client(server).headBucket() }
        #expect(error.code == "PermanentRedirect")
        #expect(error.description.contains("set the region to eu-1"))
    }

    @Test("absent is not the same as no bucket, and HEAD cannot tell")
    func absence() async throws {
        let server = try ScriptedServer(answers: [
            S3Answers.failing(404, "NoSuchKey"), S3Answers.failing(404, "NoSuchBucket"),
            { try $0.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") },
        ])
        let client = try TestS3.client(server)
        #expect(try await client.getObject("k") == nil)
        let error = try await s3Failure { _ = try await client.getObjectBytes("k", limit: 10) }
        #expect(error.isNoSuchBucket && !error.isNoSuchKey)
        #expect(try await client.headObject("k") == nil)
        let missing = try await s3Failure { try await client.headBucket() }
        #expect(missing.isNoSuchBucket)
    }

    @Test("a range that is not the one asked for is an error", arguments: ["bytes 0-4/10", "nonsense", nil])
    func otherRange(field: String?) async throws {
        let server = try ScriptedServer(answers: [
            { try $0.answer(206, field.map { ["Content-Range: \($0)"] } ?? [], body: "01234") }
        ])
        let client = try TestS3.client(server)
        let error = try await s3Failure { _ = try await client.getObject("k", range: 5..<10) }
        #expect(error.code == "InvalidRange")
        #expect(server.requests.first?.field("Range") == "bytes=5-9")
    }
}
