import HTTPClient
import TestSupport
import Testing

@testable import S3

/// A service that is busy says when to come again.
struct RetryAfterTests {
    private static let date = "Sun, 06 Nov 1994 08:49:37 GMT"
    /// `date` in seconds since 1970.
    private static let time = 784_111_777

    @Test(
        "seconds or a date, by the service's clock if it has one, and never long",
        arguments: [
            (nil, nil, nil), ("", nil, nil), ("soon", nil, nil), ("-1", nil, nil), ("1.5", nil, nil), ("0", nil, 0),
            ("7", nil, 7), ("20", nil, 20), ("21", nil, 20), ("99999999999999999999999", nil, 20),
            (date, nil, 0), ("Sun, 06 Nov 1994 08:49:42 GMT", nil, 5), ("Sun, 06 Nov 1994 09:49:42 GMT", nil, 20),
            ("Sun, 06 Nov 1994 07:00:00 GMT", nil, 0), ("Sun, 06 Nov 1994 07:00:03 GMT", "07:00:00", 3),
            ("Sun, 06 Nov 1994 08:49:42 GMT", "08:49:41", 1), ("06/11/94", nil, nil),
        ] as [(String?, String?, Int?)])
    func field(value: String?, clock: String?, expected: Int?) {
        var lines = "Server: x\r\n"
        if let value { lines += "Retry-After: \(value)\r\n" }
        if let clock { lines += "Date: Sun, 06 Nov 1994 \(clock) GMT\r\n" }
        #expect(RetryAfter.seconds(HTTPFields(lines: Array(lines.utf8)), now: Self.time) == expected)
    }

    @Test("the next attempt waits for it", arguments: [(503, "SlowDown"), (429, "TooManyRequests")])
    func waits(status: Int, code: String) async throws {
        let server = try ScriptedServer(answers: [
            { try $0.answer(status, ["Retry-After: 1"], body: "<Error><Code>\(code)</Code></Error>") },
            S3Answers.stored,
        ])
        let begun = ContinuousClock.now
        #expect(try await TestS3.client(server).putObject("k", body: .none) == "e")
        #expect(ContinuousClock.now - begun >= .seconds(1))
        #expect(server.requests.count == 2)
    }

    @Test("with less time than that left, the failure is the caller's at once", arguments: ["3600", nil])
    func tooLong(seconds: String?) async throws {
        let server = try ScriptedServer(answers: [
            { connection in
                let later = ["Date: \(Self.date)", "Retry-After: \(seconds ?? "Sun, 06 Nov 1994 08:50:37 GMT")"]
                try connection.answer(503, later, body: "<Error><Code>SlowDown</Code></Error>")
            }
        ])
        let client = try TestS3.client(server) { $0.retryWindow = 19_000 }
        let begun = ContinuousClock.now
        let error = try await s3Failure { try await client.deleteObject("k") }
        #expect(error.isRetryable && error.code == "SlowDown")
        #expect(server.requests.count == 1)
        #expect(ContinuousClock.now - begun < .seconds(15))
    }
}
