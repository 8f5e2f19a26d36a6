import TestSupport
import Testing

/// What clients may write into `Authorization`: nothing of it costs more than to read it.
@Suite(.timeLimit(.minutes(2))) struct AuthorizationFieldTests {
    private static let settings = """
        access:
          htpasswd: {file: '@/users'}
          rules:
            - {who: [everybody], allow: [pull, admin]}

        """

    private static let short = [
        "", "Basic", "Basic ", "Bearer ", "Basic Zm9v", "Basic YTpi, Bearer x", "Negotiate x", "Bearer \"x\"",
        "\u{1F511}",
    ]
    /// Up to what the head of a request may have, with the longest credentials in between.
    private static let long = ["Basic ", "Bearer ", ""].flatMap { scheme in
        [1, 4 << 10, 16 << 10, 24 << 10, 30 << 10].map { count in scheme + String(repeating: "A", count: count) }
    }

    @Test func whatIsNoCredentialIsRefused() async throws {
        let folder = try ConfigurationFolder(Self.settings, ["users": SampleAccount.file])
        try await withServerProcess(["--config", folder.path]) { server in
            for value in Self.short + Self.long {
                for target in ["/v2/", "/v2/app/tags/list", "/token?service=stowage", "/metrics"] {
                    let reply = try await server.client.send("GET", target, [("Authorization", value)])
                    #expect([400, 401].contains(reply.status), "\(value.prefix(20)) \(value.utf8.count) \(target)")
                    #expect(reply.text.contains("\"UNAUTHORIZED\"") && reply.body.count < 300)
                }
            }
            let twice = SampleAccount.basic(SampleAccount.alice) + SampleAccount.basic(SampleAccount.alice)
            try await server.client.expect(400, "GET", "/v2/", twice)
            try await server.client.expect(200, "GET", "/v2/", SampleAccount.basic(SampleAccount.alice))
        }
    }

    /// Longer ones end with the connection, before they are all there.
    @Test func whatIsLongerThanAHeadIsNotKept() async throws {
        let folder = try ConfigurationFolder(Self.settings, ["users": SampleAccount.file])
        try await withServerProcess(["--config", folder.path]) { server in
            try await server.client.expect(200, "GET", "/v2/", SampleAccount.basic(SampleAccount.alice))
            try server.process.forgetPeakMemory()
            let before = try server.process.peakMemory()
            for count in [33 << 10, 1 << 20, 16 << 20] {
                for scheme in ["Basic ", "Bearer ", ""] {
                    let value = scheme + String(repeating: "A", count: count)
                    let reply = try await server.client.send("GET", "/v2/", [("Authorization", value)])
                    #expect(reply.status == 400 && reply["Connection"] == "close", "\(scheme) \(count)")
                }
            }
            #expect(try server.process.peakMemory() - before < 4 << 20)
            try await server.client.expect(200, "GET", "/v2/", SampleAccount.basic(SampleAccount.alice))
        }
    }
}
