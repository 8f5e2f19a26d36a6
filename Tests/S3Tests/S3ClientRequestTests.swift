import HTTPClient
import S3
import TestSupport
import Testing

/// What requests say.
@Suite("S3Client and its requests")
struct S3ClientRequestTests {
    @Test("over http a payload is hashed unless it stays on the machine, and a known hash is used")
    func payloadHash() async throws {
        let server = try ScriptedServer(answers: [S3Answers.stored])
        // libcurl takes every name below localhost for this machine; the client does not.
        let client = try TestS3.client(server) { settings in
            settings.endpoint = S3Endpoint(
                isSecure: false, host: "s3.localhost", port: settings.endpoint?.port)
        }
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

    @Test("what does not leave the machine is not hashed")
    func payloadOnLoopback() async throws {
        let server = try ScriptedServer(answers: [S3Answers.stored])
        _ = try await TestS3.client(server).putObject("k", body: .bytes([1]))
        #expect(server.requests.map { $0.field("x-amz-content-sha256") } == ["UNSIGNED-PAYLOAD"])
    }

    @Test("encryption, storage class and metadata are asked for")
    func description() async throws {
        let server = try ScriptedServer(answers: [S3Answers.stored])
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
        let server = try ScriptedServer(answers: [S3Answers.stored])
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
