import Foundation
import Testing

extension EndToEnd {
    @Suite struct PodmanTests {
        private let images = Layout.current

        @Test(arguments: ["gzip", "zstd"], Storage.tested)
        func pushesFromItsStoreAndPullsAndRuns(compression: String, storage: Storage) throws {
            try withRegistry(on: storage) { server, scratch in
                let pusher = Podman(scratch: scratch, store: "push")
                let puller = Podman(scratch: scratch, store: "pull")
                let name = "\(server.host)/team/app:1.1"
                let id = try pusher.run(["pull", "oci:\(images.path):app-1.1"]).lastLine
                try pusher.run(["tag", id, name])

                let pushed = try pusher.push(name, compression: compression)
                #expect(try server.digest(of: "1.1", in: "team/app") == pushed)
                // podman compresses anew from its store: the layers' types show that the option was obeyed.
                let types = try server.manifest("1.1", in: "team/app").layers?.map(\.mediaType) ?? []
                #expect(Set(types) == ["application/vnd.oci.image.layer.v1.tar+\(compression)"])
                #expect(try pusher.push(name, compression: compression) == pushed, "the second push")

                try puller.run(["pull", "--tls-verify=false", name])
                #expect(try puller.inspect(name, "{{.Digest}}") == pushed)
                // podman hashes each layer as it unpacks it.
                let layers = try puller.inspect(name, "{{range .RootFS.Layers}}{{.}} {{end}}")
                #expect(try layers.split(separator: " ").map(String.init) == images.diffIDs(of: "app-1.1"))
                #expect(try puller.runImage(name) == "stowage test image, release 1.1")
            }
        }

        @Test(arguments: ["app-1.1", "app-zstd", "app-tar", "app-docker", "multi", "multi-docker"], Storage.tested)
        func pullsAndRuns(tag: String, storage: Storage) throws {
            try withRegistry(on: storage) { server, scratch in
                try images.push(tag, to: server, repository: "app")
                let podman = Podman(scratch: scratch, store: "one")
                let name = "\(server.host)/app:\(tag)"
                try podman.run(["pull", "--tls-verify=false", name])
                let digests = try podman.inspect(name, "{{join .RepoDigests \" \"}}")
                #expect(try digests.contains("\(server.host)/app@\(images.manifest(tag).digest)"))
                #expect(try podman.runImage(name).hasPrefix("stowage test image, release 1."))
            }
        }

        @Test(arguments: Storage.tested)
        func listsTags(storage: Storage) throws {
            try withRegistry(on: storage) { server, scratch in
                for tag in ["app-1.1", "app-1.2"] { try images.push(tag, to: server, repository: "team/app") }
                let podman = Podman(scratch: scratch, store: "one")
                let search = ["search", "--list-tags", "--tls-verify=false", "\(server.host)/team/app"]
                let rows = try podman.run(search).stdout.split(separator: "\n").dropFirst()
                #expect(rows.compactMap { $0.split(separator: " ").last }.sorted() == ["app-1.1", "app-1.2"])
            }
        }
    }
}

/// podman with a store of its own.
struct Podman {
    let scratch: Scratch
    let store: String

    @discardableResult
    func run(_ arguments: [String]) throws -> Shell.Output { try scratch.run(command(arguments)) }

    /// The same for what may fail.
    func attempt(_ arguments: [String]) throws -> Shell.Output { try scratch.attempt(command(arguments)) }

    private func command(_ arguments: [String]) -> [String] {
        let directories = ["--root", scratch.file(store), "--runroot", scratch.file("r-" + store)]
        // vfs works on every file system, overlay does not.
        return ["podman"] + directories + ["--storage-driver", "vfs"] + arguments
    }

    /// Pushes and returns the digest podman says it pushed.
    func push(_ name: String, compression: String) throws -> String {
        let file = scratch.file("pushed-digest")
        try run(["push", "--tls-verify=false", "--compression-format", compression, "--digestfile", file, name])
        return try String(contentsOfFile: file, encoding: .utf8)
    }

    func inspect(_ name: String, _ format: String) throws -> String {
        try run(["image", "inspect", "--format", format, name]).lastLine
    }

    /// Runs an image and returns the line it prints.
    func runImage(_ name: String) throws -> String {
        // runc and low limits: containers start with these in a container or sandbox, too.
        let options = ["--network", "none", "--runtime", "runc", "--ulimit", "nofile=1024:1024"]
        return try run(["run", "--rm"] + options + ["--ulimit", "nproc=1024:1024", name]).lastLine
    }
}
