import EventLoop
import Foundation
import OCI
import TestSupport
import Testing

@testable import stowage

/// `stowage doctor`, as a process, on directories and on a bucket.
@Suite struct DoctorTests {
    private static let config = Content("{}")

    /// Pushes an image and returns its layer.
    private func pushImage(_ client: RegistryClient) async throws -> Content {
        let layer = Content("a layer of the doctor's")
        for blob in [Self.config, layer] { try await client.push(blob, to: "team/app") }
        try await client.push(
            manifest: Content.manifest(config: Self.config, layers: [layer]), as: "1", to: "team/app")
        return layer
    }

    // MARK: Directories

    @Test func aDirectoryThatIsRightIsSaidToBe() async throws {
        try await withServerProcess { server in
            _ = try await pushImage(server.client)
            let run = try await ProgramRun(["doctor", "--storage", server.storage])
            #expect(run.ending == .status(0) && run.errors.isEmpty, "\(run)")
            #expect(run.output.contains("\nok      access   the directory can be read and written\n"), "\(run.output)")
            #expect(run.output.contains(" 1 tags, 1 manifests, 2 blobs"), "\(run.output)")
            #expect(run.output.hasSuffix("\nnothing is wrong\n"))
        }
    }

    @Test func whatIsWrongWithADirectoryIsSaidAndIsAnError() async throws {
        let directory = try TemporaryDirectory()
        let storage = "\(directory.path)/storage"
        let server = try await ServerProcess(storage: storage)
        let layer = try await pushImage(server.client)
        #expect(try await server.stop() == .status(0))
        try FileManager.default.removeItem(atPath: "\(storage)/blobs/sha256/\(layer.digest.hex)")
        #expect(FileManager.default.createFile(atPath: "\(storage)/blobs/sha256/abc", contents: nil))
        let run = try await ProgramRun(["doctor", "--storage", storage, "--output", "json"])
        #expect(run.ending == .status(1) && run.errors.isEmpty)
        let report = try JSONDecoder().decode(DoctorReport.self, from: Data(run.output.utf8))
        let wrong = report.findings.filter { $0.status == .wrong }
        #expect(wrong.map(\.check) == ["keys", "references"])
        #expect(wrong.map(\.details) == [["blobs/sha256/abc"], ["team/app:1 refers to \(layer.digest)"]])
    }

    @Test func aDirectoryThatIsNotThereIsNotMade() async throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/nothing"
        let run = try await ProgramRun(["doctor", "--storage", path])
        #expect(run.failed(saying: "the directory \(path) cannot be used: \(path): No such file or directory (open)"))
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    // MARK: Buckets

    @Test(.s3) func aBucketThatIsRightIsSaidToBeAndLeftAsItWas() async throws {
        let place = S3Place(on: try S3Server.shared())
        let server = try await ServerProcess(place)
        _ = try await pushImage(server.client)
        #expect(try await server.stop() == .status(0))
        let before = try place.objects().map(\.key)
        let report = try await examine(place)
        #expect(report.isHealthy, "\(report.text)")
        let checks = report.findings.map(\.check)
        #expect(checks == ["credentials", "clock", "access", "permissions", "features", "lifecycle", "content"])
        #expect(report.findings[0].text == "access key \(S3Server.accessKeyID), from the environment")
        // Nobody has set a rule: the one to apply is printed.
        let lifecycle = report.findings[5]
        #expect(lifecycle.status == .advice && lifecycle.details[0].contains("AbortIncompleteMultipartUpload"))
        #expect(try place.objects().map(\.key) == before)
        #expect(try place.unfinishedUploads().isEmpty)
    }

