import Foundation
import TestSupport
import Testing

@testable import stowage

/// A bucket whose clock is an hour off this machine's.
@Suite(.s3) struct BucketClockTests {
    /// The sentence with how far the clock is off; a few seconds more or less are how long the run took.
    private static func says(_ text: String, _ words: (Int) -> String) -> Bool {
        (3540...3660).contains { text.contains(words($0)) }
    }

    @Test(arguments: [(3600, "behind"), (-3600, "ahead of")])
    func theServerDoesNotStartAndSaysWhy(_ ahead: Int, _ side: String) async throws {
        let server = try await OwnThread.run { try S3Server.shared() }
        let (place, proxy) = (S3Place(on: server), try FaultProxy(to: server))
        proxy.setClock(ahead: ahead)
        let run = try await ProgramRun(
            ["serve", "--listen", "127.0.0.1:0", "--storage", place.location] + place.options(through: proxy),
            environment: S3Server.environment)
        #expect(run.ending == .status(1) && run.output.isEmpty)
        #expect(run.errors.hasPrefix("the bucket \(place.location) cannot be used: "))
        #expect(
            run.errors.contains("RequestTimeTooSkewed")
                && Self.says(run.errors) { "; the clock of this machine is \($0) s \(side) the service's" },
            "\(run.errors)")
    }

    @Test(arguments: [(3600, "behind"), (-3600, "ahead of")])
    func theDoctorFindsTheClock(_ ahead: Int, _ side: String) async throws {
        let server = try await OwnThread.run { try S3Server.shared() }
        let (place, proxy) = (S3Place(on: server), try FaultProxy(to: server))
        proxy.setClock(ahead: ahead)
        let run = try await ProgramRun(
            ["doctor", "--output", "json", "--storage", place.location] + place.options(through: proxy),
            environment: S3Server.environment)
        #expect(run.ending == .status(1))
        let report = try JSONDecoder().decode(DoctorReport.self, from: Data(run.output.utf8))
        let clock = try #require(report.findings.first { $0.check == "clock" })
        #expect(clock.status == .wrong)
        #expect(
            Self.says(clock.text) { "this machine's clock is \($0) s \(side) the bucket's, and requests are refused" },
            "\(clock.text)")
        #expect(clock.text.hasSuffix("set it right"))
        let access = try #require(report.findings.last)
        #expect(access.check == "access" && access.text.contains("RequestTimeTooSkewed"), "\(report.text)")
    }

    @Test func aClockThatGoesWrongMakesTheServerUnready() async throws {
        let server = try await OwnThread.run { try S3Server.shared() }
        let (place, proxy) = (S3Place(on: server), try FaultProxy(to: server))
        let process = try await ServerProcess(place, through: proxy)
        try await process.client.expect(200, "GET", "/readyz")
        proxy.setClock(ahead: 3600)
        let reply = try await process.client.ask("/readyz") { $0.status == 503 }
        #expect(Self.says(reply.text) { "the clock of this machine is \($0) s behind" }, "\(reply.text)")
        // HEAD has no reason but the date.
        let missing = try await process.client.send("HEAD", "/v2/a/blobs/sha256:\(String(repeating: "ab", count: 32))")
        #expect(missing.status == 503)
        try await process.logged("the clock of this machine is ")
        proxy.behave()
        try await process.client.ask("/readyz") { $0.status == 200 }
        #expect(try await process.stop() == .status(0))
    }
}
