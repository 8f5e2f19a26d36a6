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

/// podman with a store of its own.
final class GuardedPodman: GuardedClient {
    let item = "app:v1"
    let content = "app-1.1"
    private let registry: GuardedRegistry
    private let podman: Podman
    private let credentials: String
    private var certificates: [String] { ["--cert-dir", registry.certificates] }

    init(_ registry: GuardedRegistry) throws {
        self.registry = registry
        podman = Podman(scratch: registry.scratch, store: "podman")
        credentials = registry.scratch.file("podman-auth.json")
    }

    var credentialFiles: [String] { [credentials] }

    func login(_ given: Credentials) throws -> Shell.Output {
        let options = ["--authfile", credentials] + certificates
        return try podman.attempt(["login"] + options + ["-u", given.user, "-p", given.password, registry.host])
    }

    func logout() throws { try podman.run(["logout", "--authfile", credentials, registry.host]) }

    func push(_ name: String) throws -> Shell.Output {
        let image = try podman.run(["pull", "oci:\(Layout.current.path):\(content)"]).lastLine
        return try podman.attempt(["push"] + options + [image, "docker://\(registry.host)/\(name)"])
    }

    func pull(_ name: String) throws -> Shell.Output {
        try podman.run(["rmi", "--all", "--force"])
        return try podman.attempt(["pull"] + options + ["\(registry.host)/\(name)"])
    }

    private var options: [String] {
        let isThere = FileManager.default.fileExists(atPath: credentials)
        return certificates + (isThere ? ["--authfile", credentials] : [])
    }

    func expectPulled(_ name: String) throws {
        let pulled = try podman.inspect("\(registry.host)/\(name)", "{{.Digest}}")
        #expect(try pulled == registry.digest(of: name))
    }
}

/// buildah with a store of its own.
final class GuardedBuildah: GuardedClient {
    let item = "app:v1"
    let content = "app-1.1"
    private let registry: GuardedRegistry
    private let buildah: Buildah
    private let credentials: String
    private var certificates: [String] { ["--cert-dir", registry.certificates] }

    init(_ registry: GuardedRegistry) throws {
        self.registry = registry
        buildah = Buildah(scratch: registry.scratch, store: "buildah")
        credentials = registry.scratch.file("buildah-auth.json")
    }

    var credentialFiles: [String] { [credentials] }

    func login(_ given: Credentials) throws -> Shell.Output {
        let options = ["--authfile", credentials] + certificates
        return try buildah.attempt(["login"] + options + ["-u", given.user, "-p", given.password, registry.host])
    }

    func logout() throws { try buildah.run(["logout", "--authfile", credentials, registry.host]) }

    func push(_ name: String) throws -> Shell.Output {
        let image = try buildah.run(["pull", "oci:\(Layout.current.path):\(content)"]).lastLine
        return try buildah.attempt(["push"] + options + [image, "docker://\(registry.host)/\(name)"])
    }

    func pull(_ name: String) throws -> Shell.Output {
        try buildah.run(["rmi", "--all", "--force"])
        return try buildah.attempt(["pull"] + options + ["\(registry.host)/\(name)"])
    }

    private var options: [String] {
        let isThere = FileManager.default.fileExists(atPath: credentials)
        return certificates + (isThere ? ["--authfile", credentials] : [])
    }

    func expectPulled(_ name: String) throws {
        let pulled = try buildah.inspect("\(registry.host)/\(name)", "{{.FromImageDigest}}")
        #expect(try pulled == registry.digest(of: name))
    }
}
