import Foundation
import Testing

extension EndToEnd {
    /// oras, Helm and dxf: clients of artifacts.
    @Suite struct PythonClientTests {
        private let images = Layout.current

        @Test(arguments: ["whole", "chunked"], Storage.tested)
        func orasKeepsAnArtifact(mode: String, storage: Storage) throws {
            try withRegistry(on: storage) { server, scratch in
                let oras = [Locations.python("python"), Locations.tool("oras-client.py")]
                let name = "\(server.host)/team/artifact"
                try images.push("app-1.1", to: server, repository: "team/artifact")
                let subject = try images.manifest("app-1.1")
                // Larger than the 4 MiB of a chunk, so that there is a second one.
                let file = try images.file(images.largestLayer(of: "app-1.1"))
                let about = """
                    {"mediaType":"\(subject.mediaType)","digest":"\(subject.digest)","size":\(subject.size)}
                    """
                let pushed = try scratch.run(oras + ["push", "\(name):v1", file, mode, about]).lastLine
                #expect(try server.digest(of: "v1", in: "team/artifact") == pushed)

                let pulled = try scratch.run(oras + ["pull", "\(name):v1", scratch.file("pulled")]).lastLine
                #expect(FileManager.default.contentsEqual(atPath: pulled, andPath: file))
                let tags = try scratch.run(oras + ["tags", name]).stdout.split(separator: "\n")
                #expect(tags.sorted() == ["app-1.1", "v1"])
                let referrers = try server.send("GET", "/v2/team/artifact/referrers/\(subject.digest)")
                #expect(try Manifest(json: referrers.body).manifests?.map(\.digest) == [pushed])

                try scratch.run(oras + ["delete", "\(name):v1"])
                #expect(try scratch.run(oras + ["tags", name]).stdout.split(separator: "\n") == ["app-1.1"])
                #expect(try scratch.attempt(oras + ["pull", "\(name):v1", scratch.file("again")]).status != 0)
            }
        }

        @Test(arguments: Storage.tested)
        func helmKeepsAChart(storage: Storage) throws {
            try withRegistry(on: storage) { server, scratch in
                let helm = [Locations.python("python"), Locations.tool("helm-client.py")]
                let chart = scratch.file("stowage-test-0.1.0.tgz")
                let content = try images.largestLayer(of: "helm-chart")
                try FileManager.default.copyItem(atPath: images.file(content), toPath: chart)
                try scratch.run(helm + ["push", chart, "\(server.host)/charts"])

                let name = "\(server.host)/charts/stowage-test"
                #expect(try scratch.run(helm + ["tags", name]).lastLine == "0.1.0")
                let digest = try server.digest(of: "0.1.0", in: "charts/stowage-test")
                #expect(try scratch.run(helm + ["digest", name + ":0.1.0"]).lastLine == digest)
                let layers = try server.manifest("0.1.0", in: "charts/stowage-test").layers
                #expect(layers?.map(\.digest) == [content])

                let directory = scratch.file("pulled")
                try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
                try scratch.run(helm + ["pull", name, "0.1.0", directory])
                let pulled = directory + "/stowage-test-0.1.0.tgz"
                #expect(FileManager.default.contentsEqual(atPath: pulled, andPath: chart))
            }
        }

        @Test(arguments: Storage.tested)
        func dxfKeepsABlob(storage: Storage) throws {
            try withRegistry(on: storage) { server, scratch in
                let digest = try images.largestLayer(of: "app-1.1")
                func dxf(_ arguments: String..., outputFile: String? = nil) throws -> String {
                    let settings = ["DXF_HOST": server.host, "DXF_INSECURE": "1"]
                    let command = [Locations.python("dxf")] + arguments
                    return try scratch.run(command, environment: settings, outputFile: outputFile).lastLine
                }
                #expect(try dxf("push-blob", "team/blobs", images.file(digest), "@alias") == digest)
                #expect(try dxf("get-alias", "team/blobs", "alias") == digest)
                #expect(try dxf("list-aliases", "team/blobs") == "alias")
                #expect(try dxf("list-repos") == "team/blobs")
                #expect(try dxf("mount-blob", "other/blobs", "team/blobs", digest) == digest)
                for repository in ["team/blobs", "other/blobs"] {
                    let pulled = scratch.file("pulled")
                    _ = try dxf("pull-blob", repository, digest, outputFile: pulled)
                    #expect(FileManager.default.contentsEqual(atPath: pulled, andPath: images.file(digest)))
                }
                _ = try dxf("del-alias", "team/blobs", "alias")
                #expect(try dxf("list-aliases", "team/blobs") == "")
            }
        }
    }
}
