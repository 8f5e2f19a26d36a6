import Access
import Foundation
import HTTPServer
import OCI
import RegistryAPI
import Synchronization
import TestSupport
import Testing

/// People, robots, rules and tokens as a configuration would have them, behind the real server.
final class AccessFixture: Sendable {
    /// Users of the password file; the password is `pw-` and the name.
    static let people = ["alice", "bob", "carol", "dave", "erin"]

    /// As `htpasswd -B -C 4` writes them.
    private static let passwords = """
        alice:$2y$04$abcdefghijklmnopqrstuubIj5vubMFhN3h8AvRpNzIV5HMyWypXe
        bob:$2y$04$abcdefghijklmnopqrstuuaBn.QTT4L8V6ACVkz/AJOa5GTjk/gBG
        carol:$2y$04$abcdefghijklmnopqrstuuwvXABtNCRszAI9IQmrRgWf4h8Gpg4Zm
        dave:$2y$04$abcdefghijklmnopqrstuuUvz5pgG79Ie36kXaSyVQcXUk528agnW
        erin:$2y$04$abcdefghijklmnopqrstuu84llCubo5q8rbXFuGKwQmTabPOhuT/u

        """

    let directory: TemporaryDirectory
    let passwords: PasswordFile
    let tokens: TokenService
    let events = Guarded<[AuditEvent]>([])
    let now = Guarded(1_800_000_000)
    private let policy: Mutex<Policy>
    private let change: @Sendable (inout AccessController.Settings) -> Void

    init(
        _ policy: Policy, _ change: @escaping @Sendable (inout AccessController.Settings) -> Void = { _ in }
    ) throws {
        directory = try TemporaryDirectory()
        self.policy = Mutex(policy)
        self.change = change
        try Data(Self.passwords.utf8).write(to: URL(filePath: "\(directory.path)/passwords"))
        passwords = try PasswordFile(path: "\(directory.path)/passwords", work: TestServer.blockingWork)
        tokens = TokenService(
            keys: [SigningKey(secret: [UInt8](repeating: 7, count: SigningKey.minimumLength))], service: "registry.test"
        )
    }

    /// The controller a server gets.
    var controller: AccessController {
        var methods = Authenticator.Methods()
        methods.passwords = passwords
        methods.tokens = tokens
        let authenticator = Authenticator(methods, throttle: LoginThrottle(), now: { [now] in now.value })
        var settings = AccessController.Settings(authenticator: authenticator, policy: policy.withLock { $0 })
        settings.service = "registry.test"
        settings.tokens = TokenSettings(service: tokens)
        settings.tokens?.refreshLifetime = 86_400
        settings.origin = { request in request.head.value("Host").map { "http://\($0)" } }
        settings.audit = { [events] event in events.change { $0.append(event) } }
        change(&settings)
        return AccessController(settings)
    }

    /// Runs `body` with a server on a fresh store.
    func serve<Value>(
        on kind: StoreKind = .memory, _ settings: TestServer.Settings = TestServer.Settings(),
        _ body: (TestServer) async throws -> Value
    ) async throws -> Value {
        var settings = settings
        settings.access = controller
        return try await withServer(on: kind, settings, body)
    }

    /// Other rules from the next request on, as after a reload.
    func use(_ policy: Policy, on server: TestServer) {
        self.policy.withLock { $0 = policy }
        server.handler.settings.access = controller
    }

    /// Makes the password file what `edit` makes of it.
    func editPasswords(_ edit: (String) -> String) throws {
        let path = "\(directory.path)/passwords"
        let text = try String(contentsOf: URL(filePath: path), encoding: .utf8)
        try Data(edit(text).utf8).write(to: URL(filePath: path))
        try passwords.reload()
    }

    /// A token the registry could have given out.
    func token(_ identity: Identity, _ scopes: String...) async throws -> (String, String) {
        try await token(identity, scopes)
    }

    func token(_ identity: Identity, _ scopes: [String]) async throws -> (String, String) {
        let scopes = try scopes.map { text in
            let parts = text.split(separator: ":")
            return TokenScope(
                parts[0] == "registry" ? .catalog : .repository(try RepositoryName(String(parts[1]))),
                actions: Set(parts[2].split(separator: ",").map(String.init)))
        }
        let fingerprint = identity.method == .password ? passwords.fingerprint(of: identity.name) ?? "" : ""
        let token = try await tokens.access(
            AccessToken(identity: identity, scopes: scopes, fingerprint: fingerprint, expiry: now.value + 300),
            now: now.value)
        return ("Authorization", "Bearer \(token)")
    }
}

/// The field of a login by name and password.
func basic(_ user: String, _ password: String? = nil) -> (String, String) {
    ("Authorization", "Basic \(Data("\(user):\(password ?? "pw-\(user)")".utf8).base64EncodedString())")
}

extension Policy {
    /// Rules in one line each: `allow pull,push to user:alice in team/** tags v*`.
    init(_ lines: String...) throws {
        try self.init(
            rules: lines.map { line in
                let words = line.split(separator: " ").map(String.init)
                func list(_ word: String) -> [String]? {
                    guard let index = words.firstIndex(of: word) else { return nil }
                    return words[index + 1].split(separator: ",").map(String.init)
                }
                return try Rule(
                    subjects: list("to") ?? [], allow: list("allow"), deny: list("deny"), repositories: list("in"),
                    tags: list("tags"))
            })
    }
}

/// What is the same in answers that tell nothing apart: everything but the date and the request's own id.
struct Shown: Hashable, CustomStringConvertible {
    let status: Int
    let fields: [String]
    let body: String

    /// `names`: what the request itself named, repositories and digests.
    init(_ reply: Reply, without names: String...) {
        func plain(_ text: String) -> String {
            names.reduce(text) { $0.replacingOccurrences(of: $1, with: "NAME") }
        }
        status = reply.status
        fields = reply.fields.filter { !["date", "x-request-id"].contains($0.name.lowercased()) }
            .map { plain("\($0.name): \($0.value)") }
        body = plain(reply.text)
    }

    var description: String { "\(status) \(fields) \(body)" }
}
