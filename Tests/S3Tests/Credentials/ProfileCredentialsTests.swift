import OpenSSL
import TestSupport
import Testing

@testable import S3

/// Profiles of the shared files, and the roles they assume.
struct ProfileCredentialsTests {
    /// A directory with both files, and a loader that reads them.
    private struct Files {
        let directory: TemporaryDirectory
        var environment: [String: String]

        init(config: String = "", credentials: String = "") throws {
            directory = try TemporaryDirectory()
            environment = [
                "AWS_CONFIG_FILE": directory.path + "/config",
                "AWS_SHARED_CREDENTIALS_FILE": directory.path + "/credentials",
            ]
            try write(config, to: directory.path + "/config")
            try write(credentials, to: directory.path + "/credentials")
        }

        func load(_ profile: String? = nil) async throws -> Credentials {
            defer { withExtendedLifetime(directory) {} }
            return try await loader(profile).load()
        }

        func refuse(_ profile: String? = nil) async throws -> CredentialsError {
            defer { withExtendedLifetime(directory) {} }
            return await refusal(try loader(profile))
        }

        func loader(_ profile: String? = nil) throws -> ProfileCredentials {
            ProfileCredentials(
                profile: profile, environment: environment, region: "eu-west-1", http: try MetadataService.client,
                now: { 1_369_353_600 })
        }
    }

    private static let keys = "aws_access_key_id = AKIA1\naws_secret_access_key = secret/1\n"

    @Test("keys of both files, those of the credentials file first")
    func keys() async throws {
        let files = try Files(
            config: """
                # a comment
                [default]
                aws_access_key_id = AKIACONFIG
                region = eu-central-1
                [profile two]
                aws_access_key_id = AKIA2
                AWS_Secret_Access_Key = a=b/c+d  # the key
                aws_session_token = token
                [sso-session x]
                sso_region = us-east-1
                """,
            credentials: "[default]\r\n\(Self.keys)")
        let one = try await files.load()
        #expect(one == Credentials(accessKeyID: "AKIA1", secretAccessKey: "secret/1"))
        let two = try await files.load("two")
        #expect(two == Credentials(accessKeyID: "AKIA2", secretAccessKey: "a=b/c+d", sessionToken: "token"))

        var named = files
        named.environment["AWS_PROFILE"] = "two"
        #expect(try named.loader().name == "the profile two")
        #expect(try await named.load() == two)
    }

    @Test("a file that changes is read again")
    func rotation() async throws {
        let files = try Files(credentials: "[default]\n\(Self.keys)")
        let loader = try files.loader()
        _ = try await loader.load()
        try write(
            "[default]\naws_access_key_id=AKIA9\naws_secret_access_key=secret/9",
            to: files.directory.path + "/credentials")
        #expect(try await loader.load().accessKeyID == "AKIA9")
        withExtendedLifetime(files) {}
    }

    @Test(
        "what is no use is said, with the setting's name and never its value",
        arguments: [
            ("[default]\nregion = x", nil, "names no credentials", false),
            ("", nil, "it is not in", false), ("", "two", "it is not in", true),
            ("[profile two]\nregion = x", "two", "two names no credentials", true),
            ("[default]\naws_access_key_id = a", nil, "default has only one of", true),
            ("[default]\naws_secret_access_key = secret/", nil, "default has only one of", true),
            ("[default]\ncredential_process = /bin/secret/", nil, "uses credential_process, which is not", true),
            ("[default]\nsso_session = x", nil, "uses sso_session, which is not supported", true),
            ("[default]\nlogin_session = x", nil, "uses login_session", true),
            ("[default]\nrole_arn = r", nil, "not exactly one of source_profile", true),
            (
                "[default]\nrole_arn = r\nsource_profile = a\ncredential_source = Environment", nil,
                "not exactly one of source_profile", true
            ),
            ("[default]\nrole_arn = r\nsource_profile = gone", nil, "source_profile gone is not in", true),
            ("[default]\nrole_arn = r\nsource_profile = default", nil, "lead back to default", true),
            (
                "[default]\nrole_arn = r\nsource_profile = b\n[profile b]\nrole_arn = r\nsource_profile = default", nil,
                "lead back to default", true
            ),
            ("[default]\nrole_arn = r\nmfa_serial = m\nsource_profile = default", nil, "mfa_serial", true),
            (
                "[default]\nrole_arn = r\nduration_seconds = 10\ncredential_source = Environment", nil,
                "duration_seconds", true
            ),
            ("[default]\nrole_arn = r\ncredential_source = Secret/", nil, "credential_source is not", true),
            (
                "[default]\nrole_arn = r\ncredential_source = Environment", nil,
                "the environment: AWS_ACCESS_KEY_ID", true
            ),
            ("[default]\nweb_identity_token_file = /x", nil, "but no role_arn", true),
            ("[default]\naws_secret_access_key secret/", nil, "/config, line 2: neither a section", true),
            ("key = secret/", nil, "/config, line 1: neither", true),
        ] as [(String, String?, String, Bool)])
    func refused(test: (config: String, profile: String?, sentence: String, isFailure: Bool)) async throws {
        let error = try await Files(config: test.config).refuse(test.profile)
        #expect(error.reason.contains(test.sentence), "\(error)")
        #expect(error.kind == (test.isFailure ? .failed : .notConfigured))
        #expect(!"\(error)".lowercased().contains("secret/"))
    }

