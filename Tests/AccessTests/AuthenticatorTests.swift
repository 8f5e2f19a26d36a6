import OCI
import TestSupport
import Testing

@testable import Access

/// Who a client is, by each method, and when that ends.
@Suite struct AuthenticatorTests {
    private let now = 1_800_000_000
    private let secret = RobotSecret()

    private func robots(expires: Int? = nil, _ name: String = "ci") throws -> String {
        var table = RobotTable()
        table.insert(try Robot(name: name, description: "", created: 0, expires: expires, secret: secret))
        return String(decoding: table.bytes, as: UTF8.self)
    }

    private func identify(
        _ methods: Authenticator.Methods, _ credentials: ClientCredentials, certificate: String? = nil,
        throttle: LoginThrottle = LoginThrottle()
    ) async throws -> Authentication {
        try await Authenticator(methods, throttle: throttle, now: { [now] in now })
            .authenticate(credentials, certificateName: certificate, address: "192.0.2.1")
    }

    @Test func nobody() async throws {
        let nobody = try await identify(Authenticator.Methods(), .none)
        #expect(nobody.identity == .anonymous && nobody.scopes == nil)
        // A certificate counts only where it is asked for.
        #expect(try await identify(Authenticator.Methods(), .none, certificate: "alice").identity == .anonymous)
        for wrong: ClientCredentials in [
            .basic(user: "alice", password: "x"), .basic(user: "robot+ci", password: "x"), .bearer("a.b.c"),
        ] {
            await #expect(throws: AuthenticationError.self) { try await identify(Authenticator.Methods(), wrong) }
        }
    }

    @Test func certificates() async throws {
        var methods = Authenticator.Methods()
        methods.acceptsCertificates = true
        #expect(
            try await identify(methods, .none, certificate: "alice").identity
                == Identity(.certificate, name: "cert:alice"))
        #expect(try await identify(methods, .none, certificate: "").identity == .anonymous)
        // Credentials that are sent decide alone.
        await #expect(throws: AuthenticationError.self) {
            try await identify(methods, .basic(user: "a", password: "b"), certificate: "alice")
        }
    }

    @Test func robots() async throws {
        let file = try ScratchFile(try robots())
        var methods = Authenticator.Methods()
        methods.robots = try RobotFile(path: file.path)
        let right = ClientCredentials.basic(user: "robot+ci", password: secret.text)
        let robot = try await identify(methods, right)
        #expect(robot.identity == Identity(.robot, name: "robot+ci"))
        await #expect(throws: AuthenticationError.self) {
            try await identify(methods, .basic(user: "robot+ci", password: RobotSecret().text))
        }
        try file.replace(try robots("other"))
        try methods.robots?.reload()
        await #expect(throws: AuthenticationError.self) { try await identify(methods, right) }
    }

    @Test func aRevokedRobotsTokensEndWithIt() async throws {
        let file = try ScratchFile(try robots(expires: now + 100))
        var methods = Authenticator.Methods()
        let robotFile = try RobotFile(path: file.path)
        let tokens = TokenService(
            keys: [SigningKey(secret: [UInt8](repeating: 1, count: SigningKey.minimumLength))], service: "s")
        (methods.robots, methods.tokens) = (robotFile, tokens)
        let robot = try await identify(methods, .basic(user: "robot+ci", password: secret.text))
        let scope = TokenScope(.repository(try RepositoryName("a")), actions: ["pull"])
        let access = try await tokens.access(
            AccessToken(identity: robot.identity, scopes: [scope], fingerprint: robot.fingerprint, expiry: now + 300),
            now: now)
        let refresh = try await tokens.refresh(
            robot.identity, fingerprint: robot.fingerprint, lifetime: 10_000, now: now)
        func check(_ time: Int) async throws -> [TokenScope]? {
            let authenticator = Authenticator(methods, throttle: LoginThrottle(), now: { time })
            let refreshed = try await authenticator.authenticate(refresh: refresh)
            #expect(refreshed.identity == robot.identity && refreshed.scopes == nil)
            return try await authenticator.authenticate(.bearer(access), address: "a").scopes
        }
        #expect(try await check(now + 99) == [scope])
        await #expect(throws: AuthenticationError.self) { try await check(now + 100) }
        try file.replace(try robots("other"))
        try robotFile.reload()
        await #expect(throws: AuthenticationError.self) { try await check(now) }
        // Without the file there is no such account either.
        methods.robots = nil
        await #expect(throws: AuthenticationError.self) { try await check(now) }
    }

    @Test func guessesAreSlowedDown() async throws {
        #expect(try await throttled(tries: (0..<30).map { "guess \($0)" }) > 20)
    }

    /// Some clients send a password that was refused five times more.
    @Test func anOldPasswordThatIsTriedAgainAndAgainIsNot() async throws {
        #expect(try await throttled(tries: Array(repeating: "old", count: 30)) == 0)
    }

    /// How many of the tries were told to wait.
    private func throttled(tries: [String]) async throws -> Int {
        let file = try ScratchFile(try robots())
        var methods = Authenticator.Methods()
        methods.robots = try RobotFile(path: file.path)
        let throttle = LoginThrottle()
        var throttled = 0
        for secret in tries {
            do {
                _ = try await identify(methods, .basic(user: "robot+ci", password: secret), throttle: throttle)
                Issue.record("logged in with \(secret)")
            } catch AuthenticationError.throttled(let seconds) {
                #expect(seconds > 0)
                throttled += 1
            } catch {}
        }
        return throttled
    }
}
