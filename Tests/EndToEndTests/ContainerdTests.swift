import Foundation
import Testing

extension EndToEnd {
    @Suite struct ContainerdTests {
        private let images = Layout.current

        @Test(arguments: Storage.tested)
        func pushesPullsAndRuns(storage: Storage) throws {
            try withContainerd(on: storage) { containerd, server, scratch in
                for tag in ["app-1.1", "app-zstd", "multi"] {
                    let archive = scratch.file("images.tar")
                    let source = "oci:\(images.path):\(tag)"
                    try scratch.run(["skopeo", "copy", "--all", source, "oci-archive:\(archive):\(tag)"])
                    try containerd.importArchive(archive, as: "\(server.host)/team/app")
                    let name = "\(server.host)/team/app:\(tag)"
                    try containerd.push(name)
                    try containerd.push(name)  // now all is there
                    #expect(try server.digest(of: tag, in: "team/app") == images.manifest(tag).digest)

                    // To another repository: containerd remembers where blobs came from and asks for mounts.
                    let other = "\(server.host)/other/place:\(tag)"
                    try containerd.ctr(["images", "tag", name, other])
                    try containerd.push(other)
                    #expect(try server.digest(of: tag, in: "other/place") == images.manifest(tag).digest)

                    try containerd.forget([name, other])
                    try containerd.expectPulls(tag, of: images, as: other)
                    try containerd.forget([other])
                }
            }
        }

        @Test(arguments: Storage.tested)
        func pullsWhatOthersPushed(storage: Storage) throws {
            try withContainerd(on: storage) { containerd, server, _ in
                for tag in ["app-1.1", "app-tar", "app-docker", "multi-docker", "nested", "many-layers"] {
                    try images.push(tag, to: server, repository: "app")
                    try containerd.expectPulls(tag, of: images, as: "\(server.host)/app:\(tag)")
                    try containerd.forget(["\(server.host)/app:\(tag)"])
                }
            }
        }

        /// containerd adds `?ns=docker.io` to every request to a mirror.
        @Test(arguments: Storage.tested)
        func pullsFromItAsAMirror(storage: Storage) throws {
            try withContainerd(on: storage) { containerd, server, scratch in
                try images.push("app-1.1", to: server, repository: "library/app")
                let directory = scratch.file("mirrors/docker.io")
                try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
                let mirror = "[host.\"http://\(server.host)\"]\ncapabilities = [\"pull\", \"resolve\"]\n"
                try mirror.write(toFile: directory + "/hosts.toml", atomically: true, encoding: .utf8)
                let source = ["--hosts-dir", scratch.file("mirrors")]
                try containerd.expectPulls("app-1.1", of: images, as: "docker.io/library/app:app-1.1", source: source)
            }
        }

        @Test(arguments: Storage.tested)
        func pullsAsTheKubeletDoes(storage: Storage) throws {
            try withContainerd(on: storage) { containerd, server, scratch in
                for tag in ["app-1.1", "app-zstd", "multi"] {
                    try images.push(tag, to: server, repository: "app")
                    let name = "\(server.host)/app:\(tag)"
                    let script = [Locations.python("python"), Locations.tool("cri-pull.py"), containerd.socket, name]
                    #expect(try scratch.run(script).lastLine.hasPrefix("sha256:"))
                    let known = try containerd.ctr(["--namespace", "k8s.io", "images", "list"]).stdout
                    #expect(try known.contains("\(server.host)/app@\(images.manifest(tag).digest)"))
                }
            }
        }
    }
}

/// Runs `body` with a fresh server and a containerd of its own.
private func withContainerd(on storage: Storage, _ body: (Containerd, ServerProcess, Scratch) throws -> Void) throws {
    try withRegistry(on: storage) { server, scratch in
        let containerd = try Containerd(scratch: scratch)
        defer { containerd.stop() }
        try body(containerd, server, scratch)
    }
}

