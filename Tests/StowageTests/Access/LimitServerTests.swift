import TestSupport
import Testing

/// The limits of the configuration, as the program keeps them.
@Suite(.timeLimit(.minutes(2))) struct LimitServerTests {
    private let alice = SampleAccount.basic(SampleAccount.alice)
    private let bob = SampleAccount.basic(SampleAccount.bob)

    private func serve(_ limits: String, _ body: (ServerProcess) async throws -> Void) async throws {
        let text = """
            access:
              htpasswd: {file: '@/users'}
              rules:
                - {who: [everybody], allow: [pull, push, overwrite, delete, admin]}
            limits: \(limits)

            """
        let folder = try ConfigurationFolder(text, ["users": SampleAccount.file])
        try await withServerProcess(["--config", folder.path], body)
    }

    @Test func tooManyRequestsOfOneCallerAreRefusedAndNobodyElseIs() async throws {
        try await serve("{requestsPerSecond: 1, burst: 5}") { server in
            let client = server.client
            try await client.expect(200, "GET", "/v2/", alice)
            var refused: [Reply] = []
            // However slow this machine is now, in some round they come faster than one in a second.
            while refused.isEmpty {
                refused = try await withThrowingTaskGroup(of: Reply.self) { group in
                    for _ in 0..<40 { group.addTask { try await client.send("GET", "/v2/", alice) } }
                    return try await group.reduce(into: []) { if $1.status != 200 { $0.append($1) } }
                }
            }
            for reply in refused {
                #expect(reply.status == 429 && reply.text.contains("\"TOOMANYREQUESTS\""))
                // One more is there after a second.
                #expect(reply["Retry-After"] == "1")
            }
            try await client.expect(200, "GET", "/v2/", bob)
            try await client.expect(200, "GET", "/v2/_catalog")
            let metrics = try Exposition(try await client.expect(200, "GET", "/metrics", bob).text)
            #expect(metrics.value("stowage_throttled_requests_total") >= Double(refused.count))
            // Who waits is served again.
            var status = 429
            let end = ContinuousClock.now + .seconds(20)
            while status == 429, ContinuousClock.now < end {
                status = try await client.send("GET", "/v2/", alice).status
            }
            #expect(status == 200)
        }
    }

    @Test func oneUploadTooManyIsRefusedUntilAnotherHasEnded() async throws {
        try await serve("{concurrentUploads: 1}") { server in
            let client = server.client
            func start(_ credentials: [(String, String)]) async throws -> String {
                let reply = try await client.expect(202, "POST", "/v2/app/blobs/uploads/", credentials, .counted([]))
                return try #require(reply["Location"])
            }
            let (first, second) = (try await start(alice), try await start(alice))
            let running = try await client.begin("PATCH", first, alice, length: 10)
            let refused = try await client.expect(429, "PATCH", second, alice, .counted([1]))
            #expect(refused["Retry-After"] == "1")
            try await client.expect(202, "PATCH", try await start(bob), bob, .counted([1]))
            #expect(try await running.finish(sampleBytes(10)).status == 202)
            try await client.expect(202, "PATCH", second, alice, .counted([1]))
        }
    }

    /// A second's worth goes at once; the next bytes come no faster than the limit says, and all of them come.
    @Test func bytesBeyondTheLimitWait() async throws {
        let rate = 1 << 20
        try await serve("{receivedBytesPerSecond: 1MiB, sentBytesPerSecond: 1MiB}") { server in
            let client = server.client
            let clock = ContinuousClock()
            let blob = Content(sampleBytes(3 * rate + rate / 2))
            let target = "/v2/app/blobs/uploads/?digest=\(blob.digest)"
            let push = try await clock.measure {
                try await client.expect(201, "POST", target, alice, .counted(blob.bytes))
            }
            // All bytes are paid for before the answer, but for the second's worth.
            #expect(push >= .milliseconds(2_500) && push < .seconds(40), "\(push)")
            // On its way out the last piece of 1 MiB or less is paid for after it was sent.
            let pull = try await clock.measure {
                let reply = try await client.expect(200, "GET", "/v2/app/blobs/\(blob.digest)", bob)
                #expect(reply.body == blob.bytes)
            }
            #expect(pull >= .milliseconds(2_000) && pull < .seconds(40), "\(pull)")
        }
    }
}
