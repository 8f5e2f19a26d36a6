import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// A bucket, or a directory in s3lo's local layout, that s3lo filled while the server was running.
    @Suite struct S3loTests {
        private let sample = S3loBucket.Sample()

        private func withBucket(
            on storage: Storage, _ body: (ServerProcess, Scratch) throws -> Void
        ) throws {
            try withRegistry(on: storage) { server, scratch in
                for (key, bytes) in sample.bucket.objects { try server.place.put(bytes, key) }
                try body(server, scratch)
                // Nothing of s3lo's was changed.
                let stored = try server.place.objects()
                for (key, bytes) in sample.bucket.objects { #expect(stored[key] == bytes.count, "\(key)") }
            }
        }

        @Test(arguments: Storage.tested)
        func skopeoCopiesChunkedAndNestedImagesAsTheyAre(storage: Storage) throws {
            try withBucket(on: storage) { server, scratch in
                for (name, tag, manifest) in [
                    ("team/plain", "v1", sample.plain), ("app", "v1", sample.chunked), ("app", "multi", sample.multi),
                    ("app", "bare", sample.bare),
                ] {
                    let pulled = scratch.file("pulled-\(tag)")
                    try scratch.run(Skopeo.pull(tag, from: "\(server.host)/\(name)", to: pulled))
                    let layout = try Layout(reading: pulled)
                    #expect(try layout.manifest(tag).digest == S3loBucket.address(manifest))
                    // skopeo has hashed each of them.
                    for blob in try layout.blobs(of: tag) {
                        #expect(try layout.bytes(blob).count == blob.size)
                    }
                }
            }
        }

        @Test(arguments: Storage.tested)
        func skopeoListsTagsAndInspectsByDigest(storage: Storage) throws {
            try withBucket(on: storage) { server, scratch in
                let name = "docker://\(server.host)/app"
                let listed = try scratch.run(["skopeo", "list-tags", "--tls-verify=false", name]).stdout
                #expect(["\"bare\"", "\"multi\"", "\"v1\""].allSatisfy { listed.contains($0) })
                #expect(!listed.contains("space") && !listed.contains("nested"))
                // A child of an index whose tag nobody has asked for.
                let child = S3loBucket.address(sample.children[1])
                let inspect = ["skopeo", "inspect", "--raw", "--tls-verify=false", "\(name)@\(child)"]
                #expect(try Array(scratch.run(inspect).stdout.utf8).starts(with: sample.children[1]))
                let catalog = try String(decoding: server.send("GET", "/v2/_catalog").body, as: UTF8.self)
                #expect(catalog.contains(#"["app","app/nested","team/plain"]"#))
            }
        }

        @Test(arguments: Storage.tested)
        func podmanUnpacksTheChunks(storage: Storage) throws {
            try withBucket(on: storage) { server, scratch in
                let podman = Podman(scratch: scratch, store: "one")
                for name in ["\(server.host)/app:v1", "\(server.host)/app:multi", "\(server.host)/team/plain:v1"] {
                    try podman.run(["pull", "--tls-verify=false", name])
                    // podman hashes what it unpacks and compares it with the config.
                    #expect(try podman.inspect(name, "{{len .RootFS.Layers}}") == "1")
                }
            }
        }

        @Test(arguments: Storage.tested)
        func orasPullsTheChunksAsOneFile(storage: Storage) throws {
            try withBucket(on: storage) { server, scratch in
                let oras = [Locations.python("python"), Locations.tool("oras-client.py")]
                for (name, manifest) in [("app", sample.chunked), ("team/plain", sample.plain)] {
                    let target = "\(server.host)/\(name):v1"
                    let pulled = try scratch.run(oras + ["pull", target, scratch.file("\(manifest.count)")]).lastLine
                    let layer = try #require(try Manifest(json: manifest).layers?.first)
                    let bytes = try Array(Data(contentsOf: URL(fileURLWithPath: pulled)))
                    #expect(bytes.count == layer.size && S3loBucket.address(bytes) == layer.digest)
                }
            }
        }

        @Test(arguments: Storage.tested)
        func sizesAndRangesAreThoseOfTheChunksTogether(storage: Storage) throws {
            try withBucket(on: storage) { server, _ in
                let descriptor = try #require(try Manifest(json: sample.chunked).layers?.first)
                let target = "/v2/app/blobs/\(descriptor.digest)"
                #expect(try server.send("HEAD", target)["Content-Length"] == "\(descriptor.size)")
                let whole = try server.send("GET", target)
                #expect(whole.status == 200 && S3loBucket.address(whole.body) == descriptor.digest)
                for range in [0..<10, 99_000..<101_000, 150_000..<450_000, descriptor.size - 5..<descriptor.size] {
                    let field = "Range: bytes=\(range.lowerBound)-\(range.upperBound - 1)"
                    let part = try server.send("GET", target, headers: [field])
                    #expect(part.status == 206 && part.body == Array(whole.body[range]))
                }
            }
        }

        @Test(arguments: Storage.tested)
        func damagedLayersFailBeforeTheFirstByte(storage: Storage) throws {
            var damaged = S3loBucket()
            let layers = [1, 2].map { seed in
                damaged.chunkedLayer(sampleBytes(50_000, seed: seed), cuts: [20_000])
            }
            damaged.objects["chunks/sha256/\(layers[0].chunks[1])"] = nil
            damaged.objects["recipes/sha256/\(layers[1].address.dropFirst("sha256:".count))"]? += Array(" ,".utf8)
            try withRegistry(on: storage) { server, _ in
                for (key, bytes) in damaged.objects { try server.place.put(bytes, key) }
                for layer in layers {
                    for method in ["HEAD", "GET"] {
                        #expect(try server.send(method, "/v2/app/blobs/\(layer.address)").status == 503)
                    }
                }
            }
        }

        @Test(arguments: Storage.tested)
        func immutableTagsAreNeitherMovedNorDeleted(storage: Storage) throws {
            let images = Layout.current
            try withRegistry(on: storage) { server, scratch in
                let settings = "default:\n    immutable: false\nimages:\n    team/*:\n        immutable: true\n"
                try server.place.put(Array(settings.utf8), "s3lo.yaml")
                let name = "\(server.host)/team/app"
                func push(_ tag: String) throws -> Shell.Output {
                    try scratch.attempt([
                        "skopeo", "copy", "--preserve-digests", "--dest-tls-verify=false",
                        "oci:\(images.path):\(tag)", "docker://\(name):stable",
                    ])
                }
                #expect(try push("app-1.1").status == 0)
                #expect(try push("app-1.1").status == 0, "the same again")
                let refused = try push("app-1.2")
                #expect(refused.status != 0 && refused.stderr.contains("s3lo.yaml"))
                #expect(try server.send("DELETE", "/v2/team/app/manifests/stable").status == 403)
                #expect(try server.digest(of: "stable", in: "team/app") == images.manifest("app-1.1").digest)
                #expect(try server.place.objects()["s3lo.yaml"] == settings.utf8.count)
            }
        }
    }
}
