import TestSupport
import Testing

@testable import S3

/// A role for a token in a file, from STS.
struct WebIdentityCredentialsTests {
    private static let action = "AssumeRoleWithWebIdentity"

    private static func loader(_ endpoint: String, _ more: [String: String]) throws -> WebIdentityCredentials {
        let environment = ["AWS_ENDPOINT_URL_STS": endpoint].merging(more) { $1 }
        return WebIdentityCredentials(
            environment: environment, region: "eu-west-1", http: try MetadataService.client, now: { 0 })
    }

    @Test("the token is read each time, and sent unsigned in a form")
    func success() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/token"
        try await withMetadataService { _ in
            .assumed(by: Self.action)
        } _: { service async throws in
            let loader = try Self.loader(
                service.endpoint,
                [
                    "AWS_WEB_IDENTITY_TOKEN_FILE": path, "AWS_ROLE_ARN": "arn:aws:iam::1:role/r w",
                    "AWS_ROLE_SESSION_NAME": "pod-1",
                ])
            for token in ["eyJ.first+/=", "eyJ.second"] {
                try write(token + "\n", to: path)
                let credentials = try await loader.load()
                #expect(credentials == .expected())
            }
            #expect(
                service.calls.map(\.body)
                    == ["eyJ.first%2B%2F%3D", "eyJ.second"].map { token in
                        "Action=AssumeRoleWithWebIdentity&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr%20w"
                            + "&RoleSessionName=pod-1&Version=2011-06-15&WebIdentityToken=\(token)"
                    })
            #expect(service.calls.allSatisfy { $0.method == "POST" && $0.path == "/" && $0.authorization == nil })
        }
    }

    @Test(
        "what STS says is passed on",
        arguments: [
            (
                MetadataService.Reply(
                    status: 403,
                    body: """
                        <ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
                        <Code>AccessDenied</Code><Message>Not authorized to perform
                        sts:AssumeRoleWithWebIdentity</Message></Error></ErrorResponse>
                        """),
                "answered 403 AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity"
            ),
            (
                MetadataService.Reply(
                    status: 400,
                    body: "<ErrorResponse><Error><Code>ExpiredTokenException</Code></Error></ErrorResponse>"),
                "answered 400 ExpiredTokenException"
            ),
            (MetadataService.Reply(status: 502, body: "<html><hr>"), "answered 502"),
            (MetadataService.Reply(body: "<html><hr>"), "holds no credentials that can be read"),
            (MetadataService.Reply(body: "<a/>"), "holds no credentials that can be read"),
            (MetadataService.Reply(body: "{}"), "holds no credentials that can be read"),
        ])
    func failures(test: (reply: MetadataService.Reply, sentence: String)) async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/token"
        try write("eyJ.secret/", to: path)
        try await withMetadataService { _ in
            test.reply
        } _: { service async throws in
            let loader = try Self.loader(
                service.endpoint, ["AWS_WEB_IDENTITY_TOKEN_FILE": path, "AWS_ROLE_ARN": "arn:aws:iam::1:role/r"])
            let error = await refusal(loader)
            #expect(error.kind == .failed)
            #expect(error.description.hasPrefix("the web identity: arn:aws:iam::1:role/r cannot be assumed: "))
            #expect(error.description.contains(test.sentence), "\(error)")
        }
    }

    @Test("settings that are not whole, and files that cannot be used")
    func incomplete() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/token"
        let arn = ["AWS_ROLE_ARN": "arn:aws:iam::1:role/r"]
        let file = ["AWS_WEB_IDENTITY_TOKEN_FILE": path]
        #expect(await refusal(try Self.loader("http://127.0.0.1", arn)).kind == .notConfigured)
        #expect(await refusal(try Self.loader("http://127.0.0.1", file)).reason.contains("AWS_ROLE_ARN is not"))
        let both = try Self.loader("http://127.0.0.1", arn.merging(file) { $1 })
        #expect(await refusal(both).reason.contains("No such file"))
        try write(" \n", to: path)
        #expect(await refusal(both).reason.contains("is empty"))
        try write(String(repeating: "x", count: 40_000), to: path)
        #expect(await refusal(both).reason.contains("is larger than"))
        try write("token", to: path)
        let bad = try Self.loader("sts.example.com", arn.merging(file) { $1 })
        #expect(await refusal(bad).reason.contains("AWS_ENDPOINT_URL_STS"))
    }

    @Test(
        "STS of the region",
        arguments: [
            ("eu-central-1", "https://sts.eu-central-1.amazonaws.com"),
            ("us-gov-west-1", "https://sts.us-gov-west-1.amazonaws.com"),
            ("cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn"),
            ("us-iso-east-1", "https://sts.us-iso-east-1.c2s.ic.gov"),
            ("us-isob-east-1", "https://sts.us-isob-east-1.sc2s.sgov.gov"),
        ])
    func endpoints(test: (region: String, endpoint: String)) {
        #expect(SecurityTokenService.endpoint(of: test.region) == test.endpoint)
    }
}
