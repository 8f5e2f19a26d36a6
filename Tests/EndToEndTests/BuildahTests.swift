import Foundation
import Testing

extension EndToEnd {
    @Suite struct BuildahTests {
        private let images = Layout.current

        @Test(arguments: ["gzip", "zstd", "zstd:chunked"], Storage.tested)
        func buildsPushesAndPulls(compression: String, storage: Storage) throws {
            try withRegistry(on: storage) { server, scratch in
                let builder = Buildah(scratch: scratch, store: "builder")
                let name = "\(server.host)/built:v1"
                try builder.build(name, from: images, tag: "app-1.1")
                let pushed = try builder.push(["push"], ["--compression-format", compression, name])
                #expect(try server.digest(of: "v1", in: "built") == pushed)

                let layer = try #require(try server.manifest("v1", in: "built").layers?.first)
                let form = compression.prefix { $0 != ":" }
                #expect(layer.mediaType == "application/vnd.oci.image.layer.v1.tar+\(form)")
                let checksum = layer.annotations?["io.containers.zstd-chunked.manifest-checksum"]
                #expect((checksum != nil) == (compression == "zstd:chunked"))

                let puller = Buildah(scratch: scratch, store: "puller")
                try puller.run(["pull", "--tls-verify=false", name])
                #expect(try puller.inspect(name, "{{.FromImageDigest}}") == pushed)
                // buildah hashes each layer as it unpacks it.
                let layers = "{{.OCIv1.RootFS.DiffIDs}}"
                #expect(try puller.inspect(name, layers) == builder.inspect(name, layers))
            }
        }

        @Test(arguments: Storage.tested)
        func pushesAManifestListWithItsImages(storage: Storage) throws {
            try withRegistry(on: storage) { server, scratch in
                let buildah = Buildah(scratch: scratch, store: "store")
                try buildah.run(["manifest", "create", "list"])
                for (name, tag) in [("one", "app-1.1"), ("two", "app-1.2")] {
                    try buildah.build("localhost/\(name)", from: images, tag: tag)
                    try buildah.run(["manifest", "add", "list", "localhost/\(name)"])
                }
                let pushed = try buildah.push(
                    ["manifest", "push"], ["--all", "list", "docker://\(server.host)/multi:v1"])
                #expect(try server.digest(of: "v1", in: "multi") == pushed)
                #expect(try server.manifest("v1", in: "multi").manifests?.count == 2)

                let pulled = scratch.file("pulled")
                try scratch.run(Skopeo.pull("v1", from: "\(server.host)/multi", to: pulled))
                #expect(try Layout(reading: pulled).manifest("v1").digest == pushed)
            }
        }
    }
}

/// buildah with a store of its own.
struct Buildah {
    let scratch: Scratch
    let store: String

    @discardableResult
    func run(_ arguments: [String]) throws -> Shell.Output { try scratch.run(command(arguments)) }

    /// The same for what may fail.
    func attempt(_ arguments: [String]) throws -> Shell.Output { try scratch.attempt(command(arguments)) }

    private func command(_ arguments: [String]) -> [String] {
        let root = scratch.file(store)
        let own = ["buildah", "--root", root + "/store", "--runroot", root + "/run", "--storage-driver", "vfs"]
        return own + arguments
    }

    /// Makes an image of the files in the newest layer of one of the test images.
    func build(_ name: String, from images: Layout, tag: String) throws {
        let layer = try #require(try Manifest(json: images.bytes(images.manifest(tag))).layers?.last)
        let container = try run(["from", "scratch"]).lastLine
        try run(["add", container, images.file(layer.digest), "/"])
        try run(["config", "--cmd", "/bin/app", container])
        try run(["commit", "--timestamp", "0", container, name])
    }

    /// Pushes and returns the digest buildah says it pushed.
    func push(_ command: [String], _ arguments: [String]) throws -> String {
        let file = scratch.file("pushed-digest")
        try run(command + ["--tls-verify=false", "--digestfile", file] + arguments)
        return try String(contentsOfFile: file, encoding: .utf8)
    }

    func inspect(_ name: String, _ format: String) throws -> String {
        try run(["inspect", "--type", "image", "--format", format, name]).lastLine
    }
}
