import TestSupport
import Testing

@testable import S3

/// Refusals without a reason, as HEAD has them: expired credentials or a lack of permission.
@Suite(.timeLimit(.minutes(2)))
struct DoubtedCredentialsTests {
    /// A source that counts, and a clock of the test.
    private final class Source: CredentialsLoader {
        let name = "the source of the test"
        /// Seconds since 1970.
        let clock = Guarded(1_000_000)
        /// How often it was asked.
        let count = Guarded(0)
        /// What the keys it gives end with; nil when it fails.
        let key: Guarded<String?> = Guarded("1")
        /// Holds up answers while it is there.
        let gate = Guarded<Gate?>(nil)

        func load() async throws(CredentialsError) -> Credentials {
            count.change { $0 += 1 }
            await gate.value?.pass()
            guard let key = key.value else { throw failed("it has none") }
            return Credentials(accessKeyID: "AKIA\(key)", secretAccessKey: "s", sessionToken: "t")
        }

        func provider() -> RefreshingCredentials {
            RefreshingCredentials(self, now: { self.clock.value })
        }
    }

    private static let forbidden: S3Answers.Answer = {
        try $0.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    }
    /// AWS answers this to a HEAD with a token that has expired.
    private static let bad: S3Answers.Answer = {
        try $0.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    }
    private static let found: S3Answers.Answer = {
        try $0.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"e\"\r\n\r\n")
    }

    @Test("HEAD with expired credentials succeeds with new ones", arguments: [false, true])
    func renewed(isForbidden: Bool) async throws {
        let server = try ScriptedServer(answers: [
            Self.found, isForbidden ? Self.forbidden : Self.bad, Self.found,
        ])
        let source = Source()
        let client = try TestS3.client(server, provider: source.provider())
        _ = try await client.headObject("k")
        source.clock.change { $0 += 3600 }
        source.key.change { $0 = "2" }
        #expect(try await client.headObject("k")?.size == 5)
        let keys = server.requests.compactMap { $0.field("Authorization")?.split(separator: "/")[0] }
        #expect(keys == ["1", "1", "2"].map { "AWS4-HMAC-SHA256 Credential=AKIA\($0)" })
        #expect(source.count.value == 2)
    }

    @Test("a lack of permission asks the source once a minute, and no request is repeated")
    func permission() async throws {
        let server = try ScriptedServer(answers: [Self.forbidden])
        let source = Source()
        let client = try TestS3.client(server, provider: source.provider())
        func refusals(_ count: Int) async throws {
            try await withThrowingTaskGroup { group in
                for _ in 0..<count {
                    group.addTask {
                        let error = try await s3Failure { _ = try await client.headObject("k") }
                        #expect(error.isAccessDenied)
                    }
                }
                try await group.waitForAll()
            }
        }
        try await refusals(20)
        #expect(source.count.value == 1, "what was fetched a moment ago is not doubted")
        for round in 1...3 {
            source.clock.change { $0 += 60 }
            try await refusals(20)
            #expect(source.count.value == 1 + round)
        }
        source.clock.change { $0 += 59 }
        try await refusals(20)
        #expect(source.count.value == 4)
        #expect(server.requests.count == 100)
    }

    @Test("many refusals at once share one fetch, and all of them succeed after it")
    func singleFlight() async throws {
        let server = try ScriptedServer { connection in
            while true {
                let request = try connection.request()
                let isNew = request.field("Authorization")?.contains("AKIA2/") == true
                try (isNew ? Self.found : Self.forbidden)(connection)
            }
        }
        let source = Source()
        let provider = source.provider()
        let client = try TestS3.client(server, provider: provider)
        _ = try await provider.credentials()
        source.clock.change { $0 += 3600 }
        source.key.change { $0 = "2" }
        let gate = Gate()
        source.gate.change { $0 = gate }
        try await withThrowingTaskGroup { group in
            for number in 0..<20 {
                group.addTask {
                    let head = try await client.headObject("\(number)")
                    #expect(head?.size == 5)
                }
            }
            try await eventually { gate.count == 1 && server.requests.count >= 8 }
            gate.open()
            try await group.waitForAll()
        }
        #expect(source.count.value == 2)
        #expect(server.requests.count <= 40)
    }

    @Test("the old ones stay in use while the source fails")
    func failing() async throws {
        let server = try ScriptedServer(answers: [Self.found, Self.forbidden, Self.found])
        let source = Source()
        let client = try TestS3.client(server, provider: source.provider())
        _ = try await client.headObject("k")
        source.clock.change { $0 += 3600 }
        source.key.change { $0 = nil }
        let error = try await s3Failure { _ = try await client.headObject("k") }
        #expect(error.isAccessDenied && source.count.value == 2)
        #expect(try await client.headObject("k")?.size == 5)
        #expect(server.requests.count == 3 && source.count.value == 2)
    }

    @Test("keys that never change are not tried twice")
    func unchangeable() async throws {
        let server = try ScriptedServer(answers: [Self.forbidden])
        let client = try TestS3.client(server)
        _ = try await s3Failure { _ = try await client.headObject("k") }
        #expect(server.requests.count == 1)
    }
}
