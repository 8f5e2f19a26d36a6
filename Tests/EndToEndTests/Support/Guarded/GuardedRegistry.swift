import Foundation
import TestSupport
import Testing

/// A server with TLS, every kind of login, and rules; and the files its clients and operators have.
///
/// Rules: `public/**` is everybody's to pull, `team/**` the developers' to pull and push, `shared/**` theirs to pull,
/// and everything the administrator's. `alice`, `robot+ci`, `ci:build` and `cert:agent` are developers.
final class GuardedRegistry {
    /// What the tests change between servers.
    struct Settings {
        var challenge = "bearer"
        /// Of access tokens.
        var lifetime = "5m"
        /// Whether the server has to ask the issuer for its keys; else it has them as a file.
        var discoversKeys = false
        var environment: [String: String] = [:]
    }

    /// What no client may garble on its way: the characters that URLs, forms and Basic credentials treat specially.
    static let alice = Credentials(user: "alice", password: "p:a ss+%40/ä\"x")
    static let bob = Credentials(user: "bob", password: "b0b")
    private static let admin = Credentials(user: "admin", password: "adm1n")

    let scratch: Scratch
    let settings: Settings
    let authority: CertificateAuthority
    /// The plain listener is for the tests themselves, with the administrator's credentials.
    let server: ServerProcess
    /// What clients put before a repository's name. The address leads to this machine like 127.0.0.1, but is none of
    /// those for which docker and containerd leave certificates unchecked, or use plain HTTP.
    let host: String
    let issuer: LocalIssuer
    /// The secret of `robot+ci`.
    let robot: Credentials

    /// Starts it. `prepare` writes further files into the directory before.
    init(_ scratch: Scratch, _ settings: Settings) async throws {
        self.scratch = scratch
        self.settings = settings
        authority = try await CertificateAuthority()
        issuer = try await LocalIssuer(scratch, publishedWith: settings.discoversKeys ? authority : nil)
        try await Self.installCertificate(of: authority, in: scratch)
        try scratch.write(Self.passwords, to: "passwords")
        robot = try Self.makeRobot(in: scratch)
        try scratch.write(Self.newTokenKey() + "\n", to: "token-keys")
        try scratch.write(Self.configuration(settings, scratch, authority, issuer), to: "stowage.yaml")
        server = try ServerProcess(
            Storage.directory.fresh(in: scratch), settings: ["--config", scratch.file("stowage.yaml")],
            environment: settings.environment, authorization: Self.admin.basic)
        host = "0.0.0.0:\(try server.securePort())"
        try trustAuthority()
    }

    /// bcrypt at its lowest cost, for alice, bob and admin.
    private static let passwords = """
        alice:$2y$04$abcdefghijklmnopqrstuu1To4TieFYLUgJRY8/0nILRZRe2Jry.K
        bob:$2y$04$bcdefghijklmnopqrstuvu0kLrPAxrLEe2Rphas/BnISbeG6dTezO
        admin:$2y$04$cdefghijklmnopqrstuvwuZJ5/1tSrHjnH3HzMlk3tiuFtJyGs3hm

        """

    private static func configuration(
        _ settings: Settings, _ scratch: Scratch, _ authority: CertificateAuthority, _ issuer: LocalIssuer
    ) -> String {
        """
        tls:
          listen: 127.0.0.1:0
          certificate: \(scratch.file("tls/tls.crt"))
          key: \(scratch.file("tls/tls.key"))
          clientCA: \(authority.certificate)
          clientCertificates: optional
        access:
          htpasswd: {file: \(scratch.file("passwords"))}
          robots: {file: \(scratch.file("robots"))}
          challenge: \(settings.challenge)
          tokens: {keyFile: \(scratch.file("token-keys")), lifetime: \(settings.lifetime)}
          issuers:
            - name: ci
              issuer: \(issuer.url)
              audience: registry
              \(settings.discoversKeys ? "caFile: \(authority.certificate)" : "keysFile: \(issuer.keysFile)")
          groups:
            developers: [alice, robot+ci, 'ci:build', 'cert:agent']
          rules:
            - {who: ['user:admin'], allow: [pull, push, overwrite, delete]}
            - {who: [everybody], allow: [pull], repositories: ['public/**']}
            - {who: ['group:developers'], allow: [pull, push], repositories: ['team/**']}
            - {who: ['group:developers'], allow: [pull], repositories: ['shared/**']}
        audit: {file: \(scratch.file("audit.log"))}

        """
    }

    // MARK: Certificates and keys

    /// Puts a new certificate of the server where it finds it, as Kubernetes does: by a link that is replaced.
    static func installCertificate(of authority: CertificateAuthority, in scratch: Scratch) async throws {
        let name = "server-\(UUID().uuidString.prefix(8))"
        let pair = try await authority.issue(name, names: "IP:0.0.0.0,IP:127.0.0.1")
        let directory = scratch.file(name)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        try FileManager.default.copyItem(atPath: pair.certificate, toPath: directory + "/tls.crt")
        try FileManager.default.copyItem(atPath: pair.key, toPath: directory + "/tls.key")
        try FileManager.default.createSymbolicLink(atPath: directory + ".link", withDestinationPath: name)
        guard rename(directory + ".link", scratch.file("tls")) == 0 else {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
        }
    }

