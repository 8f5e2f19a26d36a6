import EventLoop
import Foundation
import Glibc
import TestSupport
import Testing

@testable import stowage

/// A server with logins and rules as a process: who gets in, what is audited, and what a reload changes.
@Suite struct LoginServerTests {
    private static let settings = """
        access:
          htpasswd:
            file: @/users
          challenge: basic
          groups:
            dev: [alice]
          rules:
            - {who: ['group:dev'], allow: [pull, push, overwrite, delete]}
            - {who: ['user:bob'], allow: [admin]}
            - {who: [anonymous], allow: [pull], repositories: [public/**]}
        audit:
          file: @/audit

        """

    private struct Served {
        let server: ServerProcess
        let folder: ConfigurationFolder

        /// The lines of the audit log as soon as there are so many.
        func audit(_ count: Int, in name: String = "audit") async throws -> [[String: String]] {
            var lines: [[String: String]] = []
            try await eventually {
                lines = try self.lines(in: name)
                return lines.count >= count
            }
            return lines
        }

        /// The lines of the audit log as it is now.
        func lines(in name: String = "audit") throws -> [[String: String]] {
            // There is none yet.
            guard let text = try? String(contentsOfFile: folder.file(name), encoding: .utf8) else { return [] }
            return try text.split(separator: "\n").map { line in
                let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
                return object.mapValues { "\($0)" }
            }
        }
    }

    private func serve(
        _ text: String = settings, _ more: [String] = [], files: [String: String] = ["users": SampleAccount.file],
        _ body: (Served) async throws -> Void
    ) async throws {
        let folder = try ConfigurationFolder(text, files)
        try await withServerProcess(["--config", folder.path] + more) { server in
            try await body(Served(server: server, folder: folder))
        }
    }

    private let alice = SampleAccount.basic(SampleAccount.alice)
    private let bob = SampleAccount.basic(SampleAccount.bob)
    private let wrong = SampleAccount.basic("alice", "PASSWORD-of-bob")

    @Test func theRulesDecide() async throws {
        try await serve { served in
            let client = served.server.client
            let refused = try await client.expect(401, "GET", "/v2/")
            #expect(refused["WWW-Authenticate"]?.hasPrefix("Basic realm=") == true)
            try await client.expect(200, "GET", "/v2/", alice)
            try await client.expect(401, "GET", "/v2/", wrong)
            try await client.expect(202, "POST", "/v2/app/blobs/uploads/", alice, .counted([]))
            try await client.expect(403, "POST", "/v2/app/blobs/uploads/", bob, .counted([]))
            try await client.expect(404, "GET", "/v2/public/app/manifests/latest")
            try await client.expect(401, "GET", "/v2/private/manifests/latest")
            #expect(served.server.process.output.lines.last?.hasPrefix("try: docker login 127.0.0.1:") == true)
        }
    }

    @Test func operatorsEndpointsAreForAdministrators() async throws {
        try await serve { served in
            let client = served.server.client
            try await client.expect(200, "GET", "/healthz")
            for path in ["/metrics", "/api/v1/stats"] {
                try await client.expect(401, "GET", path)
                try await client.expect(403, "GET", path, alice)
            }
            for credentials in [[], wrong] {
                #expect(try await client.expect(200, "GET", "/readyz", credentials).text == "ok\n")
            }
            try await client.expect(401, "GET", "/v2/", wrong)
            let metrics = try Exposition(try await client.expect(200, "GET", "/metrics", bob).text)
            #expect(metrics.value("stowage_login_failures_total") == 1)
            #expect(metrics.value("stowage_denied_requests_total") == 2)
        }
    }

    // MARK: Audit

