import Foundation
import Testing

extension EndToEnd {
    @Suite struct SkopeoTests {
        private let images = Layout.current

        @Test(
            arguments: [
                "app-1.1", "app-zstd", "app-tar", "multi", "ref-sbom", "ref-on-ref", "helm-chart", "cache",
            ], Storage.tested)
        func keepsEveryByte(of tag: String, storage: Storage) throws {
            try withRegistry(on: storage) { server, scratch in
                try push(tag, to: "team/app", on: server, scratch)
                #expect(try server.digest(of: tag, in: "team/app") == images.manifest(tag).digest)
                try pull(tag, from: "team/app", on: server, scratch)
            }
        }

        @Test(arguments: ["big", "many-layers"], Storage.tested)
        func keepsEveryByteOfMuch(tag: String, storage: Storage) throws {
            try withRegistry(on: storage) { server, scratch in
                try push(tag, to: "much", on: server, scratch, limit: .seconds(60))
                try pull(tag, from: "much", on: server, scratch, limit: .seconds(60))
            }
        }

        @Test(arguments: Storage.tested)
        func inspectsListsAndDeletes(storage: Storage) throws {
            try withRegistry(on: storage) { server, scratch in
                for tag in ["app-1.1", "app-1.2", "multi"] { try push(tag, to: "app", on: server, scratch) }
                let inspect = ["skopeo", "inspect", "--tls-verify=false", "docker://\(server.host)/app:app-1.2"]
                let about = try JSONDecoder().decode(Inspection.self, from: Data(scratch.run(inspect).stdout.utf8))
                #expect(try about.digest == images.manifest("app-1.2").digest)
                #expect(about.tags.sorted() == ["app-1.1", "app-1.2", "multi"])

                try scratch.run(["skopeo", "delete", "--tls-verify=false", "docker://\(server.host)/app:app-1.2"])
                #expect(try scratch.attempt(inspect).status != 0)
                let list = ["skopeo", "list-tags", "--tls-verify=false", "docker://\(server.host)/app"]
                let left = try JSONDecoder().decode(TagList.self, from: Data(scratch.run(list).stdout.utf8))
                #expect(left.tags.sorted() == ["app-1.1", "multi"])
                // What the deleted manifest shared with others is still there.
                try pull("app-1.1", from: "app", on: server, scratch)
            }
        }

        @Test(arguments: Storage.tested)
        func copiesBetweenRepositories(storage: Storage) throws {
            try withRegistry(on: storage) { server, scratch in
                try push("multi", to: "team/app", on: server, scratch)
                try scratch.run([
                    "skopeo", "copy", "--all", "--preserve-digests", "--src-tls-verify=false",
                    "--dest-tls-verify=false", "docker://\(server.host)/team/app:multi",
                    "docker://\(server.host)/other/place:multi",
                ])
                try pull("multi", from: "other/place", on: server, scratch)
            }
        }

        @Test(arguments: Storage.tested)
        func synchronisesARepositoryToADirectoryAndBack(storage: Storage) throws {
            try withRegistry(on: storage) { server, scratch in
                for tag in ["app-1.1", "app-1.2", "multi"] { try push(tag, to: "team/app", on: server, scratch) }
                let directory = scratch.file("synchronised")
                try scratch.run([
                    "skopeo", "sync", "--all", "--src", "docker", "--dest", "dir", "--src-tls-verify=false",
                    "\(server.host)/team/app", directory,
                ])
                try scratch.run([
                    "skopeo", "sync", "--all", "--src", "dir", "--dest", "docker", "--dest-tls-verify=false",
                    directory, "\(server.host)/mirror",
                ])
                for tag in ["app-1.1", "app-1.2", "multi"] { try pull(tag, from: "mirror/app", on: server, scratch) }
            }
        }

        private func push(
            _ tag: String, to repository: String, on server: ServerProcess, _ scratch: Scratch,
            limit: Duration = Scratch.promptly
        ) throws {
            try scratch.run(Skopeo.push(tag, of: images, to: "\(server.host)/\(repository)"), limit: limit)
        }

        private func pull(
            _ tag: String, from repository: String, on server: ServerProcess, _ scratch: Scratch,
            limit: Duration = Scratch.promptly
        ) throws {
            let pulled = scratch.file("pulled")
            try scratch.run(Skopeo.pull(tag, from: "\(server.host)/\(repository)", to: pulled), limit: limit)
            try images.expectSame(in: Layout(reading: pulled), tag: tag)
        }
    }
}

/// Commands of skopeo that other tests use as well.
enum Skopeo {
    /// Pushes a tag of a layout as it is, with all its platforms.
    static func push(_ tag: String, of layout: Layout, to repository: String) -> [String] {
        [
            "skopeo", "copy", "--all", "--preserve-digests", "--dest-tls-verify=false", "oci:\(layout.path):\(tag)",
            "docker://\(repository):\(tag)",
        ]
    }

    /// Pulls a tag as it is, with all its platforms, into the layout at `path`.
    static func pull(_ tag: String, from repository: String, to path: String) -> [String] {
        [
            "skopeo", "copy", "--all", "--preserve-digests", "--src-tls-verify=false", "docker://\(repository):\(tag)",
            "oci:\(path):\(tag)",
        ]
    }
}

private struct Inspection: Decodable {
    let digest: String
    let tags: [String]

    enum CodingKeys: String, CodingKey {
        case digest = "Digest"
        case tags = "RepoTags"
    }
}

private struct TagList: Decodable {
    let tags: [String]

    enum CodingKeys: String, CodingKey {
        case tags = "Tags"
    }
}
