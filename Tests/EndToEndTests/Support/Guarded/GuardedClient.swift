import Foundation
import Testing

/// A client of a guarded registry, with everything it keeps in the registry's scratch directory.
///
/// All names are `REPOSITORY:TAG` without the host. What fails returns its output with a status that is not 0.
protocol GuardedClient: AnyObject {
    /// What it pushes and pulls, behind the first part of a repository's name: `app:v1`.
    var item: String { get }
    /// The tag of the test images that others push for it.
    var content: String { get }
    /// Files that hold credentials after a login.
    var credentialFiles: [String] { get }

    /// Uses these credentials from now on, by the client's own login if it has one.
    func login(_ credentials: Credentials) throws -> Shell.Output
    /// Forgets them, by the client's own logout if it has one.
    func logout() throws
    /// Pushes a test image that it has.
    func push(_ name: String) throws -> Shell.Output
    /// Pulls what it has no copy of.
    func pull(_ name: String) throws -> Shell.Output
    /// Expects that the last pull brought what the registry has.
    func expectPulled(_ name: String) throws
    /// Ends its daemon.
    func stop()
}

extension GuardedClient {
    func stop() {}
}

/// All clients.
enum ClientKind: String, CaseIterable, Sendable {
    case skopeo, podman, buildah, docker, dockerSDK, containerd, kubelet, oras, helm

    /// By what clients can say who they are.
    func canUse(_ login: Login) -> Bool {
        // Helm's library takes no certificate for its client.
        !(self == .helm && login == .certificate)
    }

    /// The kubelet only pulls.
    var canPush: Bool { self != .kubelet }
    /// Whether a login asks the registry, so that one with a wrong password fails.
    var checksLogin: Bool { ![.containerd, .kubelet, .oras].contains(self) }

    /// Whether it gets what is public from a registry that asks for passwords: docker asks nobody without having one.
    var canBeAnonymousWithoutTokens: Bool { ![.docker, .dockerSDK].contains(self) }

    /// A new client of the registry.
    func start(_ registry: GuardedRegistry) throws -> any GuardedClient {
        switch self {
        case .skopeo: GuardedSkopeo(registry)
        case .podman: GuardedContainersTool.podman(registry)
        case .buildah: GuardedContainersTool.buildah(registry)
        case .docker: try GuardedDocker(registry)
        case .dockerSDK: try GuardedDockerSDK(registry)
        case .containerd: try GuardedContainerd(registry)
        case .kubelet: try GuardedKubelet(registry)
        case .oras: GuardedOras(registry)
        case .helm: try GuardedHelm(registry)
        }
    }
}

/// The ways to say who one is.
enum Login: String, CaseIterable, Sendable {
    case password, robot, issuer, certificate

    /// Who it makes the client.
    var identity: String {
        switch self {
        case .password: "alice"
        case .robot: "robot+ci"
        case .issuer: "ci:build"
        case .certificate: "cert:agent"
        }
    }

    /// Gives the client what it takes; expects that its login succeeds.
    func use(_ client: any GuardedClient, of registry: GuardedRegistry) async throws {
        switch self {
        case .password: try client.mustLogin(GuardedRegistry.alice)
        case .robot: try client.mustLogin(registry.robot)
        case .issuer: try client.mustLogin(Credentials(user: "token", password: registry.issuer.token()))
        case .certificate: try await registry.addClientCertificate()
        }
    }

    /// Takes it away again.
    func end(_ client: any GuardedClient, of registry: GuardedRegistry) throws {
        if self == .certificate { try registry.removeClientCertificate() } else { try client.logout() }
    }
}

extension GuardedClient {
    /// A login that must succeed.
    func mustLogin(_ credentials: Credentials) throws {
        try Self.expectSuccess(try login(credentials), "login")
    }

    func mustPush(_ name: String) throws { try Self.expectSuccess(try push(name), "push of \(name)") }

    /// Pulls, and compares what came.
    func mustPull(_ name: String) throws {
        try Self.expectSuccess(try pull(name), "pull of \(name)")
        try expectPulled(name)
    }

    /// Expects that it fails for want of a permission or a login, and says so.
    func expectRefusal(_ output: Shell.Output, sourceLocation: SourceLocation = #_sourceLocation) {
        let text = output.stdout + output.stderr
        #expect(output.status != 0, "\(text)", sourceLocation: sourceLocation)
        // Without trying again and again.
        #expect(output.duration < Scratch.promptly, "\(text)", sourceLocation: sourceLocation)
        let words = [
            "denied", "unauthorized", "forbidden", "authentication required", "no basic auth", "401", "403",
            "request for authentication", "invalid username/password", "credential not found", "no scheme supplied",
        ]
        #expect(words.contains { text.localizedCaseInsensitiveContains($0) }, "\(text)", sourceLocation: sourceLocation)
    }

    private static func expectSuccess(_ output: Shell.Output, _ what: String) throws {
        guard output.status == 0 else { throw CommandFailed(command: ["\(Self.self)", what], output: output) }
        #expect(output.duration < Scratch.promptly, "\(Self.self), \(what)")
    }
}