    @Test func whatIsChangedOrRefusedIsALine() async throws {
        try await serve { served in
            let client = served.server.client
            let blob = Content("layer")
            let target = "/v2/team/app/blobs/uploads/?digest=\(blob.digest)"
            let id = [("X-Request-Id", "the-push")]
            try await client.expect(201, "POST", target, alice + id, .counted(blob.bytes))
            try await client.expect(403, "POST", target, bob, .counted(blob.bytes))
            try await client.expect(200, "GET", "/v2/team/app/blobs/\(blob.digest)", alice)
            try await client.expect(401, "GET", "/v2/", wrong)
            let lines = try await served.audit(3)
            try #require(lines.count == 3)
            var push = lines[0]
            #expect(push.removeValue(forKey: "time")?.hasSuffix("Z") == true)
            #expect(
                push == [
                    "outcome": "done", "user": "alice", "login": "password", "client": "127.0.0.1", "method": "POST",
                    "endpoint": "upload", "action": "push", "repository": "team/app",
                    "rule": "\(served.folder.path):8", "status": "201", "requestID": "the-push",
                ])
            #expect(lines[1]["outcome"] == "refused" && lines[1]["user"] == "bob" && lines[1]["rule"] == nil)
            // Nobody is named by credentials that are not good.
            #expect(lines[2]["outcome"] == "refused" && lines[2]["user"] == "anonymous" && lines[2]["status"] == "401")
            let mode = try FileManager.default.attributesOfItem(atPath: served.folder.file("audit"))[.posixPermissions]
            #expect(mode as? Int == 0o600)
        }
    }

    /// Also with credentials that are none; a probe that is told less than an administrator is not refused.
    @Test func whoIsRefusedAnOperatorsEndpointIsALine() async throws {
        try await serve { served in
            let client = served.server.client
            let broken = [("Authorization", "Basic ?")]
            for credentials in [[], wrong, broken] { try await client.expect(200, "GET", "/readyz", credentials) }
            try await client.expect(405, "POST", "/metrics")
            try await client.expect(200, "GET", "/metrics", bob)
            try await client.expect(401, "GET", "/metrics")
            try await client.expect(403, "GET", "/api/v1/stats", alice + [("X-Request-Id", "stats")])
            try await client.expect(401, "HEAD", "/metrics", wrong)
            try await client.expect(400, "GET", "/api/v1/stats", broken)
            // Each other wrong password after some is told to wait.
            var throttled = try await client.send("GET", "/metrics", wrong)
            for number in 0..<100 where throttled.status == 401 {
                throttled = try await client.send("GET", "/metrics", SampleAccount.basic("alice", "guess \(number)"))
            }
            #expect(throttled.status == 429 && throttled["Retry-After"] != nil)
            try await client.expect(401, "GET", "/v2/", [("X-Request-Id", "last")])
            var lines: [[String: String]] = []
            try await eventually {
                lines = try served.lines()
                return lines.last?["requestID"] == "last"
            }
            #expect(lines.prefix(4).map { $0["status"] } == ["401", "403", "401", "400"])
            #expect(lines.prefix(4).map { $0["method"] } == ["GET", "GET", "HEAD", "GET"])
            #expect(lines.dropLast().last?["status"] == "429")
            #expect(lines.dropLast().allSatisfy { $0["endpoint"] == "operations" && $0["action"] == "admin" })
            var refused = try #require(lines.count > 1 ? lines[1] : nil)
            refused["time"] = nil
            #expect(
                refused == [
                    "outcome": "refused", "user": "alice", "login": "password", "client": "127.0.0.1", "method": "GET",
                    "endpoint": "operations", "action": "admin", "status": "403", "requestID": "stats",
                ])
        }
    }

    @Test func aFileThatWasRenamedIsFollowedByANewOne() async throws {
        try await serve { served in
            try await served.server.client.expect(401, "GET", "/v2/")
            _ = try await served.audit(1)
            try #require(rename(served.folder.file("audit"), served.folder.file("audit.1")) == 0)
            served.server.process.send(SIGHUP)
            try await served.server.logged("configuration reloaded")
            try await served.server.client.expect(401, "GET", "/v2/", wrong)
            #expect(try await served.audit(1).count == 1)
            #expect(try await served.audit(1, in: "audit.1").count == 1)
        }
    }

    @Test func withoutAFileTheLinesAreOnStandardOutput() async throws {
        let text = Self.settings.split(separator: "audit:")[0]
        try await serve(String(text)) { served in
            try await served.server.client.expect(401, "GET", "/v2/", [("X-Request-Id", "out-1")])
            try await eventually { served.server.process.output.lines.count == 4 }
            #expect(served.server.process.output.lines[3].contains("\"requestID\":\"out-1\""))
        }
    }

    // MARK: Reload

    @Test func newPasswordsCountWithoutASignal() async throws {
        try await serve { served in
            let client = served.server.client
            try await client.expect(200, "GET", "/v2/", alice)
            try served.folder.write("nonsense\n", to: "users")
            try await served.server.logged("error the htpasswd file has changed and cannot be used")
            try await client.expect(200, "GET", "/v2/", alice)
            try served.folder.write(SampleAccount.bob.line + "\n", to: "users")
            try await served.server.logged("notice the htpasswd file has changed and was read again")
            try await client.expect(401, "GET", "/v2/", alice)
            #expect(served.server.process.errors.lines.count { $0.contains("error the htpasswd") } == 1)
        }
    }

    @Test func rulesAndGroupsChangeOnASignal() async throws {
        try await serve { served in
            let client = served.server.client
            let target = "/v2/app/blobs/uploads/"
            try await client.expect(403, "POST", target, bob, .counted([]))
            try served.folder.write(Self.settings.replacing("[alice]", with: "[bob]"), to: "stowage.yaml")
            served.server.process.send(SIGHUP)
            try await served.server.logged("configuration reloaded")
            try await client.expect(202, "POST", target, bob, .counted([]))
            try await client.expect(403, "POST", target, alice, .counted([]))
            // A mistake changes nothing.
            try served.folder.write(Self.settings.replacing("group:dev", with: "group:devs"), to: "stowage.yaml")
            served.server.process.send(SIGHUP)
            try await served.server.logged(
                "not reloaded: \(served.folder.path):8: access.rules: who: names the unknown")
            try await client.expect(202, "POST", target, bob, .counted([]))
            // And so does a file that is not there.
            try served.folder.write(Self.settings.replacing("/users", with: "/nobody"), to: "stowage.yaml")
            served.server.process.send(SIGHUP)
            try await served.server.logged("not reloaded: \(served.folder.path):3: access.htpasswd.file: ")
            try await client.expect(202, "POST", target, bob, .counted([]))
        }
    }

    // MARK: Tokens and robots

    @Test func aRobotLogsInForATokenAndIsRevoked() async throws {
        let text = """
            access:
              robots:
                file: @/robots
              tokens:
                keyFile: @/keys

            """
        let folder = try ConfigurationFolder(text, ["keys": String(repeating: "k", count: 43) + "\n"])
        let secret = try await folder.makeRobot("ci")
        try await withServerProcess(["--config", folder.path]) { server in
            let client = server.client
            let challenge = try #require(try await client.expect(401, "GET", "/v2/")["WWW-Authenticate"])
            #expect(challenge.hasPrefix("Bearer realm=\"http://127.0.0.1:\(server.address.port)/token\""))
            let robot = SampleAccount.basic("robot+ci", secret)
            let target = "/token?service=stowage&scope=repository:app:pull,push"
            let token = try Self.token(try await client.expect(200, "GET", target, robot))
            let bearer = [("Authorization", "Bearer \(token)")]
            try await client.expect(202, "POST", "/v2/app/blobs/uploads/", bearer, .counted([]))
            try await client.expect(401, "POST", "/v2/other/blobs/uploads/", bearer, .counted([]))

            // Other keys: tokens of the old ones are no longer good.
            try folder.write(String(repeating: "n", count: 43) + "\n", to: "keys")
            try await server.logged("notice the token key file has changed and was read again")
            try await client.expect(401, "POST", "/v2/app/blobs/uploads/", bearer, .counted([]))
            _ = try Self.token(try await client.expect(200, "GET", target, robot))

            #expect(try await ProgramRun(["robot", "revoke", "ci", "--config", folder.path]).ending == .status(0))
            try await server.logged("notice the robot file has changed and was read again")
            try await client.expect(401, "GET", target, robot)
        }
    }

    private static func token(_ reply: Reply) throws -> String {
        let object = try JSONSerialization.jsonObject(with: Data(reply.body)) as? [String: Any]
        return try #require(object?["token"] as? String)
    }

    // MARK: Proxies

    @Test func aProxySaysWhereTheClientIs() async throws {
        try await serve("proxies: [127.0.0.1]\n" + Self.settings.replacing("basic", with: "bearer")) { served in
            let fields = [
                ("X-Forwarded-For", "6.6.6.6, 192.0.2.7"), ("X-Forwarded-Proto", "https"), ("X-Request-Id", "via-1"),
                ("Host", "registry.example"),
            ]
            let reply = try await served.server.client.expect(401, "GET", "/v2/", fields)
            #expect(reply["WWW-Authenticate"]?.contains("realm=\"https://registry.example/token\"") == true)
            #expect(try await served.server.logged("via-1").contains(" 192.0.2.7 "))
            #expect(try await served.audit(1)[0]["client"] == "192.0.2.7")
        }
        // Nobody else is believed.
        try await serve { served in
            try await served.server.client.expect(401, "GET", "/v2/", [("X-Forwarded-For", "192.0.2.7")])
            #expect(try await served.audit(1)[0]["client"] == "127.0.0.1")
        }
    }
}
