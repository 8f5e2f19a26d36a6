import EventLoop
import TestSupport
import Testing

@testable import stowage

/// What `serve` says of a bucket, when it can be used and when it cannot.
@Suite(.s3) struct BucketStartTests {
    @Test func threeLinesAndTheLogSayWhereTheBucketIsAndWhatItLacks() async throws {
        let place = S3Place(on: try S3Server.shared())
        let server = try await ServerProcess(place)
        let endpoint = try S3Server.shared().endpoint
        #expect(server.process.output.lines[1] == "storage: bucket \(place.location) at \(endpoint)")
        try await server.logged("info bucket \(place.location) at \(endpoint), credentials from the environment")
        // Ceph carries it out as if it had no condition.
        try await server.logged("warning the bucket lacks a feature: conditional delete is ignored: ")
        let ready = try await server.client.expect(200, "GET", "/readyz").text
        #expect(ready.hasPrefix("ok\n") && ready.contains("\ncreate-once works\n"), "\(ready)")
        #expect(ready.contains("\nconditional delete is ignored\n"))
        let stored = try place.objects().map(\.key)
        #expect(stored == ["registry/_keys/uploads"], "probes have to be gone: \(stored)")
        #expect(try await server.stop() == .status(0))
    }

    @Test func aReadOnlyServerWritesNothing() async throws {
        let server = try S3Server.shared()
        let (place, proxy) = (S3Place(on: server), try FaultProxy(to: server))
        let process = try await ServerProcess(place, through: proxy, environment: ["STOWAGE_READ_ONLY": "true"])
        try await process.client.expect(200, "GET", "/readyz")
        #expect(Set(proxy.counter.requests.map(\.method)).isSubset(of: ["GET", "HEAD"]), "\(proxy.counter.requests)")
        #expect(try await process.stop() == .status(0))
    }

    @Test func aBucketThatDoesNotAnswerMakesItUnready() async throws {
        let server = try S3Server.shared()
        let proxy = try FaultProxy(to: server)
        let process = try await ServerProcess(S3Place(on: server), through: proxy, ["--s3-attempts", "1"])
        try await process.client.expect(200, "GET", "/readyz")
        proxy.add(.answer(503, "SlowDown"), times: .max)
        let reply = try await process.client.ask("/readyz") { $0.status == 503 }
        #expect(reply.text.contains("SlowDown"))
        try await process.client.expect(200, "GET", "/healthz")
        proxy.behave()
        try await process.client.ask("/readyz") { $0.status == 200 }
        #expect(try await process.stop() == .status(0))
    }

    /// However often somebody looks.
    @Test func readinessAsksTheBucketSeldomAndWritesNothing() async throws {
        let server = try S3Server.shared()
        let proxy = try FaultProxy(to: server)
        let process = try await ServerProcess(S3Place(on: server), through: proxy)
        proxy.behave()
        let begun = ContinuousClock.now
        for _ in 0..<200 { try await process.client.expect(200, "GET", "/readyz") }
        let seconds = (ContinuousClock.now - begun) / .seconds(1)
        #expect(proxy.counter.counts.keys.map(\.self) == [.listObjectsV2])
        // The clock that the answers age by has steps of a second. Forgotten uploads are looked for after the start.
        let probes = proxy.counter.requests.filter { $0.target.contains("_probe") }
        #expect(!probes.isEmpty && probes.count <= Int(seconds / 4) + 1, "\(probes)")
        #expect(try await process.stop() == .status(0))
    }

    // MARK: It does not start

    /// Everything is a line that begins with the bucket and says what to do.
    private static func refusal(
        _ location: String = "s3://\(S3Server.bucket)", _ options: [String] = [], _ endpoint: String? = nil,
        _ environment: [String: String] = [:]
    ) async throws -> String {
        let endpoint = try endpoint ?? S3Server.shared().endpoint
        let run = try await ProgramRun(
            ["serve", "--listen", "127.0.0.1:0", "--storage", location, "--s3-endpoint", endpoint] + options,
            environment: S3Server.environment.merging(environment) { $1 })
        #expect(run.ending == .status(1) && run.output.isEmpty)
        #expect(run.errors.split(separator: "\n").count == 1, "\(run.errors)")
        return run.errors
    }

