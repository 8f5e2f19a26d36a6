import Foundation
import Testing

/// containerd's command line, which takes credentials with each command.
final class GuardedContainerd: GuardedClient {
    let item = "app:v1"
    let content = "app-1.1"
    let credentialFiles: [String] = []
    private let registry: GuardedRegistry
    private let containerd: Containerd
    private let archive: String
    private var credentials: Credentials?

    init(_ registry: GuardedRegistry) throws {
        self.registry = registry
        containerd = try Containerd(scratch: registry.scratch)
        archive = registry.scratch.file("containerd-images.tar")
        let source = "oci:\(Layout.current.path):\(content)"
        try registry.scratch.run(["skopeo", "copy", source, "oci-archive:\(archive):v1"])
    }

    func stop() { containerd.stop() }

    func login(_ given: Credentials) throws -> Shell.Output {
        credentials = given
        return Shell.Output(status: 0, stdout: "", stderr: "", duration: .zero)
    }

    func logout() throws { credentials = nil }

    func push(_ name: String) throws -> Shell.Output {
        let repository = "\(registry.host)/\(name.prefix { $0 != ":" })"
        try containerd.importArchive(archive, as: repository)
        if !name.hasSuffix(":v1") {
            try containerd.ctr(["images", "tag", "--force", "\(repository):v1", "\(registry.host)/\(name)"])
        }
        return try containerd.attempt(["images", "push"] + options + ["\(registry.host)/\(name)"])
    }

    func pull(_ name: String) throws -> Shell.Output {
        try containerd.forgetAll()
        return try containerd.attempt(
            ["images", "pull", "--snapshotter", "native"] + options + ["\(registry.host)/\(name)"])
    }

    private var options: [String] {
        let login = credentials.map { ["--user", "\($0.user):\($0.password)"] } ?? []
        return ["--hosts-dir", registry.scratch.file("certificates")] + login
    }

    func expectPulled(_ name: String) throws {
        let images = try containerd.ctr(["images", "list"]).stdout.split(separator: "\n")
        let image = try #require(images.first { $0.hasPrefix("\(registry.host)/\(name) ") })
        #expect(try image.contains(registry.digest(of: name)))
    }
}

/// The kubelet's call to containerd, with the credentials of a pull secret that kubectl makes.
final class GuardedKubelet: GuardedClient {
    let item = "app:v1"
    let content = "app-1.1"
    private let registry: GuardedRegistry
    private let containerd: Containerd
    private let secret: String

    init(_ registry: GuardedRegistry) throws {
        self.registry = registry
        secret = registry.scratch.file("pull-secret.json")
        containerd = try Containerd(scratch: registry.scratch, certificates: registry.scratch.file("certificates"))
    }

    func stop() { containerd.stop() }

    var credentialFiles: [String] { [secret] }

    func login(_ given: Credentials) throws -> Shell.Output {
        let account = ["--docker-username=\(given.user)", "--docker-password=\(given.password)"]
        let command =
            ["kubectl", "create", "secret", "docker-registry", "pull", "--docker-server=\(registry.host)"] + account
            + ["--dry-run=client", "--output=json"]
        let output = try registry.scratch.attempt(command, outputFile: secret)
        // What kubectl writes, for machines without it.
        if output.status == 127 { try writeSecret(given) } else if output.status != 0 { return output }
        return Shell.Output(status: 0, stdout: "", stderr: "", duration: output.duration)
    }

    private func writeSecret(_ given: Credentials) throws {
        let auth = given.basic.dropFirst("Basic ".count)
        let config = Data("{\"auths\":{\"\(registry.host)\":{\"auth\":\"\(auth)\"}}}".utf8)
        let text = "{\"data\":{\".dockerconfigjson\":\"\(config.base64EncodedString())\"}}"
        try text.write(toFile: secret, atomically: true, encoding: .utf8)
    }

    func logout() throws { try FileManager.default.removeItem(atPath: secret) }

    func push(_ name: String) throws -> Shell.Output {
        throw POSIXError(.EOPNOTSUPP)
    }

    func pull(_ name: String) throws -> Shell.Output {
        try containerd.forgetAll(namespace: "k8s.io")
        let isThere = FileManager.default.fileExists(atPath: secret)
        let script = [Locations.python("python"), Locations.tool("cri-pull.py"), containerd.socket]
        return try registry.scratch.attempt(script + ["\(registry.host)/\(name)"] + (isThere ? [secret] : []))
    }

    func expectPulled(_ name: String) throws {
        let known = try containerd.ctr(["--namespace", "k8s.io", "images", "list"]).stdout
        let repository = "\(registry.host)/\(name.prefix { $0 != ":" })"
        #expect(try known.contains("\(repository)@\(registry.digest(of: name))"))
    }
}