    /// The directory with what clients trust, and the certificate they show if they have one: as docker, podman,
    /// skopeo and buildah read it, and with a `hosts.toml` for containerd.
    var certificates: String { scratch.file("certificates/\(host)") }

    private func trustAuthority() throws {
        try FileManager.default.createDirectory(atPath: certificates, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: authority.certificate, toPath: certificates + "/ca.crt")
        try writeHosts(client: "")
    }

    private func writeHosts(client: String) throws {
        let text = """
            server = "https://\(host)"
            [host."https://\(host)"]
            ca = "\(certificates)/ca.crt"
            \(client)

            """
        try text.write(toFile: certificates + "/hosts.toml", atomically: true, encoding: .utf8)
    }

    /// Lets clients trust an authority that has not signed the server's certificate, and no other.
    func trustAnotherAuthority() async throws {
        let other = try await CertificateAuthority("Another authority")
        try FileManager.default.removeItem(atPath: certificates + "/ca.crt")
        try FileManager.default.copyItem(atPath: other.certificate, toPath: certificates + "/ca.crt")
    }

    /// Gives clients the certificate of `cert:agent`.
    func addClientCertificate() async throws {
        let pair = try await authority.issue("client", subject: "/CN=agent", names: "")
        try FileManager.default.copyItem(atPath: pair.certificate, toPath: certificates + "/client.cert")
        try FileManager.default.copyItem(atPath: pair.key, toPath: certificates + "/client.key")
        try writeHosts(client: "client = [[\"\(certificates)/client.cert\", \"\(certificates)/client.key\"]]")
    }

    /// Takes the certificate away from clients.
    func removeClientCertificate() throws {
        for name in ["client.cert", "client.key"] {
            try FileManager.default.removeItem(atPath: certificates + "/" + name)
        }
        try writeHosts(client: "")
    }

    /// A line of the file of keys that sign tokens.
    static func newTokenKey() -> String {
        Data((0..<32).map { _ in UInt8.random(in: 0...255) }).base64EncodedString()
    }

    // MARK: Accounts

    private static func makeRobot(in scratch: Scratch) throws -> Credentials {
        let command = ["robot", "create", "ci", "--file", scratch.file("robots"), "--output", "json"]
        let output = try scratch.run([try ServerProcess.binary()] + command)
        let robot = try JSONDecoder().decode([String: String].self, from: Data(output.stdout.utf8))
        return Credentials(user: try #require(robot["login"]), password: try #require(robot["secret"]))
    }

    /// Runs a command of the program that is tested.
    @discardableResult
    func operate(_ arguments: String...) throws -> Shell.Output {
        try scratch.run([try ServerProcess.binary()] + arguments)
    }

    /// Waits until the server takes what it finds in a file that was changed.
    func eventually(_ condition: () throws -> Bool) async throws {
        try await TestSupport.eventually(timeout: patienceWithPrograms, condition)
    }

    /// The digest of what the registry has under `REPOSITORY:TAG`.
    func digest(of name: String) throws -> String {
        let parts = name.split(separator: ":").map(String.init)
        return try server.digest(of: parts[1], in: parts[0])
    }

    /// Whether the registry has anything under `REPOSITORY:TAG`.
    func has(_ name: String) throws -> Bool {
        let parts = name.split(separator: ":").map(String.init)
        let answer = try server.send("HEAD", "/v2/\(parts[0])/manifests/\(parts[1])")
        try #require([200, 404].contains(answer.status))
        return answer.status == 200
    }

    /// Puts a test image under `REPOSITORY:TAG`, as the administrator.
    func put(_ content: String, as name: String) throws {
        let parts = name.split(separator: ":").map(String.init)
        try Layout.current.push(content, to: server, repository: parts[0], as: parts[1])
    }

    /// The status of a request over the plain listener with these credentials.
    func status(_ method: String, _ target: String, as credentials: Credentials) throws -> Int {
        let head = ["Host: \(server.host)", "Connection: close", "Authorization: \(credentials.basic)"]
        return try server.connect().send(method, target, headers: head).status
    }
}

/// A name and a password, or what is given in its place.
struct Credentials: Sendable {
    let user: String
    var password: String

    /// The `Authorization` field.
    var basic: String { "Basic " + Data("\(user):\(password)".utf8).base64EncodedString() }
}

extension Scratch {
    /// Writes a file at once, so that nobody reads half of it.
    func write(_ text: String, to name: String) throws {
        try text.write(toFile: file(name), atomically: true, encoding: .utf8)
    }
}

/// Runs `body` with a fresh guarded registry; the server must then end by itself with status 0.
func withGuardedRegistry(
    _ settings: GuardedRegistry.Settings = .init(), _ body: (GuardedRegistry) async throws -> Void
) async throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    let registry = try await GuardedRegistry(scratch, settings)
    do {
        try await body(registry)
    } catch {
        try registry.server.kill()
        throw error
    }
    try registry.server.stop()
}
