import Foundation
import Testing

/// The oras library; its login only writes a file.
final class GuardedOras: GuardedClient {
    let item = "artifact:v1"
    let content = "helm-chart"
    private let registry: GuardedRegistry
    private var scratch: Scratch { registry.scratch }

    init(_ registry: GuardedRegistry) {
        self.registry = registry
    }

    var credentialFiles: [String] { [scratch.file(".docker/config.json")] }

    func login(_ given: Credentials) throws -> Shell.Output {
        try run(["login", registry.host, given.user, given.password])
    }

    func logout() throws { try FileManager.default.removeItem(atPath: credentialFiles[0]) }

    func push(_ name: String) throws -> Shell.Output {
        try run(["push", "\(registry.host)/\(name)", Layout.current.file(try Layout.current.largestLayer(of: content))])
    }

    func pull(_ name: String) throws -> Shell.Output {
        let directory = scratch.file("oras-pulled")
        if FileManager.default.fileExists(atPath: directory) { try FileManager.default.removeItem(atPath: directory) }
        return try run(["pull", "\(registry.host)/\(name)", directory])
    }

    private func run(_ arguments: [String]) throws -> Shell.Output {
        var environment = ["REGISTRY_CA": registry.certificates + "/ca.crt"]
        // It has to be told which scheme to use, and without a password the other one is for nobody.
        if registry.settings.challenge == "basic", FileManager.default.fileExists(atPath: credentialFiles[0]) {
            environment["REGISTRY_AUTH"] = "basic"
        }
        let certificate = registry.certificates + "/client.cert"
        if FileManager.default.fileExists(atPath: certificate) {
            environment["REGISTRY_CERTIFICATE"] = certificate
            environment["REGISTRY_KEY"] = registry.certificates + "/client.key"
        }
        let script = [Locations.python("python"), Locations.tool("oras-client.py")]
        return try scratch.attempt(script + arguments, environment: environment)
    }

    func expectPulled(_ name: String) throws {
        let directory = scratch.file("oras-pulled")
        let files = try FileManager.default.contentsOfDirectory(atPath: directory)
        let original = Layout.current.file(try Layout.current.largestLayer(of: content))
        #expect(files.contains { FileManager.default.contentsEqual(atPath: "\(directory)/\($0)", andPath: original) })
    }
}

/// Helm's library.
final class GuardedHelm: GuardedClient {
    /// A chart's own name and version.
    let item = "stowage-test:0.1.0"
    let content = "helm-chart"
    private let registry: GuardedRegistry
    private let archive: String
    private var scratch: Scratch { registry.scratch }

    init(_ registry: GuardedRegistry) throws {
        self.registry = registry
        archive = registry.scratch.file("stowage-test-0.1.0.tgz")
        let chart = Layout.current.file(try Layout.current.largestLayer(of: content))
        try FileManager.default.copyItem(atPath: chart, toPath: archive)
    }

    var credentialFiles: [String] { [scratch.file(".config/helm/registry/config.json")] }

    func login(_ given: Credentials) throws -> Shell.Output {
        try run(["login", registry.host, given.user, given.password])
    }

    func logout() throws { try Self.must(try run(["logout", registry.host])) }

    func push(_ name: String) throws -> Shell.Output {
        let repository = name.split(separator: "/").dropLast().joined(separator: "/")
        return try run(["push", archive, "\(registry.host)/\(repository)"])
    }

    func pull(_ name: String) throws -> Shell.Output {
        let directory = scratch.file("helm-pulled")
        if FileManager.default.fileExists(atPath: directory) { try FileManager.default.removeItem(atPath: directory) }
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        let parts = name.split(separator: ":").map(String.init)
        return try run(["pull", "\(registry.host)/\(parts[0])", parts[1], directory])
    }

    private func run(_ arguments: [String]) throws -> Shell.Output {
        let script = [Locations.python("python"), Locations.tool("helm-client.py")]
        return try scratch.attempt(
            script + arguments, environment: ["SSL_CERT_FILE": registry.certificates + "/ca.crt"])
    }

    private static func must(_ output: Shell.Output) throws {
        guard output.status == 0 else { throw CommandFailed(command: ["helm-client.py", "logout"], output: output) }
    }

    func expectPulled(_ name: String) throws {
        let pulled = scratch.file("helm-pulled/stowage-test-0.1.0.tgz")
        #expect(FileManager.default.contentsEqual(atPath: pulled, andPath: archive))
    }
}