    @Test("files that are too large or cannot be read")
    func unreadable() async throws {
        var files = try Files(config: String(repeating: "#", count: 1 << 20))
        #expect(try await files.refuse().kind == .notConfigured)
        try write(String(repeating: "#", count: 1 << 20 + 1), to: files.directory.path + "/config")
        #expect(try await files.refuse().reason.contains("is larger than 1048576 bytes"))
        files.environment["AWS_CONFIG_FILE"] = files.directory.path
        #expect(try await files.refuse().reason.contains("Is a directory"))
    }

    @Test("a role is assumed with the keys of another profile, signed for STS")
    func sourceProfile() async throws {
        var files = try Files(
            config: """
                [profile app]
                role_arn = arn:aws:iam::1:role/app
                source_profile = base
                external_id = x y
                duration_seconds = 900
                role_session_name = me
                """,
            credentials: "[base]\n\(Self.keys)")
        try await withMetadataService { _ in
            .assumed(by: "AssumeRole")
        } _: { service async throws in
            files.environment["AWS_ENDPOINT_URL_STS"] = service.endpoint
            #expect(try await files.load("app") == .expected())
            let call = try #require(service.calls.first)
            #expect(
                call.body == "Action=AssumeRole&DurationSeconds=900&ExternalId=x%20y"
                    + "&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fapp&RoleSessionName=me&Version=2011-06-15")
            let signed = SigV4Signer(region: "eu-west-1", service: "sts").signedFields(
                method: "POST", host: "127.0.0.1:\(service.port)", path: "/", query: [],
                fields: [("content-type", "application/x-www-form-urlencoded")],
                payloadHash: Hexadecimal.string(SHA256.hash(Array(call.body.utf8))),
                credentials: Credentials(accessKeyID: "AKIA1", secretAccessKey: "secret/1"), date: 1_369_353_600)
            #expect(call.authorization == signed.last?.value)
            #expect(call.date == "20130524T000000Z")
            #expect(service.calls.count == 1)
        }
    }

    @Test("roles in a row, a profile that is its own source, and other sources")
    func roles() async throws {
        let files = try Files()
        let token = files.directory.path + "/token"
        try write("eyJ", to: token)
        try write(
            """
            [profile a]
            role_arn = arn:a
            source_profile = b
            [profile b]
            role_arn = arn:b
            source_profile = c
            [profile c]
            role_arn = arn:c
            source_profile = c
            aws_access_key_id = AKIAC
            aws_secret_access_key = secret/c
            [profile env]
            role_arn = arn:env
            credential_source = Environment
            [profile web]
            role_arn = arn:web
            web_identity_token_file = \(token)
            """, to: files.directory.path + "/config")
        try await withMetadataService { call in
            let role = ["a", "b", "c", "env", "web"].first { call.body.contains("RoleArn=arn%3A\($0)&") } ?? "?"
            let action = role == "web" ? "AssumeRoleWithWebIdentity" : "AssumeRole"
            return call.body.contains("Action=\(action)&") ? .assumed(role, by: action) : .init(status: 400)
        } _: { service async throws in
            var files = files
            files.environment["AWS_ENDPOINT_URL"] = service.endpoint
            files.environment["AWS_ACCESS_KEY_ID"] = "AKIAENV"
            files.environment["AWS_SECRET_ACCESS_KEY"] = "secret/env"
            for (profile, users) in [("a", ["AKIAC", "c", "b"]), ("env", ["AKIAENV"]), ("web", [nil])] {
                let before = service.calls.count
                #expect(try await files.load(profile) == .expected(profile))
                let signers = service.calls[before...].map { call in
                    call.authorization?.split(separator: "=")[1].split(separator: "/").first.map { String($0) }
                }
                #expect(signers == users)
            }
        }
    }

    @Test("the region: environment, then profile")
    func region() throws {
        let files = try Files(config: "[default]\nregion = r1\n[profile two]\nregion = r2\n[profile three]\n")
        func region(_ profile: String?, _ more: [String: String] = [:]) throws -> String? {
            try SharedConfiguration.region(environment: files.environment.merging(more) { $1 }, profile: profile)
        }
        #expect(try region(nil) == "r1")
        #expect(try region("two") == "r2")
        #expect(try region("three") == nil)
        #expect(try region("gone") == nil)
        #expect(try region(nil, ["AWS_PROFILE": "two"]) == "r2")
        #expect(try region("two", ["AWS_DEFAULT_REGION": "r3"]) == "r3")
        #expect(try region("two", ["AWS_DEFAULT_REGION": "r3", "AWS_REGION": "r4"]) == "r4")
    }

    @Test("files in the home directory")
    func home() async throws {
        let home = try TemporaryDirectory()
        try write("[default]\n\(Self.keys)", to: home.path + "/c")
        for path in ["~/c", home.path + "/c"] {
            let loader = ProfileCredentials(
                profile: nil, environment: ["HOME": home.path, "AWS_SHARED_CREDENTIALS_FILE": path], region: "r",
                http: try MetadataService.client, now: { 0 })
            let credentials = try await loader.load()
            #expect(credentials.accessKeyID == "AKIA1")
        }
    }
}