    @Test(.s3) func whatSomebodyDidToTheBucketIsFound() async throws {
        let place = S3Place(on: try S3Server.shared())
        let server = try await ServerProcess(place)
        let layer = try await pushImage(server.client)
        #expect(try await server.stop() == .status(0))
        let key = "blobs/sha256/\(layer.digest.hex)"
        try place.put(Array(layer.bytes.dropLast(3)), key)
        try place.put([1], "backup/everything.tar")
        try place.put([1], "registry/team/app/_manifests/sha256/abc")
        try place.put(Array("no manifest".utf8), "manifests/team/app/2/manifest.json")
        let report = try await examine(place)
        let notable = report.findings.filter { $0.status != .ok && $0.check != "lifecycle" && $0.check != "features" }
        #expect(
            notable.map { "\($0.status.rawValue) \($0.check)" } == [
                "advice keys", "wrong keys", "wrong manifests", "wrong sizes",
            ], "\(report.text)")
        #expect(notable[0].details == ["backup/everything.tar"])
        #expect(notable[1].details == ["registry/team/app/_manifests/sha256/abc"])
        #expect(
            notable[3].details == ["\(key) has \(layer.bytes.count - 3) bytes, and \(layer.bytes.count) in team/app:1"])
    }

    @Test(
        .s3,
        arguments: [
            (S3Operation.putObject, "s3:PutObject"), (.headObject, "s3:GetObject"), (.deleteObject, "s3:DeleteObject"),
            (.abortMultipartUpload, "s3:AbortMultipartUpload"), (.listObjectsV2, "s3:ListBucket"),
        ])
    func aPermissionThatIsMissingHasItsNameInIAM(_ operation: S3Operation, _ action: String) async throws {
        let server = try S3Server.shared()
        let (place, proxy) = (S3Place(on: server), try FaultProxy(to: server))
        proxy.add(.answer(403, "AccessDenied"), on: operation, times: .max)
        let report = try await examine(place, through: proxy)
        let permissions = report.findings.filter { $0.check == "permissions" }
        #expect(permissions.first?.text.hasPrefix("not permitted: \(action);") == true, "\(report.text)")
        #expect(!report.isHealthy)
        // What could be written may not be removable; nothing else stays.
        #expect(try place.objects().allSatisfy { operation == .deleteObject && $0.key.hasPrefix("registry/_probe/") })
    }

    @Test(
        .s3,
        arguments: [
            ("ExpiredToken", "have expired"), ("RequestTimeTooSkewed", "clock"),
            ("InvalidAccessKeyId", "does not know"),
            ("SignatureDoesNotMatch", "secret key"),
        ])
    func aRefusalIsExplained(_ code: String, _ words: String) async throws {
        let server = try S3Server.shared()
        let proxy = try FaultProxy(to: server)
        proxy.add(.answer(403, code), on: .listObjectsV2, times: .max)
        let report = try await examine(S3Place(on: server), through: proxy)
        let last = try #require(report.findings.last)
        #expect(last.check == "access" && last.status == .wrong)
        #expect(last.text.contains(code) && last.text.contains(words), "\(last.text)")
    }

    @Test(.s3) func aBucketThatIsReadOnlyIsNotWrittenTo() async throws {
        let server = try S3Server.shared()
        let (place, proxy) = (S3Place(on: server), try FaultProxy(to: server))
        let report = try await examine(place, through: proxy, ["STOWAGE_READ_ONLY": "true"])
        #expect(report.isHealthy, "\(report.text)")
        #expect(report.findings.contains { $0.text == "objects may be listed and read" })
        let methods = Set(proxy.counter.requests.map(\.method))
        #expect(methods.isSubset(of: ["GET", "HEAD"]), "\(proxy.counter.requests)")
    }

    @Test(.s3) func aBucketThatIsNotThereIsSaidToBe() async throws {
        let server = try S3Server.shared()
        let run = try await ProgramRun(
            ["doctor", "--storage", "s3://no-such-bucket", "--s3-endpoint", server.endpoint],
            environment: S3Server.environment)
        #expect(run.ending == .status(1))
        #expect(run.output.contains("NoSuchBucket") && run.output.contains("create the bucket"), "\(run.output)")
    }

    @Test func nobodyAtTheEndpointIsSaidSoon() async throws {
        let nobody = try #require(SocketAddress("127.0.0.1:0"))
        let endpoint = "http://\(try ListeningSocket(nobody).address)"
        let run = try await ProgramRun(
            ["doctor", "--storage", "s3://bucket", "--s3-endpoint", endpoint], environment: S3Server.environment)
        #expect(run.ending == .status(1))
        #expect(run.output.contains("wrong   access") && run.output.contains(endpoint), "\(run.output)")
        #expect(run.output.hasSuffix("\n1 thing is wrong\n"))
    }

    @Test func noCredentialsAreSaidToBeMissing() async throws {
        let environment = [
            "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "HOME": "/nonexistent",
            "AWS_EC2_METADATA_DISABLED": "true",
        ]
        let run = try await ProgramRun(
            ["doctor", "--storage", "s3://bucket", "--s3-endpoint", "http://127.0.0.1:9"], environment: environment)
        #expect(run.ending == .status(1))
        #expect(run.output.contains("wrong   credentials") && run.output.contains("AWS_ACCESS_KEY_ID"), "\(run.output)")
    }

    private func examine(
        _ place: S3Place, through proxy: FaultProxy? = nil, _ environment: [String: String] = [:]
    ) async throws -> DoctorReport {
        let run = try await ProgramRun(
            ["doctor", "--output", "json", "--storage", place.location] + place.options(through: proxy),
            environment: S3Server.environment.merging(environment) { $1 })
        let report = try JSONDecoder().decode(DoctorReport.self, from: Data(run.output.utf8))
        #expect(run.ending == .status(report.isHealthy ? 0 : 1) && run.errors.isEmpty, "\(run)")
        return report
    }

    // MARK: Clock and rules

    @Test(arguments: [
        (0, DoctorReport.Status.ok), (30, .ok), (-31, .advice), (600, .advice), (900, .wrong), (-3600, .wrong),
    ])
    func aClockIsWrongWhenRequestsAreRefused(_ skew: Int, _ status: DoctorReport.Status) {
        let finding = BucketExamination.clock(skew: skew)
        #expect(finding.status == status)
        #expect(finding.text.contains("\(abs(skew)) s \(skew < 0 ? "behind" : "ahead of") the bucket's"))
    }

    @Test func datesOfHTTPAreRead() {
        #expect(BucketExamination.seconds("Sun, 06 Nov 1994 08:49:37 GMT") == 784_111_777)
        #expect(BucketExamination.seconds("1994-11-06") == nil)
    }

    private static let abort =
        "<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>"

    @Test(arguments: [
        ("<Rule><Status>Enabled</Status><Filter><Prefix></Prefix></Filter>\(abort)</Rule>", true),
        ("<Rule>\n <Status>Enabled</Status>\n <Prefix>a/</Prefix>\n \(abort)\n</Rule>", true),
        ("<Rule><Status>Enabled</Status><Filter/>\(abort)</Rule>", true),
        ("<Rule><Status>Disabled</Status><Prefix></Prefix>\(abort)</Rule>", false),
        ("<Rule><Status>Enabled</Status><Prefix>b/</Prefix>\(abort)</Rule>", false),
        (
            "<Rule><Status>Enabled</Status><Filter><And><Prefix></Prefix><Tag/><Tag><Key>x</Key></Tag></And></Filter>\(abort)</Rule>",
            false
        ),
        ("<Rule><Status>Enabled</Status><Prefix></Prefix><Expiration><Days>1</Days></Expiration></Rule>", false),
        ("<Rule><Status>Enabled</Status></Rule><Rule><Status>Disabled</Status>\(abort)</Rule>", false),
        ("", false),
    ])
    func aRuleEndsUploadsIfItIsOnAndCoversThem(_ rules: String, _ isEnding: Bool) {
        #expect(
            LifecycleRule.endsUploads("<LifecycleConfiguration>\(rules)</LifecycleConfiguration>", prefix: "a/x/")
                == isEnding)
    }
}
