import S3
import TestSupport
import Testing

/// The instance metadata service, version 2.
struct InstanceCredentialsTests {
    private static let prefix = "/latest/meta-data/iam/security-credentials/"

    /// What the service of one test answers where it differs from a real one.
    struct Script: Sendable {
        var token = MetadataService.Reply(body: "session-token==")
        var role = MetadataService.Reply(body: "the-role\n")
        var credentials = MetadataService.Reply.credentials()
    }

    /// Answers as the real service does: nothing without the token.
    private static func play(_ script: Script) -> MetadataService.Script {
        { call in
            switch (call.method, call.path) {
            case ("PUT", "/latest/api/token"): return call.lifetime == nil ? .init(status: 400) : script.token
            case ("GET", _) where call.token != "session-token==": return .init(status: 401)
            case ("GET", prefix): return script.role
            case ("GET", prefix + "the-role"): return script.credentials
            default: return .init(status: 404)
            }
        }
    }

    private static func loader(
        _ endpoint: String, deadline: Int = 5000, with more: [String: String] = [:]
    ) throws -> InstanceCredentials {
        let environment = ["AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint].merging(more) { $1 }
        return InstanceCredentials(environment: environment, http: try MetadataService.client, deadline: deadline)
    }

    @Test("a token, the role's name, its credentials")
    func success() async throws {
        try await withMetadataService(Self.play(Script())) { service in
            let credentials = try await Self.loader(service.endpoint + "/").load()
            #expect(credentials == .expected())
            #expect(service.calls.map(\.method) == ["PUT", "GET", "GET"])
            #expect(service.calls.map(\.path) == ["/latest/api/token", Self.prefix, Self.prefix + "the-role"])
            #expect(service.calls.map(\.lifetime) == ["300", nil, nil])
            #expect(service.calls.map(\.token) == [nil, "session-token==", "session-token=="])
        }
    }

    @Test(
        "what goes wrong is said",
        arguments: [
            (Script(token: .init(status: 403)), "answered 403 to the request for a session token: it is switched off"),
            (Script(token: .init(status: 404)), "knows version 1 only, and only version 2 is used"),
            (Script(token: .init(status: 405)), "answered 405 to the request for a session token"),
            (Script(token: .init(status: 500)), "answered 500 to the request for a session token"),
            (Script(token: .init(body: "")), "the session token http://127.0.0.1"),
            (Script(token: .init(body: "two\r\nlines: x")), "the session token http://127.0.0.1"),
            (Script(token: .init(body: "another")), "answered 401 to the request for the name"),
            (Script(role: .init(status: 404)), "no role is attached to this instance"),
            (Script(role: .init(body: "\n")), "the name of the role"),
            (Script(role: .init(body: "gone")), "answered 404 to the request for the credentials of gone"),
            (Script(credentials: .init(status: 403)), "answered 403 to the request for the credentials of the-role"),
            (Script(credentials: .init(body: "<html>")), "the-role: its answer is not a JSON object of texts"),
            (Script(credentials: .init(body: "{}")), "its answer lacks AccessKeyId"),
            (
                Script(credentials: .init(body: #"{"Code": "AssumeRoleUnauthorizedAccess", "Message": "no\ntrust"}"#)),
                "the-role: it answered AssumeRoleUnauthorizedAccess: no trust"
            ),
            (Script(credentials: .credentials(end: "tomorrow")), "the Expiration in its answer is not a date"),
            (Script(credentials: .init(body: String(repeating: "x", count: 70_000))), "did not answer"),
        ])
    func failures(test: (script: Script, sentence: String)) async throws {
        try await withMetadataService(Self.play(test.script)) { service in
            let error = await refusal(try Self.loader(service.endpoint))
            #expect(error.kind == .failed)
            #expect(error.description.hasPrefix("the instance metadata service: "))
            #expect(error.description.contains(test.sentence), "\(error)")
        }
    }

    @Test("a role's name is one segment of the path")
    func roleName() async throws {
        try await withMetadataService { call in
            switch call.path {
            case "/latest/api/token": return .init(body: "t")
            case Self.prefix: return .init(body: "a/../b")
            case Self.prefix + "a%2F..%2Fb": return .credentials()
            default: return .init(status: 404)
            }
        } _: { service async throws in
            let credentials = try await Self.loader(service.endpoint).load()
            #expect(credentials == .expected())
        }
    }

    @Test("a service that stalls is given up")
    func stall() async throws {
        let gate = Gate()
        try await withMetadataService { _ in
            await gate.pass()
            return .init(body: "late")
        } _: { service async throws in
            let error = await refusal(try Self.loader(service.endpoint, deadline: 200))
            #expect(error.description.contains("http://127.0.0.1:\(service.port) did not answer"), "\(error)")
            #expect(error.description.contains("hop limit"))
            #expect(service.calls.count <= 2)
            gate.open()
        }
    }

    @Test("nobody listens")
    func absent() async throws {
        let port = try await withMetadataService { _ in
            .init()
        } _: {
            $0.port
        }
        let error = await refusal(try Self.loader("http://127.0.0.1:\(port)"))
        #expect(error.kind == .failed)
        #expect(error.description.contains("http://127.0.0.1:\(port) did not answer"), "\(error)")
    }

    @Test("one bad answer of the service is forgiven")
    func secondTry() async throws {
        let script = Self.play(Script())
        let failures = Guarded(["/latest/api/token", Self.prefix, Self.prefix + "the-role"])
        try await withMetadataService { call in
            let fails = failures.change { left in
                defer { left.removeAll { $0 == call.path } }
                return left.contains(call.path)
            }
            return fails ? .init(status: 503) : await script(call)
        } _: { service async throws in
            let credentials = try await Self.loader(service.endpoint).load()
            #expect(credentials == .expected())
            #expect(service.calls.count == 6)
        }
    }

    @Test("AWS_EC2_METADATA_DISABLED leaves the service alone", arguments: ["true", "True"])
    func disabled(value: String) async throws {
        try await withMetadataService(Self.play(Script())) { service in
            let error = await refusal(
                try Self.loader(service.endpoint, with: ["AWS_EC2_METADATA_DISABLED": value]))
            #expect(error.kind == .notConfigured)
            #expect(service.calls.isEmpty)
        }
    }
}
