import Foundation
import Testing

extension EndToEnd {
    @Suite struct DockerTests {
        private let images = Layout.current

        @Test(arguments: Storage.tested)
        func pushesPullsAndRuns(storage: Storage) throws {
            try withDocker(on: storage) { docker, server, scratch in
                let app = "\(server.host)/team/app"
                for version in ["1.1", "1.2"] {
                    let archive = scratch.file("app-\(version).tar")
                    let source = "oci:\(images.path):app-\(version)"
                    try scratch.run(["skopeo", "copy", source, "docker-archive:\(archive):\(app):\(version)"])
                    try docker.run(["load", "--input", archive])
                }
                let first = try docker.push("\(app):1.1")
                #expect(first.layers == Array(repeating: "Pushed", count: 5))
                let second = try docker.push("\(app):1.2")
                #expect(second.layers.filter { $0 == "Layer already exists" }.count == 4)
                #expect(second.layers.filter { $0 == "Pushed" }.count == 1)
                let again = try docker.push("\(app):1.2")
                #expect(again.layers == Array(repeating: "Layer already exists", count: 5))
                #expect(again.digest == second.digest)
                #expect(try server.digest(of: "1.2", in: "team/app") == second.digest)

                try docker.run(["image", "rm", "\(app):1.1", "\(app):1.2"])
                for (version, digest) in [("1.1", first.digest), ("1.2", second.digest)] {
                    #expect(try docker.pull("\(app):\(version)") == digest)
                    #expect(try docker.runImage("\(app):\(version)") == "stowage test image, release \(version)")
                    // docker hashes each layer as it unpacks it.
                    #expect(try docker.diffIDs("\(app):\(version)") == images.diffIDs(of: "app-\(version)"))
                }
            }
        }

        @Test(arguments: Storage.tested)
        func pushesToAnotherRepositoryWithoutUploading(storage: Storage) throws {
            try withDocker(on: storage) { docker, server, scratch in
                let archive = scratch.file("app.tar")
                let app = "\(server.host)/team/app:1.1"
                let other = "\(server.host)/other/place:1.1"
                try scratch.run(["skopeo", "copy", "oci:\(images.path):app-1.1", "docker-archive:\(archive):\(app)"])
                try docker.run(["load", "--input", archive])
                let pushed = try docker.push(app)
                try docker.run(["tag", app, other])
                let mounted = try docker.push(other)
                // Where the pusher may see every blob of the store, the layer is already there; elsewhere it is mounted.
                #expect(mounted.layers.count == 5)
                #expect(mounted.layers.allSatisfy { ["Layer already exists", "Mounted from team/app"].contains($0) })
                #expect(mounted.digest == pushed.digest)
                try docker.run(["image", "rm", app, other])
                #expect(try docker.pull(other) == pushed.digest)
            }
        }

        @Test(arguments: Storage.tested)
        func pullsWhatOthersPushed(storage: Storage) throws {
            try withDocker(on: storage) { docker, server, _ in
                for tag in ["app-1.1", "app-tar", "app-docker", "multi", "multi-docker"] {
                    try images.push(tag, to: server, repository: "app")
                    let name = "\(server.host)/app:\(tag)"
                    #expect(try docker.pull(name) == images.manifest(tag).digest)
                    #expect(try docker.runImage(name).hasPrefix("stowage test image, release 1."))
                }
            }
        }
    }
}

/// Runs `body` with a fresh server and a docker engine of its own.
private func withDocker(on storage: Storage, _ body: (Docker, ServerProcess, Scratch) throws -> Void) throws {
    try withRegistry(on: storage) { server, scratch in
        let docker = try Docker(scratch: scratch)
        defer { docker.stop() }
        try body(docker, server, scratch)
    }
}

/// docker's command line with an engine of its own.
struct Docker {
    /// What docker said about a push.
    struct Push {
        /// The last word on each layer.
        let layers: [String]
        let digest: String
    }

    private let scratch: Scratch
    private let engine: Daemon

    /// `certificates`: what the engine finds in /etc/docker/certs.d.
    init(scratch: Scratch, certificates: String? = nil) throws {
        self.scratch = scratch
        let root = scratch.file("docker")
        engine = try Daemon(
            try Self.seeing(certificates) + [
                "dockerd", "--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs",
                "--data-root=\(root)/data", "--exec-root=\(root)/exec", "--pidfile=\(root).pid",
                "--host=unix://\(root).sock",
            ], environment: scratch.environment, readyWhen: "API listen on")
    }

    func stop() {
        #expect(throws: Never.self) { try engine.stop(with: SIGTERM) }
    }

    /// The beginning of a command that sees the directory as /etc/docker/certs.d, which docker cannot be told otherwise.
    private static func seeing(_ certificates: String?) throws -> [String] {
        guard let certificates else { return [] }
        let place = "/etc/docker/certs.d"
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        let script = "mount --bind \"$0\" \(place) && exec \"$@\""
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, certificates]
    }

    /// Where the engine listens.
    var host: String { "unix://\(scratch.file("docker")).sock" }

    @discardableResult
    func run(_ arguments: [String]) throws -> Shell.Output { try scratch.run(["docker", "--host", host] + arguments) }

    /// The same for what may fail.
    func attempt(_ arguments: [String]) throws -> Shell.Output {
        try scratch.attempt(["docker", "--host", host] + arguments)
    }

    /// Takes one of the test images into its storage, and returns the name.
    func load(_ tag: String, of images: Layout, as name: String) throws -> String {
        let archive = scratch.file("docker-image.tar")
        if !FileManager.default.fileExists(atPath: archive) {
            try scratch.run(["skopeo", "copy", "oci:\(images.path):\(tag)", "docker-archive:\(archive):\(name)"])
        }
        try run(["load", "--input", archive])
        return name
    }

    /// Removes every image, so that the next pull brings all of its layers.
    func removeImages() throws {
        let images = Set(try run(["image", "ls", "--quiet"]).stdout.split(separator: "\n").map(String.init))
        if !images.isEmpty { try run(["image", "rm", "--force"] + images) }
    }

    func push(_ name: String) throws -> Push {
        let lines = try run(["push", name]).stdout.split(separator: "\n")
        let states = lines.compactMap { line in
            line.split(separator: ": ", maxSplits: 1).dropFirst().first.map(String.init)
        }
        let said = ["Pushed", "Layer already exists", "Mounted from"]
        let digest = try #require(lines.last?.split(separator: " ").first { $0.hasPrefix("sha256:") })
        return Push(layers: states.filter { state in said.contains { state.hasPrefix($0) } }, digest: String(digest))
    }

    /// Pulls and returns the digest docker says it pulled.
    func pull(_ name: String) throws -> String {
        let lines = try run(["pull", name]).stdout.split(separator: "\n")
        let line = try #require(lines.first { $0.hasPrefix("Digest: ") })
        return String(line.dropFirst("Digest: ".count))
    }

    func diffIDs(_ name: String) throws -> [String] {
        let format = "{{range .RootFS.Layers}}{{.}} {{end}}"
        return try run(["image", "inspect", "--format", format, name]).lastLine.split(separator: " ").map(String.init)
    }

    /// Runs an image and returns the line it prints.
    func runImage(_ name: String) throws -> String {
        try run(["run", "--rm", "--network", "none", name]).lastLine
    }
}
