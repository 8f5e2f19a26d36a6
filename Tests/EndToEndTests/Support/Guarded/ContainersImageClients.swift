import Foundation
import Testing

/// skopeo: its own commands for login and logout, images from and to layouts.
final class GuardedSkopeo: GuardedClient {
    let item = "app:v1"
    let content = "app-1.1"
    private let registry: GuardedRegistry
    private let credentials: String
    private var scratch: Scratch { registry.scratch }

    init(_ registry: GuardedRegistry) {
        self.registry = registry
        credentials = registry.scratch.file("skopeo-auth.json")
    }

    var credentialFiles: [String] { [credentials] }

    func login(_ given: Credentials) throws -> Shell.Output {
        let options = ["--authfile", credentials, "--cert-dir", registry.certificates]
        return try scratch.attempt(
            ["skopeo", "login"] + options + ["-u", given.user, "-p", given.password, registry.host])
    }

    func logout() throws { try scratch.run(["skopeo", "logout", "--authfile", credentials, registry.host]) }

    func push(_ name: String) throws -> Shell.Output {
        try copy("--dest", "oci:\(Layout.current.path):\(content)", "docker://\(registry.host)/\(name)")
    }

    func pull(_ name: String) throws -> Shell.Output {
        try copy("--src", "docker://\(registry.host)/\(name)", "oci:\(scratch.file("skopeo-pulled")):\(content)")
    }

    private func copy(_ side: String, _ source: String, _ destination: String) throws -> Shell.Output {
        // With a file that is not there it fails, where it should go on without credentials.
        let isThere = FileManager.default.fileExists(atPath: credentials)
        let options = ["--preserve-digests", "\(side)-cert-dir", registry.certificates]
        return try scratch.attempt(
            ["skopeo", "copy"] + (isThere ? ["--authfile", credentials] : []) + options + [source, destination])
    }

    func expectPulled(_ name: String) throws {
        let pulled = try Layout(reading: scratch.file("skopeo-pulled"))
        try Layout.current.expectSame(in: pulled, tag: content)
        #expect(try pulled.manifest(content).digest == registry.digest(of: name))
    }
}

/// podman or buildah with a store of its own.
final class GuardedContainersTool: GuardedClient {
    let item = "app:v1"
    let content = "app-1.1"
    private let registry: GuardedRegistry
    private let tool: any ContainersTool
    /// How it is asked for the digest an image was pulled by.
    private let digestFormat: String
    private let credentials: String
    private var certificates: [String] { ["--cert-dir", registry.certificates] }

    private init(_ registry: GuardedRegistry, _ name: String, _ tool: any ContainersTool, digestFormat: String) {
        (self.registry, self.tool, self.digestFormat) = (registry, tool, digestFormat)
        credentials = registry.scratch.file("\(name)-auth.json")
    }

    static func podman(_ registry: GuardedRegistry) -> GuardedContainersTool {
        let podman = Podman(scratch: registry.scratch, store: "podman")
        return GuardedContainersTool(registry, "podman", podman, digestFormat: "{{.Digest}}")
    }

    static func buildah(_ registry: GuardedRegistry) -> GuardedContainersTool {
        let buildah = Buildah(scratch: registry.scratch, store: "buildah")
        return GuardedContainersTool(registry, "buildah", buildah, digestFormat: "{{.FromImageDigest}}")
    }

    var credentialFiles: [String] { [credentials] }

    func login(_ given: Credentials) throws -> Shell.Output {
        let options = ["--authfile", credentials] + certificates
        return try tool.attempt(["login"] + options + ["-u", given.user, "-p", given.password, registry.host])
    }

    func logout() throws { try tool.run(["logout", "--authfile", credentials, registry.host]) }

    func push(_ name: String) throws -> Shell.Output {
        let image = try tool.run(["pull", "oci:\(Layout.current.path):\(content)"]).lastLine
        return try tool.attempt(["push"] + options + [image, "docker://\(registry.host)/\(name)"])
    }

    func pull(_ name: String) throws -> Shell.Output {
        try tool.run(["rmi", "--all", "--force"])
        return try tool.attempt(["pull"] + options + ["\(registry.host)/\(name)"])
    }

    private var options: [String] {
        let isThere = FileManager.default.fileExists(atPath: credentials)
        return certificates + (isThere ? ["--authfile", credentials] : [])
    }

    func expectPulled(_ name: String) throws {
        let pulled = try tool.inspect("\(registry.host)/\(name)", digestFormat)
        #expect(try pulled == registry.digest(of: name))
    }
}

/// What podman and buildah have in common: the same commands on a store of their own.
protocol ContainersTool {
    @discardableResult
    func run(_ arguments: [String]) throws -> Shell.Output
    func attempt(_ arguments: [String]) throws -> Shell.Output
    func inspect(_ name: String, _ format: String) throws -> String
}

extension Podman: ContainersTool {}
extension Buildah: ContainersTool {}
