import OCI
import TestSupport
import Testing

/// A bucket behind TLS with a certificate of a private authority, as the program meets it.
@Suite(.s3) struct BucketTLSTests {
    /// The bundle of the system, which a server of a test may see replaced.
    private static let systemBundle = "/etc/ssl/certs/ca-certificates.crt"

    private static func withTLS(
        _ body: (CertificateAuthority, _ place: S3Place, _ options: [String]) async throws -> Void
    ) async throws {
        let server = try await OwnThread.run { try S3Server.shared() }
        let authority = try await CertificateAuthority()
        let tls = try await S3TLSEndpoint(
            to: server, certificate: try await authority.issue("bucket", names: "IP:127.0.0.1"))
        try await body(
            authority, S3Place(on: server), ["--s3-endpoint", tls.endpoint(), "--s3-region", S3Server.region])
    }

    private static func pushesAndPulls(_ server: ServerProcess) async throws {
        // More than one part, and a read that streams.
        let blob = Content(sampleBytes(20 << 20))
        try await server.client.push(blob, to: "team/app")
        let reply = try await server.client.expect(200, "GET", "/v2/team/app/blobs/\(blob.digest)")
        #expect(reply.body == blob.bytes)
        #expect(try await server.stop() == .status(0))
    }

    @Test func pushesAndPullsWithTheAuthoritysCertificate() async throws {
        try await Self.withTLS { (authority, place, options) async throws in
            let server = try await ServerProcess(
                storage: place.location, options + ["--s3-ca-file", authority.certificate],
                environment: S3Server.environment)
            try await Self.pushesAndPulls(server)
        }
    }

    @Test func withoutItTheSentenceNamesTheSetting() async throws {
        try await Self.withTLS { (authority, place, options) async throws in
            let serve = ["serve", "--listen", "127.0.0.1:0", "--storage", place.location] + options
            let run = try await ProgramRun(serve, environment: S3Server.environment)
            #expect(run.ending == .status(1))
            #expect(run.errors.contains("; set caFile to the certificate of the authority"), "\(run.errors)")
            let doctor = try await ProgramRun(
                ["doctor", "--storage", place.location] + options, environment: S3Server.environment)
            #expect(doctor.ending == .status(1))
            #expect(doctor.output.contains("set caFile to the certificate of the authority"), "\(doctor)")
        }
    }

    /// Without a caFile the system's authorities are trusted, with one only those in it.
    @Test(.enabled("\(PrivateMount.requirement)") { try await PrivateMount.isAvailable() })
    func theSystemsAuthoritiesCountUnlessThereIsAFile() async throws {
        try await Self.withTLS { (authority, place, options) async throws in
            let mount = "mount --bind \"$0\" \(Self.systemBundle) && exec \"$@\""
            let wrapper = PrivateMount.namespaces + ["/bin/sh", "-c", mount, authority.certificate]
            let server = try await ServerProcess(
                storage: place.location, options, environment: S3Server.environment, wrapper: wrapper)
            try await Self.pushesAndPulls(server)
            let other = try await CertificateAuthority("another authority")
            let error = await #expect(throws: ServerDidNotStart.self) {
                try await ServerProcess(
                    storage: place.location, options + ["--s3-ca-file", other.certificate],
                    environment: S3Server.environment, wrapper: wrapper)
            }
            #expect(error?.description.contains("\(other.certificate), the caFile, has to hold") == true)
        }
    }
}
