import Foundation
import Glibc
import OCI
import TestSupport
import Testing

@testable import stowage

/// No secret of a server with access control is in anything it writes, at the most talkative level.
@Suite struct SecretsTests {
    private static let settings = """
        access:
          htpasswd: {file: '@/users'}
          robots: {file: '@/robots'}
          tokens: {keyFile: '@/keys'}
          rules:
            - {who: [authenticated], allow: [pull, push, overwrite, delete], repositories: [app, other/**]}
            - {who: ['user:alice'], allow: [admin]}
        audit: {file: '@/audit'}
        log: {level: trace}

        """

    @Test func nothingSecretIsWritten() async throws {
        let key = "KEY" + String(repeating: "k", count: 43)
        let folder = try ConfigurationFolder(Self.settings, ["users": SampleAccount.file, "keys": key + "\n"])
        let secret = try await folder.makeRobot("ci")
        let directory = try TemporaryDirectory()
        let server = try await ServerProcess(
            storage: "\(directory.path)/storage", ["--config", folder.path],
            environment: [
                "STOWAGE_STORAGE_S3_CREDENTIALS_ACCESS_KEY_ID": "id",
                "STOWAGE_STORAGE_S3_CREDENTIALS_SECRET_ACCESS_KEY": "S3-SECRET-KEY",
            ])
        var (secrets, replies) = ([key, secret, SampleAccount.alice.password, "S3-SECRET-KEY"], [String]())
        secrets += SampleAccount.file.split(separator: "\n").map { String($0.split(separator: ":")[1]) }
        let alice = SampleAccount.basic(SampleAccount.alice)
        let robot = SampleAccount.basic("robot+ci", secret)
        secrets += [alice, robot].map { String($0[0].1.dropFirst("Basic ".count)) }
        func send(
            _ method: String, _ target: String, _ fields: [(String, String)], _ payload: Payload = .none
        ) async throws -> Reply {
            let reply = try await server.client.send(method, target, fields, payload)
            replies += reply.fields.map { "\($0.0): \($0.1)" }
            return reply
        }
        // Tokens are answers; from then on they are secrets.
        let form =
            "grant_type=password&service=stowage&client_id=x&access_type=offline&username=alice&password="
            + SampleAccount.alice.password + "&scope=repository:app:pull,push,delete"
        let type = [("Content-Type", "application/x-www-form-urlencoded")]
        let answer = try await server.client.expect(200, "POST", "/token", type, .counted(Array(form.utf8)))
        let object = try #require(try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any])
        let token = try #require(object["token"] as? String)
        let refresh = try #require(object["refresh_token"] as? String)
        secrets += [token, refresh]
        let wrong = SampleAccount.basic("alice", "PASSWORD-of-nobody")
        secrets += ["PASSWORD-of-nobody", String(wrong[0].1.dropFirst("Basic ".count))]
        let bearer = [("Authorization", "Bearer \(token)")]
        let blob = Content("layer")
        let manifest = Content.manifest(config: blob, layers: [])
        for credentials in [
            alice, robot, bearer, wrong, [], [("Authorization", "Bearer \(token)x")], [("Authorization", "\(key)")],
        ] {
            let upload = try await send("POST", "/v2/app/blobs/uploads/", credentials, .counted([]))
            if let location = upload["Location"] {
                secrets += [String(location.split(separator: "/").last ?? "")].filter { $0.count > 16 }
                _ = try await send("PATCH", location, credentials, .counted(blob.bytes))
                _ = try await send("PUT", location.closing(blob.digest), credentials, .counted(blob.bytes))
            }
            _ = try await send("PUT", "/v2/app/manifests/one", credentials, .counted(manifest.bytes))
            for path in [
                "/v2/", "/v2/_catalog", "/v2/app/tags/list", "/v2/app/blobs/\(blob.digest)", "/v2/app/manifests/one",
                "/v2/app/referrers/\(blob.digest)", "/v2/secret/app/tags/list", "/healthz", "/readyz", "/metrics",
                "/api/v1/stats", "/token", "/token?password=\(SampleAccount.alice.password)", "/elsewhere",
            ] {
                for method in ["GET", "HEAD", "POST", "DELETE"] { _ = try await send(method, path, credentials) }
            }
        }
        for text in [
            "grant_type=refresh_token&service=stowage&refresh_token=\(refresh)x", form + "x", "password=" + secret,
        ] {
            _ = try await server.client.send("POST", "/token", type, .counted(Array(text.utf8)))
        }
        for name in ["users", "robots", "keys"] { try folder.write("\(secret) x\n", to: name) }
        try await eventually { server.process.errors.lines.count { $0.contains(" cannot be used, ") } == 3 }
        #expect(try await server.stop() == .status(0))
        try await eventually { server.process.errors.isAtEnd && server.process.output.isAtEnd }
        let audit = try String(contentsOfFile: folder.file("audit"), encoding: .utf8)
        let written = [server.process.errors.text, server.process.output.text, audit, replies.joined(separator: "\n")]
        #expect(audit.split(separator: "\n").count > 50 && written[0].split(separator: "\n").count > 300)
        for secret in secrets {
            for (index, text) in written.enumerated() where index < 3 || !secret.contains("/") {
                // The Location of an upload is for its client.
                let leaks = text.split(separator: "\n").filter { $0.contains(secret) && !$0.hasPrefix("Location: ") }
                #expect(leaks.isEmpty, "\(secret.prefix(40)) in \(index): \(leaks.first ?? "")")
            }
        }
    }
    /// With a presigned URL anybody reads the blob for a while.
    @Test(.s3) func aPresignedURLIsForItsClientOnly() async throws {
        let place = S3Place(on: try await OwnThread.run { try S3Server.shared() })
        let key = String(repeating: "k", count: 43) + "\n"
        let folder = try ConfigurationFolder(Self.settings, ["users": SampleAccount.file, "keys": key])
        _ = try await folder.makeRobot("ci")
        let server = try await ServerProcess(
            storage: place.location, ["--config", folder.path, "--pull-mode", "redirect"] + place.options(),
            environment: S3Server.environment)
        let alice = SampleAccount.basic(SampleAccount.alice)
        // Redirected from 16 KiB on.
        let blob = Content(sampleBytes(64 << 10))
        try await server.client.expect(
            201, "POST", "/v2/app/blobs/uploads/?digest=\(blob.digest)", alice, .counted(blob.bytes))
        let target = "/v2/app/blobs/\(blob.digest)"
        let reply = try await server.client.expect(307, "GET", target, alice)
        let location = try #require(reply["Location"])
        let signature = try #require(location.split(separator: "X-Amz-Signature=").dropFirst().first?.prefix(64))
        #expect(signature.count == 64 && signature.allSatisfy(\.isHexDigit))
        let metrics = try await server.client.expect(200, "GET", "/metrics", alice)
        try await server.client.expect(401, "GET", target)
        #expect(try await server.stop() == .status(0))
        try await eventually { server.process.errors.isAtEnd && server.process.output.isAtEnd }
        let audit = try String(contentsOfFile: folder.file("audit"), encoding: .utf8)
        let written = [server.process.errors.text, server.process.output.text, audit]
        #expect(written[0].contains(blob.digest.string) && audit.contains(blob.digest.string))
        for text in written + [String(decoding: metrics.body, as: UTF8.self)] {
            for secret in [String(signature), "X-Amz-", "Signature=", S3Server.secretAccessKey] {
                #expect(!text.contains(secret), "\(secret)")
            }
        }
    }
}
