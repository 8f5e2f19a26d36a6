import EventLoop
import Foundation
import Glibc
import TestSupport
import Testing

/// The methods of saying who one is, all at once, as the program takes them: robots, issuers and client certificates.
@Suite(.timeLimit(.minutes(2))) struct IdentityServerTests {
    private static let issuer = "https://ci.example"
    private static let settings = """
        access:
          htpasswd: {file: '@/users'}
          robots: {file: '@/robots'}
          tokens: {keyFile: '@/keys'}
          issuers:
            - name: ci
              issuer: \(issuer)
              audience: registry
              keysFile: '@/issuer'
              groupsClaim: groups
              claims: [branch]
            - name: down
              issuer: http://127.0.0.1:PORT
              audience: registry
          rules:
            - {who: ['user:alice'], allow: [pull, push], repositories: ['people/**']}
            - {who: ['user:robot+ci'], allow: [pull, push], repositories: ['robots/**']}
            - {who: ['user:ci:build'], allow: [push], repositories: ['named/**']}
            - {who: ['group:ci:builders'], allow: [push], repositories: ['grouped/**']}
            - {who: ['claim:ci:branch=main'], allow: [push], repositories: ['claimed/**']}
            - {who: ['user:cert:agent'], allow: [push], repositories: ['agents/**']}
            - {who: ['user:down:*'], allow: [push], repositories: ['down/**']}
            - {who: [anonymous], allow: [pull], repositories: ['public/**']}
        audit: {file: '@/audit'}

        """

    /// A server with all of it.
    private struct Served {
        let server: ServerProcess
        let folder: ConfigurationFolder
        let ci: TokenIssuer
        /// The secret of `robot+ci`.
        let secret: String
        /// The URL of the issuer that is down.
        let down: String

        /// The status of an attempt to push to the repository.
        func push(_ repository: String, _ credentials: [(String, String)]) async throws -> Int {
            try await server.client.send("POST", "/v2/\(repository)/blobs/uploads/", credentials, .counted([])).status
        }

        /// A token of this registry for whoever has these credentials.
        func token(for repository: String, _ credentials: [(String, String)]) async throws -> [(String, String)] {
            let target = "/token?service=stowage&scope=repository:\(repository):pull,push"
            let reply = try await server.client.expect(200, "GET", target, credentials)
            let object = try JSONSerialization.jsonObject(with: Data(reply.body)) as? [String: Any]
            return bearer(try #require(object?["token"] as? String))
        }

        func bearer(_ token: String) -> [(String, String)] { [("Authorization", "Bearer \(token)")] }
    }

    private func serve(
        _ more: String = "", options: [String] = [], _ body: (Served) async throws -> Void
    ) async throws {
        let ci = try await TokenIssuer()
        let closed = try ClosedPort()
        let text = more + Self.settings.replacing("PORT", with: "\(closed.number)")
        let key = String(repeating: "k", count: 43) + "\n"
        let folder = try ConfigurationFolder(
            text, ["users": SampleAccount.file, "keys": key, "issuer": ci.keys])
        let secret = try await folder.makeRobot("ci")
        try await withServerProcess(["--config", folder.path] + options) { server in
            try await body(
                Served(
                    server: server, folder: folder, ci: ci, secret: secret, down: "http://127.0.0.1:\(closed.number)"))
        }
        withExtendedLifetime(closed) {}
    }

    // MARK: Robots

    @Test func aRobotLogsInUntilItIsRevoked() async throws {
        try await serve { served in
            let robot = SampleAccount.basic("robot+ci", served.secret)
            let token = try await served.token(for: "robots/app", robot)
            for credentials in [robot, token] {
                #expect(try await served.push("robots/app", credentials) == 202)
            }
            #expect(try await served.push("people/app", robot) == 403)
            // A secret is the account's own.
            #expect(try await served.push("robots/app", SampleAccount.basic("robot+cd", served.secret)) == 401)
            #expect(try await served.push("people/app", SampleAccount.basic("alice", served.secret)) == 401)

            let run = try await ProgramRun(["robot", "revoke", "ci", "--config", served.folder.path])
            #expect(run.ending == .status(0), "\(run)")
            try await served.server.logged("notice the robot file has changed and was read again")
            for credentials in [robot, token] {
                #expect(try await served.push("robots/app", credentials) == 401)
            }
            try await served.server.client.expect(401, "GET", "/token?service=stowage", robot)
            #expect(try await served.push("people/app", SampleAccount.basic(SampleAccount.alice)) == 202)
        }
    }

    // MARK: Issuers

    @Test func anIssuersTokenIsGoodInEveryPlaceAndItsClaimsDecide() async throws {
        try await serve { served in
            let ci = served.ci
            let plain = try await ci.token(of: Self.issuer)
            let build = try await ci.token(of: Self.issuer, #","groups":["builders"],"branch":"main""#)
            let other = try await ci.token(of: Self.issuer, subject: "x", #","groups":["people"],"branch":"dev""#)
            for credentials in [served.bearer(build), SampleAccount.basic("any", build)] {
                for name in ["named/app", "grouped/app", "claimed/app"] {
                    #expect(try await served.push(name, credentials) == 202, "\(name)")
                    // Docker and others ask for a token of the registry first.
                    #expect(try await served.push(name, try await served.token(for: name, credentials)) == 202)
                }
                #expect(try await served.push("people/app", credentials) == 403)
            }
            #expect(try await served.push("named/app", served.bearer(plain)) == 202)
            for name in ["grouped/app", "claimed/app"] {
                #expect(try await served.push(name, served.bearer(plain)) == 403)
                #expect(try await served.push(name, served.bearer(other)) == 403)
            }
            let stranger = try await TokenIssuer()
            let wrong = [
                try await ci.token(of: Self.issuer, lifetime: -300), try await ci.token(of: "https://other.example"),
                try await stranger.token(of: Self.issuer), build + "A",
            ]
            for token in wrong {
                for credentials in [served.bearer(token), SampleAccount.basic("any", token)] {
                    #expect(try await served.push("named/app", credentials) == 401)
                }
            }
        }
    }

    /// What outlives the issuer's own token would be good for longer than the issuer says.
    @Test func onlyAccountsOfThisRegistryGetTokensThatGetOthers() async throws {
        try await serve { served in
            let build = try await served.ci.token(of: Self.issuer)
            let form = [("Content-Type", "application/x-www-form-urlencoded")]
            for (user, password, isGiven) in [
                ("alice", SampleAccount.alice.password, true), ("robot+ci", served.secret, true), ("any", build, false),
            ] {
                let login = SampleAccount.basic(user, password)
                let escaped = password.replacing("+", with: "%2B").replacing("=", with: "%3D").replacing(
                    "/", with: "%2F")
                let body =
                    "grant_type=password&service=stowage&client_id=x&access_type=offline&scope="
                    + "&username=\(user.replacing("+", with: "%2B"))&password=\(escaped)"
                let replies = [
                    try await served.server.client.expect(
                        200, "GET", "/token?service=stowage&offline_token=true", login),
                    try await served.server.client.expect(200, "POST", "/token", form, .counted(Array(body.utf8))),
                ]
                for reply in replies {
                    let object = try JSONSerialization.jsonObject(with: Data(reply.body)) as? [String: Any]
                    #expect(object?["token"] is String)
                    #expect((object?["refresh_token"] != nil) == isGiven, "\(user)")
                }
            }
        }
    }

    @Test func otherKeysInAnIssuersFileCountWithoutASignal() async throws {
        try await serve { served in
            let old = served.bearer(try await served.ci.token(of: Self.issuer))
            let next = try await TokenIssuer("two")
            let new = served.bearer(try await next.token(of: Self.issuer))
            #expect(try await served.push("named/app", old) == 202)
            try served.folder.write(#"{"keys":[]}"#, to: "issuer")
            let line = try await served.server.logged("error the key file of issuer ci has changed and cannot be used")
            #expect(line.contains("\(served.folder.file("issuer")): none of the 0 keys is a public key"))
            #expect(try await served.push("named/app", old) == 202)
            try served.folder.write(next.keys, to: "issuer")
            try await served.server.logged("notice the key file of issuer ci has changed and was read again")
            // Tokens that were accepted before are forgotten with the key that had signed them.
            #expect(try await served.push("named/app", old) == 401)
            #expect(try await served.push("named/app", new) == 202)
            #expect(served.server.process.errors.lines.count { $0.contains("error the key file") } == 1)
            // A reload of the settings reads it, too, and a bad one changes nothing.
            try served.folder.write("{", to: "issuer")
            served.server.process.send(SIGHUP)
            try await served.server.logged("not reloaded: \(served.folder.path):9: access.issuers: keysFile: ")
            #expect(try await served.push("named/app", new) == 202)
        }
    }

    @Test func anIssuerThatIsDownTakesNobodyElseWithIt() async throws {
        try await serve { served in
            let client = served.server.client
            let token = try await served.ci.token(of: served.down)
            for credentials in [served.bearer(token), SampleAccount.basic("any", token)] {
                #expect(try await served.push("down/app", credentials) == 503)
                try await client.expect(503, "GET", "/v2/public/app/tags/list", credentials)
                try await client.expect(503, "GET", "/token?service=stowage", credentials)
            }
            let line = try await served.server.logged("warning issuer down: ")
            #expect(line.contains("\(served.down)/.well-known/openid-configuration did not answer"))
            let alice = SampleAccount.basic(SampleAccount.alice)
            #expect(try await served.push("people/app", alice) == 202)
            #expect(try await served.push("people/app", try await served.token(for: "people/app", alice)) == 202)
            #expect(try await served.push("robots/app", SampleAccount.basic("robot+ci", served.secret)) == 202)
            let build = try await served.ci.token(of: Self.issuer)
            #expect(try await served.push("named/app", served.bearer(build)) == 202)
            try await client.expect(404, "GET", "/v2/public/app/tags/list")
            try await client.expect(200, "GET", "/readyz")
        }
    }

    // MARK: Client certificates

    @Test func theNameInAClientsCertificateDecides() async throws {
        let authority = try await CertificateAuthority()
        let server = try await authority.issue("server")
        let agent = try await authority.issue("agent", subject: "/CN=agent", names: "")
        let other = try await authority.issue("other", subject: "/CN=alice", names: "")
        let stranger = try await CertificateAuthority("Nobody's").issue("agent", subject: "/CN=agent", names: "")
        let tls = """
            tls:
              listen: 127.0.0.1:0
              certificate: \(server.certificate)
              key: \(server.key)
              clientCA: \(authority.certificate)
              clientCertificates: optional

            """
        try await serve(tls) { served in
            try await eventually { served.server.process.output.lines.count == 4 }
            let line = try #require(served.server.process.output.lines.first { $0.contains("https://") })
            let url = String(try #require(line.split(separator: " ").last)).replacing("127.0.0.1", with: "localhost")
            /// The status of an attempt to push; 000 if there was no answer.
            func push(_ repository: String, _ pair: CertificatePair?, _ more: String...) async throws -> String {
                let certificate = pair.map { ["--cert", $0.certificate, "--key", $0.key] } ?? []
                return try await ProcessRun(
                    ["curl", "--silent", "--max-time", "20", "--cacert", authority.certificate, "--request", "POST"]
                        + ["--output", "/dev/null", "--write-out", "%{http_code}", "--data", ""] + certificate + more
                        + ["\(url)/v2/\(repository)/blobs/uploads/"]
                ).output
            }
            #expect(try await push("agents/app", agent) == "202")
            #expect(try await push("people/app", agent) == "403")
            // The certificate's names are not those of people.
            #expect(try await push("people/app", other) == "403")
            #expect(try await push("agents/app", other) == "403")
            #expect(try await push("agents/app", nil) == "401")
            #expect(try await push("agents/app", stranger) == "000")
            // Who also shows credentials is whom they say.
            let alice = "\(SampleAccount.alice.name):\(SampleAccount.alice.password)"
            #expect(try await push("people/app", agent, "--user", alice) == "202")
            #expect(try await push("agents/app", agent, "--user", alice) == "403")
            #expect(try await push("agents/app", agent, "--user", alice + "x") == "401")
            let audit = try String(contentsOfFile: served.folder.file("audit"), encoding: .utf8)
            #expect(audit.contains(#""user":"cert:agent","login":"certificate""#))
        }
    }
}

/// A port of this machine that nobody listens on, and nobody else gets.
private final class ClosedPort {
    private let descriptor: OwnedDescriptor
    let number: UInt16

    init() throws {
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        descriptor = OwnedDescriptor(try Posix.call("socket") { socket(AF_INET, kind, 0) })
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = descriptor.number
        _ = try withUnsafeMutablePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                _ = try Posix.call("bind") { bind(bound, pointer, length) }
                return try Posix.call("getsockname") { getsockname(bound, pointer, &length) }
            }
        }
        number = UInt16(bigEndian: address.sin_port)
    }
}
