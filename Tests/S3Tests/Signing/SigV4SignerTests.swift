import OpenSSL
import S3
import Testing

/// The examples AWS publishes for S3 ("Signature Calculations for the Authorization Header" and "Using Query
/// Parameters" in the S3 API reference), and botocore's answers for what they leave out.
struct SigV4SignerTests {
    private static let credentials = Credentials(
        accessKeyID: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    /// 24 May 2013, 00:00 UTC.
    private static let date = 1_369_353_600
    private static let host = "examplebucket.s3.amazonaws.com"

    /// One published example.
    struct Example: Sendable {
        var method = "GET"
        var key = ""
        var query: [(name: String, value: String)] = []
        var fields: [(name: String, value: String)] = []
        var body = ""
        let names: String
        let signature: String
    }

    @Test(
        "AWS's examples of signed fields",
        arguments: [
            Example(
                key: "test.txt", fields: [("Range", "bytes=0-9")],
                names: "host;range;x-amz-content-sha256;x-amz-date",
                signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
            Example(
                method: "PUT", key: "test$file.text",
                fields: [
                    ("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
                ],
                body: "Welcome to Amazon S3.",
                names: "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                signature: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
            Example(
                query: [("lifecycle", "")], names: "host;x-amz-content-sha256;x-amz-date",
                signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
            Example(
                query: [("max-keys", "2"), ("prefix", "J")], names: "host;x-amz-content-sha256;x-amz-date",
                signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
        ])
    func published(example: Example) {
        let fields = SigV4Signer(region: "us-east-1").signedFields(
            method: example.method, host: Self.host, path: URIEncoding.path(example.key), query: example.query,
            fields: example.fields, payloadHash: Hexadecimal.string(SHA256.hash(Array(example.body.utf8))),
            credentials: Self.credentials, date: Self.date)
        #expect(
            fields.first { $0.name == "Authorization" }?.value
                == "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
                + "SignedHeaders=\(example.names), Signature=\(example.signature)")
        #expect(fields.first { $0.name == "x-amz-date" }?.value == "20130524T000000Z")
    }

    @Test("AWS's example of a presigned URL")
    func publishedPresigned() {
        let query = SigV4Signer(region: "us-east-1").presignedQuery(
            host: Self.host, path: "/test.txt", validity: 86_400, credentials: Self.credentials, date: Self.date)
        #expect(
            query == "X-Amz-Algorithm=AWS4-HMAC-SHA256"
                + "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
                + "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
                + "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")
    }

    @Test("botocore's signed fields and presigned queries", arguments: BotocoreVector.all)
    func botocore(vector: BotocoreVector) {
        let credentials = Credentials(
            accessKeyID: Self.credentials.accessKeyID, secretAccessKey: Self.credentials.secretAccessKey,
            sessionToken: vector.token)
        let signer = SigV4Signer(region: vector.region)
        let path = URIEncoding.path(vector.key)
        let fields = signer.signedFields(
            method: vector.method, host: vector.host, path: path, query: vector.query, fields: vector.fields,
            payloadHash: vector.payloadHash, credentials: credentials, date: vector.date)
        #expect(fields.first { $0.name == "Authorization" }?.value == vector.authorization)
        #expect(fields.first { $0.name == "x-amz-content-sha256" }?.value == vector.payloadHash)
        #expect(fields.first { $0.name == "x-amz-security-token" }?.value == vector.token)
        let presigned = signer.presignedQuery(
            host: vector.host, path: path, query: vector.query, validity: vector.validity, credentials: credentials,
            date: vector.date)
        if let expected = vector.presignedQuery { #expect(presigned == expected) }
    }

    @Test("botocore's signature of a request to STS")
    func securityTokenService() {
        let body =
            "Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fapp&RoleSessionName=me&Version=2011-06-15"
        let fields = SigV4Signer(region: "eu-west-1", service: "sts").signedFields(
            method: "POST", host: "sts.eu-west-1.amazonaws.com", path: "/", query: [],
            fields: [("Content-Type", "application/x-www-form-urlencoded")],
            payloadHash: Hexadecimal.string(SHA256.hash(Array(body.utf8))), credentials: Self.credentials,
            date: Self.date)
        #expect(
            fields.last?.value
                == "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/eu-west-1/sts/aws4_request, "
                + "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date, "
                + "Signature=30920bd97a6ab4bc1cbc5d6b3c7c6526a49a52b689484c081290c74437dfb340")
    }

    @Test("fields of one name are signed as one, joined by a comma")
    func repeatedFields() {
        func signature(_ fields: [(name: String, value: String)]) -> String? {
            SigV4Signer(region: "r").signedFields(
                method: "GET", host: "h", path: "/", query: [], fields: fields,
                payloadHash: SigV4Signer.emptyPayloadHash, credentials: Self.credentials, date: 0
            ).last?.value
        }
        #expect(signature([("X-A", "1"), ("x-a", "2")]) == signature([("x-a", "1,2")]))
        #expect(signature([("x-a", "1"), ("x-a", "2")]) != signature([("x-a", "2"), ("x-a", "1")]))
    }

    @Test("a signer follows the day, the secret and the way back: nothing of the kept key shows")
    func keptKey() {
        let kept = SigV4Signer(region: "eu-west-1")
        let other = Credentials(accessKeyID: "B", secretAccessKey: "another secret")
        for date in [0, 86_399, 86_400, 0, 1_700_000_000, 86_400] {
            for credentials in [Self.credentials, other, Self.credentials] {
                func sign(_ signer: SigV4Signer) -> String? {
                    signer.signedFields(
                        method: "GET", host: "h", path: "/", query: [], fields: [],
                        payloadHash: SigV4Signer.unsignedPayload, credentials: credentials, date: date
                    ).last?.value
                }
                #expect(sign(kept) == sign(SigV4Signer(region: "eu-west-1")))
            }
        }
    }

    @Test("many tasks share a signer")
    func shared() async {
        let signer = SigV4Signer(region: "eu-west-1")
        let expected = (0..<8).map { Self.presigned(SigV4Signer(region: "eu-west-1"), day: $0) }
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<400).allSatisfy { Self.presigned(signer, day: $0 % 8) == expected[$0 % 8] }
                }
            }
            for await isRight in group { #expect(isRight) }
        }
    }

    private static func presigned(_ signer: SigV4Signer, day: Int) -> String {
        signer.presignedQuery(
            host: "h", path: "/k", validity: 60, credentials: credentials, date: day / 4 * 86_400 + day)
    }

    @Test("a signature costs microseconds")
    func cost() {
        let signer = SigV4Signer(region: "eu-central-1")
        let path = URIEncoding.path("blobs/sha256/\(String(repeating: "0f", count: 32))")
        let count = 2000
        let duration = ContinuousClock().measure {
            for index in 0..<count {
                let fields = signer.signedFields(
                    method: "PUT", host: Self.host, path: path, query: [],
                    fields: [("Content-Type", "application/octet-stream"), ("If-None-Match", "*")],
                    payloadHash: SigV4Signer.unsignedPayload, credentials: Self.credentials, date: Self.date + index)
                #expect(fields.count == 3)
            }
        }
        // The aim, under 10 us, is that of a release build on a quiet machine; this catches a key derived each time.
        #expect(duration / count < .microseconds(1000), "\(duration / count) for a signature")
    }
}

extension BotocoreVector: CustomTestStringConvertible {
    var testDescription: String { "\(method) \(key) \(URIEncoding.query(query))" }
}
