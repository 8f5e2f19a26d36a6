import TestSupport
import Testing

@testable import S3

/// The credentials endpoint of ECS and EKS Pod Identity.
struct ContainerCredentialsTests {
    private static func loader(_ environment: [String: String], deadline: Int = 5000) throws -> ContainerCredentials {
        ContainerCredentials(environment: environment, http: try MetadataService.client, deadline: deadline)
    }

    @Test("credentials for whoever shows the token")
    func token() async throws {
        try await withMetadataService { call in
            call.authorization == "Bearer abc" && call.path == "/v1/credentials" ? .credentials() : .init(status: 401)
        } _: { service async throws in
            let environment = [
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": service.endpoint + "/v1/credentials",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": "Bearer abc",
            ]
            let credentials = try await Self.loader(environment).load()
            #expect(credentials == .expected())
            #expect(service.calls.map(\.method) == ["GET"])
        }
    }

    @Test("the token's file goes before the variable, and is read each time")
    func tokenFile() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/token"
        try await withMetadataService { call in
            .credentials(call.authorization ?? "none")
        } _: { service async throws in
            let loader = try Self.loader([
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": service.endpoint,
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": "variable", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": path,
            ])
            let error = await refusal(loader)
            #expect(error.description.contains("cannot be read: \(path): No such file or directory"), "\(error)")
            for token in ["first", "second"] {
                try write(token + "\n", to: path)
                let credentials = try await loader.load()
                #expect(credentials.accessKeyID == token)
            }
            try write("two\r\nX-Lines: 1", to: path)
            #expect(await refusal(loader).description.contains("holds no token of one line"))
            #expect(service.calls.count == 2)
        }
    }

    @Test(
        "what goes wrong is said",
        arguments: [
            (MetadataService.Reply(status: 403), "answered 403"),
            (MetadataService.Reply(status: 404, body: "not JSON"), "answered 404"),
            (
                MetadataService.Reply(status: 400, body: #"{"code": "NoIdMapping", "message": "no such task"}"#),
                "answered 400 (NoIdMapping: no such task)"
            ),
            (MetadataService.Reply(status: 503), "answered 503"),
            (MetadataService.Reply(body: "[]"), "its answer is not a JSON object of texts"),
            (MetadataService.Reply(body: #"{"AccessKeyId": "a"}"#), "its answer lacks AccessKeyId"),
        ])
    func failures(test: (reply: MetadataService.Reply, sentence: String)) async throws {
        try await withMetadataService { _ in
            test.reply
        } _: { service async throws in
            let environment = ["AWS_CONTAINER_CREDENTIALS_FULL_URI": service.endpoint + "/secret/path"]
            let error = await refusal(try Self.loader(environment))
            #expect(error.kind == .failed)
            #expect(error.description.contains("the container credentials endpoint: http://127.0.0.1:\(service.port)"))
            #expect(error.description.contains(test.sentence), "\(error)")
        }
    }

    @Test("an endpoint that stalls is given up")
    func stall() async throws {
        let gate = Gate()
        try await withMetadataService { _ in
            await gate.pass()
            return .credentials()
        } _: { service async throws in
            let environment = ["AWS_CONTAINER_CREDENTIALS_FULL_URI": service.endpoint + "/secret/path"]
            let error = await refusal(try Self.loader(environment, deadline: 200))
            #expect(error.description.contains("did not answer"), "\(error)")
            gate.open()
        }
    }

    @Test(
        "URLs that may be asked",
        arguments: [
            ("http://169.254.170.23/v1/credentials", nil), ("http://[fd00:ec2::23]/v1", nil),
            ("http://[FD00:EC2::23]:80/v1", nil), ("http://localhost:8080", nil), ("http://127.1.2.3/", nil),
            ("http://[::1]:1/x", nil), ("https://example.com/x", nil),
            ("http://example.com/x", "example.com"), ("http://169.254.169.254/", "169.254.169.254"),
            ("http://localhost.example.com/", "localhost.example.com"), ("http://127.0.0.1@evil/", "127.0.0.1@evil"),
            ("http://127.0.0.1.evil/", "127.0.0.1.evil"), ("http://1270.0.0.1/", "1270.0.0.1"),
            ("http:///x", "another machine"), ("http://127.0.0.1\\@evil/", "not an http or https URL"),
            ("ftp://localhost/", "not an http or https URL"), ("http://localhost/ x", "not an http or https URL"),
            ("localhost:80", "not an http or https URL"), ("https://a\nb", "not an http or https URL"),
        ] as [(String, String?)])
    func fullURI(test: (url: String, complaint: String?)) throws {
        let loader = try Self.loader(["AWS_CONTAINER_CREDENTIALS_FULL_URI": test.url])
        do throws(CredentialsError) {
            let url = try loader.endpoint()
            #expect(url == test.url && test.complaint == nil)
        } catch {
            #expect(error.description.contains(test.complaint ?? "no complaint"), "\(error)")
            #expect(error.kind == .failed)
        }
    }

    @Test("a relative URI is one of ECS, and goes before a full one")
    func relativeURI() throws {
        let relative = try Self.loader([
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/1",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://localhost/",
        ])
        #expect(try relative.endpoint() == "http://169.254.170.2/v2/credentials/1")
        for path in ["@evil/", "v2", "/a b"] {
            let loader = try Self.loader(["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": path])
            #expect(throws: CredentialsError.self) { try loader.endpoint() }
        }
    }

    @Test("without either variable there is nothing to ask")
    func absent() async throws {
        let error = await refusal(try Self.loader(["AWS_CONTAINER_CREDENTIALS_FULL_URI": ""]))
        #expect(error.kind == .notConfigured)
    }
}
