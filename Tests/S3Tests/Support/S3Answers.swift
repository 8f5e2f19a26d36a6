import S3
import TestSupport
import Testing

/// Answers of a scripted S3 service.
enum S3Answers {
    typealias Answer = @Sendable (ScriptedConnection) throws -> Void

    /// To a PutObject that worked; the ETag is `e`.
    static let stored: Answer = { try $0.answer(200, ["ETag: \"e\""]) }

    /// An error document; `more` are further elements of it.
    static func failing(_ status: Int, _ code: String, more: String = "") -> Answer {
        { try $0.answer(status, code: code, more: more) }
    }
}

extension ScriptedServer {
    /// A server that answers each request with the next of `answers`, the last one again and again.
    convenience init(answers: [S3Answers.Answer]) throws {
        let done = Guarded(0)
        try self.init { connection in
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
}

/// The error that `body` has to throw.
func s3Failure(_ body: () async throws -> Void) async throws -> S3Error {
    try #require(await #expect(throws: S3Error.self) { try await body() })
}