    @Test func aWrongBucketIsSaidToBe() async throws {
        let said = try await Self.refusal("s3://no-such-bucket/x")
        #expect(said.hasPrefix("the bucket s3://no-such-bucket/x cannot be used: "))
        #expect(said.contains("NoSuchBucket") && said.contains("create the bucket, or correct its name"))
    }

    @Test(arguments: [
        ("AWS_SECRET_ACCESS_KEY", "SignatureDoesNotMatch", "the secret key from the environment is wrong"),
        ("AWS_ACCESS_KEY_ID", "InvalidAccessKeyId", "the access key from the environment"),
    ])
    func aWrongKeyIsSaidToBe(_ variable: String, _ code: String, _ words: String) async throws {
        let said = try await Self.refusal("s3://test", [], nil, [variable: "AnotherValue123"])
        #expect(said.contains(code) && said.contains(words), "\(said)")
        #expect(!said.contains("AnotherValue123") && !said.contains(S3Server.secretAccessKey))
    }

    @Test func nobodyAtTheEndpointIsSaidSoon() async throws {
        let nobody = try #require(SocketAddress("127.0.0.1:0"))
        let endpoint = "http://\(try ListeningSocket(nobody).address)"
        let said = try await Self.refusal("s3://test", [], endpoint)
        #expect(said.contains(endpoint) && said.contains("connect"), "\(said)")
    }

    @Test func aServerThatIsNoBucketIsRefused() async throws {
        try await withServerProcess { other in
            let said = try await Self.refusal("s3://test", [], "http://\(other.address)")
            #expect(said.hasPrefix("the bucket s3://test cannot be used: "), "\(said)")
        }
    }

    @Test(arguments: [
        ("ExpiredToken", 403, "the credentials from the environment have expired"),
        ("RequestTimeTooSkewed", 403, "clock"), ("AccessDenied", 403, "lack the permission"),
        ("PermanentRedirect", 301, "PermanentRedirect"),
    ])
    func whatTheServiceRefusesIsExplained(_ code: String, _ status: Int, _ words: String) async throws {
        let proxy = try FaultProxy(to: try S3Server.shared())
        proxy.add(.answer(status, code), times: .max)
        let said = try await Self.refusal("s3://test", [], proxy.endpoint)
        #expect(said.contains(code) && said.contains(words), "\(said)")
    }

    @Test func settingsTheBucketDoesNotTakeAreFoundAtTheStart() async throws {
        let said = try await Self.refusal("s3://test", ["--s3-blob-storage-class", "STANDARD_IA"])
        #expect(said.hasPrefix("storage.s3.blobStorageClass: the bucket does not take STANDARD_IA: "), "\(said)")
        let other = try await Self.refusal("s3://test", ["--s3-server-side-encryption", "AES256"])
        #expect(other.hasPrefix("storage.s3.serverSideEncryption: the bucket does not take AES256: "), "\(other)")
    }

    @Test func filesOfSecretsAreRead() async throws {
        let place = S3Place(on: try S3Server.shared())
        let file = try TemporaryFile(S3Server.secretAccessKey + "\n")
        let options = ["--s3-access-key-id", S3Server.accessKeyID, "--s3-secret-access-key-file", file.path]
        let none = ["AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""]
        let server = try await ServerProcess(place, options, environment: none)
        #expect(try await server.stop() == .status(0))
        #expect(!server.process.errors.text.contains(S3Server.secretAccessKey))
        try file.replace("two words")
        let said = try await Self.refusal("s3://test", options, nil, none)
        let setting = "storage.s3.credentials.secretAccessKeyFile"
        #expect(said == "\(setting): \(file.path) does not have a secret key and nothing else\n")
        let absent = try await Self.refusal("s3://test", Array(options.dropLast()) + ["/nowhere/secret"], nil, none)
        #expect(absent == "\(setting): /nowhere/secret: No such file or directory\n")
    }

    @Test func credentialsMayBeNamedAndThenNoOtherSourceIsAsked() async throws {
        let said = try await Self.refusal("s3://test", ["--s3-credentials", "web-identity"])
        #expect(said.contains("AWS_WEB_IDENTITY_TOKEN_FILE"), "\(said)")
    }
}
