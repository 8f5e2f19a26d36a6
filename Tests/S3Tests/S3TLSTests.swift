import HTTPClient
import S3
import TestSupport
import Testing

/// Whom the client trusts when the service is reached by https.
@Suite("S3Client and TLS", .s3, .timeLimit(.minutes(5)))
struct S3TLSTests {
    private func server() async throws -> S3Server { try await OwnThread.run { try S3Server.shared() } }

    private func client(_ endpoint: String, _ server: S3Server, caFile: String?) throws -> S3Client {
        var settings = S3Settings(bucket: S3Server.bucket, region: S3Server.region)
        settings.endpoint = S3Endpoint(endpoint)
        settings.prefix = server.freshPrefix() + "/"
        settings.pathStyle = true
        settings.caFile = caFile
        let credentials = Credentials(
            accessKeyID: S3Server.accessKeyID, secretAccessKey: S3Server.secretAccessKey)
        return S3Client(
            settings: settings, credentials: StaticCredentials(credentials), http: try TestHTTP.client())
    }

    @Test(
        "with the authority's certificate objects go both ways, also in parts", arguments: ["127.0.0.1", "localhost"])
    func trusted(host: String) async throws {
        let server = try await server()
        let authority = try await CertificateAuthority()
        let tls = try await S3TLSEndpoint(
            to: server, certificate: try await authority.issue("bucket"))
        let client = try client(tls.endpoint(host), server, caFile: authority.certificate)
        let bytes = sampleBytes(12 << 20)
        let etag = try await client.putObject("small", body: TestS3.pieces(Array(bytes[..<100_000])))
        #expect(try await client.headObject("small")?.etag == etag)
        let upload = try await client.createMultipartUpload("large")
        var parts: [S3Part] = []
        for (number, range) in [(1, 0..<6 << 20), (2, 6 << 20..<12 << 20)] {
            let etag = try await client.uploadPart(
                "large", uploadID: upload, number: number, body: TestS3.pieces(Array(bytes[range])))
            parts.append(S3Part(number: number, etag: etag))
        }
        _ = try await client.completeMultipartUpload("large", uploadID: upload, parts: parts)
        let object = try #require(try await client.getObject("large"))
        #expect(try await object.download.bytes(limit: bytes.count) == bytes)
        #expect(try await client.getObjectBytes("small", limit: 100_000)?.bytes == Array(bytes[..<100_000]))
    }

    /// What is wrong with the server's certificate, or with what the client trusts.
    enum Flaw: CaseIterable {
        case noAuthority, otherAuthority, selfSigned, selfSignedBesideAuthority, otherName, otherAddress
    }

    @Test("whom nobody vouches for gets no request, and the sentence says what to do", arguments: Flaw.allCases)
    func refused(flaw: Flaw) async throws {
        let server = try await server()
        let authority = try await CertificateAuthority()
        let names = flaw == .otherName ? "DNS:bucket.example" : flaw == .otherAddress ? "IP:127.0.0.2" : "IP:127.0.0.1"
        let isSelfSigned = flaw == .selfSigned || flaw == .selfSignedBesideAuthority
        let certificate =
            try await isSelfSigned
            ? authority.selfSigned("bucket", names: names) : authority.issue("bucket", names: names)
        let tls = try await S3TLSEndpoint(to: server, certificate: certificate)
        let other = try await CertificateAuthority("another authority")
        let caFile: String? =
            switch flaw {
            case .noAuthority, .selfSigned: nil
            case .otherAuthority: other.certificate
            default: authority.certificate
            }
        let error = try await s3Failure {
            _ = try await client(tls.endpoint(), server, caFile: caFile).headObject("k")
        }
        #expect(error.isUnreachable && !error.isRetryable && !error.mayHaveSucceeded)
        let words =
            switch flaw {
            case .noAuthority, .selfSigned: "; set caFile to the certificate of the authority"
            case .otherName, .otherAddress: "; the endpoint has to be named as its certificate names it"
            default: "; \(caFile ?? ""), the caFile, has to hold the certificate of the authority"
            }
        #expect(error.description.contains(tls.endpoint()) && error.description.contains(words), "\(error)")
    }
}
