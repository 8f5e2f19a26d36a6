import TestSupport
import Testing

@testable import S3

/// The operator's choice of a source, and the usual order.
struct CredentialsSettingsTests {
    private static let keys = ["AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "secret/env"]

    private static func settings(
        _ source: CredentialsSource, _ environment: [String: String] = [:]
    ) -> CredentialsSettings {
        var settings = CredentialsSettings(
            region: "eu-west-1", environment: ["AWS_EC2_METADATA_DISABLED": "true"].merging(environment) { $1 })
        settings.source = source
        return settings
    }

    private static func provider(_ settings: CredentialsSettings) throws -> any CredentialsProvider {
        try settings.provider(http: try MetadataService.client, now: { 1000 })
    }

    private static func error(_ settings: CredentialsSettings) async throws -> String {
        let provider = try Self.provider(settings)
        let error = await #expect(throws: CredentialsError.self) { try await provider.credentials() }
        return error?.description ?? ""
    }

    @Test("without anything set up, auto says what each source said")
    func nothing() async throws {
        let directory = try TemporaryDirectory()
        let home = directory.path
        #expect(
            try await Self.error(Self.settings(.auto, ["HOME": home])) == """
                the usual sources: no credentials found: \
                the environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set; \
                the web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set; \
                the profile default: it is not in \(home)/.aws/config or \(home)/.aws/credentials; \
                the container credentials endpoint: neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor \
                AWS_CONTAINER_CREDENTIALS_FULL_URI is set; \
                the instance metadata service: AWS_EC2_METADATA_DISABLED is true
                """)
    }

    @Test("a source that is set up and fails ends the search")
    func failClosed() async throws {
        try await withMetadataService { _ in
            .credentials()
        } _: { service async throws in
            let environment = [
                "AWS_WEB_IDENTITY_TOKEN_FILE": "/nonexistent/token", "AWS_ROLE_ARN": "arn:aws:iam::1:role/r",
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": service.endpoint,
            ]
            let error = try await Self.error(Self.settings(.auto, environment))
            #expect(error.contains("the environment: ") && error.contains("the web identity: its token cannot be read"))
            #expect(!error.contains("container"))
            #expect(service.calls.isEmpty)
        }
    }

    @Test("the first source that is set up wins and is kept, and gives the provider its name")
    func order() async throws {
        let directory = try TemporaryDirectory()
        let file = directory.path + "/credentials"
        try await withMetadataService { _ in
            .credentials()
        } _: { service async throws in
            var environment = [
                "AWS_SHARED_CREDENTIALS_FILE": file, "AWS_CONTAINER_CREDENTIALS_FULL_URI": service.endpoint,
            ]
            let container = try Self.provider(Self.settings(.auto, environment))
            #expect(container.name == "the usual sources")
            #expect(try await container.credentials() == .expected())
            #expect(container.name == "the container credentials endpoint")

            try write("[default]\naws_access_key_id=AKIAFILE\naws_secret_access_key=secret/file\n", to: file)
            let shared = try Self.provider(Self.settings(.auto, environment))
            #expect(try await shared.credentials().accessKeyID == "AKIAFILE")
            #expect(shared.name == "the profile default")

            environment.merge(Self.keys) { $1 }
            let variables = try Self.provider(Self.settings(.auto, environment))
            #expect(try await variables.credentials().accessKeyID == "AKIAENV")
            #expect(variables.name == "the environment")

            var settings = Self.settings(.auto, environment)
            settings.profile = "default"
            #expect(try await Self.provider(settings).credentials().accessKeyID == "AKIAFILE")
            settings.keys = Credentials(accessKeyID: "AKIASET", secretAccessKey: "secret/set")
            #expect(try await Self.provider(settings).credentials().accessKeyID == "AKIASET")
            #expect(service.calls.count == 1)
        }
    }

    @Test("a chosen source stays the one of its kind, whatever comes up before it in the order")
    func kept() async throws {
        let directory = try TemporaryDirectory()
        let file = directory.path + "/credentials"
        try await withMetadataService { _ in
            .credentials()
        } _: { service async throws in
            let http = try MetadataService.client
            let environment = [
                "AWS_SHARED_CREDENTIALS_FILE": file, "AWS_CONTAINER_CREDENTIALS_FULL_URI": service.endpoint,
            ]
            let chain = CredentialsChain([
                ProfileCredentials(profile: nil, environment: environment, region: "r", http: http, now: { 0 }),
                ContainerCredentials(environment: environment, http: http),
            ])
            let first = try await chain.load()
            try write("[default]\naws_access_key_id=AKIAFILE\naws_secret_access_key=secret/file\n", to: file)
            let second = try await chain.load()
            #expect(first == .expected() && second == .expected())
        }
    }

    @Test(
        "a source that is named is the only one",
        arguments: [
            (CredentialsSource.environment, "the environment: AWS_ACCESS_KEY_ID and"),
            (.webIdentity, "the web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set"),
            (.profile, "the profile default: HOME is not set"),
            (.container, "the container credentials endpoint: neither"),
            (.instance, "the instance metadata service: AWS_EC2_METADATA_DISABLED is true"),
        ])
    func named(test: (source: CredentialsSource, sentence: String)) async throws {
        var settings = Self.settings(test.source)
        settings.keys = Credentials(accessKeyID: "unused", secretAccessKey: "secret/unused")
        #expect(try await Self.error(settings).hasPrefix(test.sentence))
    }

    @Test("static wants keys")
    func staticKeys() async throws {
        var settings = Self.settings(.static, Self.keys)
        #expect(throws: CredentialsError.self) { try Self.provider(settings) }
        settings.keys = Credentials(accessKeyID: "AKIASET", secretAccessKey: "secret/set")
        let provider = try Self.provider(settings)
        #expect(try await provider.credentials().accessKeyID == "AKIASET")
        #expect(provider.name == "the static settings")
    }

    @Test("half of a pair of keys in the environment is an error")
    func halves() async throws {
        for name in Self.keys.keys {
            let error = await refusal(EnvironmentCredentials([name: "secret/half"]))
            #expect(error.kind == .failed && error.reason.contains("is set, but"))
        }
        let token = EnvironmentCredentials(Self.keys.merging(["AWS_SESSION_TOKEN": "t"]) { $1 })
        let credentials = try await token.load()
        #expect(credentials.sessionToken == "t" && credentials.expiration == nil)
    }

    @Test("an operator's words")
    func words() {
        #expect(
            CredentialsSource.allCases.map(\.rawValue) == [
                "auto", "static", "environment", "profile", "web-identity", "container", "instance",
            ])
    }

    @Test("no description shows a secret")
    func secrets() async throws {
        let credentials = Credentials(
            accessKeyID: "AKIA", secretAccessKey: "secret/1", sessionToken: "secret/2", expiration: 0)
        var dumped = ""
        dump(credentials, to: &dumped)
        dump(StaticCredentials(credentials), to: &dumped)
        dump([credentials], to: &dumped)
        let texts = [
            dumped, "\(credentials)", String(reflecting: credentials), "\(Optional(credentials) as Any)",
            "\(StaticCredentials(credentials))", "\([credentials])",
        ]
        for text in texts {
            #expect(!text.contains("secret/"), "\(text)")
            #expect(text.contains("access key AKIA, valid until 1970-01-01T00:00:00Z"), "\(text)")
        }
    }
}
