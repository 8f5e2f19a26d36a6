import Foundation
import Testing

/// docker's command line with an engine of its own.
final class GuardedDocker: GuardedClient {
    let item = "app:v1"
    let content = "app-1.1"
    private let registry: GuardedRegistry
    private let docker: Docker

    init(_ registry: GuardedRegistry) throws {
        self.registry = registry
        docker = try Docker(scratch: registry.scratch, certificates: registry.scratch.file("certificates"))
    }

    func stop() { docker.stop() }

    var credentialFiles: [String] { [registry.scratch.file(".docker/config.json")] }

    func login(_ given: Credentials) throws -> Shell.Output {
        try docker.attempt(["login", "-u", given.user, "-p", given.password, registry.host])
    }

    func logout() throws { try docker.run(["logout", registry.host]) }

    func push(_ name: String) throws -> Shell.Output {
        let image = try docker.load(content, of: Layout.current, as: "\(registry.host)/image:v1")
        try docker.run(["tag", image, "\(registry.host)/\(name)"])
        return try docker.attempt(["push", "\(registry.host)/\(name)"])
    }

    func pull(_ name: String) throws -> Shell.Output {
        try docker.removeImages()
        return try docker.attempt(["pull", "\(registry.host)/\(name)"])
    }

    func expectPulled(_ name: String) throws { try docker.expectPulled(name, from: registry) }

    /// Runs a new engine with empty storage, which knows of no earlier login.
    func restartedAfresh() throws -> GuardedDocker {
        stop()
        try FileManager.default.removeItem(atPath: registry.scratch.file("docker"))
        return try GuardedDocker(registry)
    }
}

/// docker's library for Python with an engine of its own.
final class GuardedDockerSDK: GuardedClient {
    let item = "app:v1"
    let content = "app-1.1"
    let credentialFiles: [String] = []
    private let registry: GuardedRegistry
    private let docker: Docker
    private var credentials: Credentials?

    init(_ registry: GuardedRegistry) throws {
        self.registry = registry
        docker = try Docker(scratch: registry.scratch, certificates: registry.scratch.file("certificates"))
    }

    func stop() { docker.stop() }

    func login(_ given: Credentials) throws -> Shell.Output {
        let output = try run("login", registry.host, given)
        if output.status == 0 { credentials = given }
        return output
    }

    func logout() throws { credentials = nil }

    func push(_ name: String) throws -> Shell.Output {
        let image = try docker.load(content, of: Layout.current, as: "\(registry.host)/image:v1")
        try docker.run(["tag", image, "\(registry.host)/\(name)"])
        return try run("push", "\(registry.host)/\(name)", credentials)
    }

    func pull(_ name: String) throws -> Shell.Output {
        try docker.removeImages()
        return try run("pull", "\(registry.host)/\(name)", credentials)
    }

    func expectPulled(_ name: String) throws { try docker.expectPulled(name, from: registry) }

    private func run(_ command: String, _ name: String, _ given: Credentials?) throws -> Shell.Output {
        let login = given.map { [$0.user, $0.password] } ?? []
        let script = [Locations.python("python"), Locations.tool("docker-client.py"), command, docker.host, name]
        return try registry.scratch.attempt(script + login)
    }
}

extension Docker {
    fileprivate func expectPulled(_ name: String, from registry: GuardedRegistry) throws {
        let full = "\(registry.host)/\(name)"
        let digests = try run(["image", "inspect", "--format", "{{json .RepoDigests}}", full]).lastLine
        let repository = "\(registry.host)/\(name.prefix { $0 != ":" })"
        #expect(try digests.contains("\(repository)@\(registry.digest(of: name))"))
    }
}