/// containerd with directories of its own.
struct Containerd {
    private let scratch: Scratch
    private let daemon: Daemon
    let socket: String

    /// `certificates`: the directory in which CRI finds the hosts it trusts.
    init(scratch: Scratch, certificates: String? = nil) throws {
        self.scratch = scratch
        let root = scratch.file("containerd")
        socket = root + ".sock"
        // The native snapshotter works on every file system, overlayfs does not.
        let settings = """
            version = 2
            root = "\(root)/root"
            state = "\(root)/state"
            [grpc]
              address = "\(socket)"
            [plugins."io.containerd.grpc.v1.cri".containerd]
              snapshotter = "native"
            [plugins."io.containerd.grpc.v1.cri".registry]
              config_path = "\(certificates ?? "")"
            """
        try settings.write(toFile: root + ".toml", atomically: true, encoding: .utf8)
        daemon = try Daemon(
            ["containerd", "--config", root + ".toml"], environment: scratch.environment,
            readyWhen: "containerd successfully booted")
    }

    func stop() {
        #expect(throws: Never.self) { try daemon.stop(with: SIGTERM) }
    }

    @discardableResult
    func ctr(_ arguments: [String], limit: Duration = Scratch.promptly) throws -> Shell.Output {
        try scratch.run(["ctr", "--address", socket] + arguments, limit: limit)
    }

    /// The same for what may fail.
    func attempt(_ arguments: [String]) throws -> Shell.Output {
        try scratch.attempt(["ctr", "--address", socket] + arguments)
    }

    /// Takes the tagged images of an OCI archive into the store as tags of `repository`.
    func importArchive(_ archive: String, as repository: String) throws {
        let options = ["--snapshotter", "native", "--all-platforms", "--base-name", repository]
        try ctr(["images", "import"] + options + [archive])
    }

    func push(_ name: String) throws {
        try ctr(["images", "push", "--plain-http", name])
    }

    /// Removes images and waits until their content is gone as well.
    func forget(_ names: [String]) throws {
        try ctr(["images", "remove", "--sync"] + names)
        #expect(try ctr(["content", "list", "--quiet"]).stdout == "")
    }

    /// Removes all images, and waits until their content is gone as well.
    func forgetAll(namespace: String = "default") throws {
        let own = ["--namespace", namespace]
        let names = try ctr(own + ["images", "list", "--quiet"]).stdout.split(separator: "\n").map(String.init)
        if !names.isEmpty { try ctr(own + ["images", "remove", "--sync"] + names) }
        #expect(try ctr(own + ["content", "list", "--quiet"]).stdout == "")
    }

    /// Pulls an image into the empty store, compares the bytes of all that came, and runs it.
    func expectPulls(
        _ tag: String, of images: Layout, as name: String, source: [String] = ["--plain-http"]
    ) throws {
        // Unpacking each of many layers takes containerd a while.
        let limit = tag == "many-layers" ? .seconds(60) : Scratch.promptly
        try ctr(["images", "pull", "--snapshotter", "native"] + source + [name], limit: limit)
        let content = try ctr(["content", "list", "--quiet"]).stdout.split(separator: "\n").map(String.init)
        let pushed = try images.manifest(tag)
        let all = try Set(images.reachable(from: pushed).map(\.digest))
        // Of an index it takes what this machine can run.
        let isIndex = try Manifest(json: images.bytes(pushed)).manifests != nil
        #expect(content.contains(pushed.digest))
        #expect(isIndex ? all.isSuperset(of: content) : all == Set(content))
        let store = scratch.file("containerd/root/io.containerd.content.v1.content/blobs/")
        for digest in content {
            let file = store + digest.replacing(":", with: "/")
            #expect(FileManager.default.contentsEqual(atPath: file, andPath: images.file(digest)), "\(digest)")
        }
        let printed = try ctr(["run", "--rm", "--snapshotter", "native", name, "test"]).lastLine
        #expect(printed.hasPrefix("stowage test image, release 1."))
    }
}
