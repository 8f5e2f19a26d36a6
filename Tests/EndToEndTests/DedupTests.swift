import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// What several repositories share is stored once, whoever pushed it, and what is there is not sent again.
    @Suite struct DedupTests {
        private static let releases = (1...10).map { "app-1.\($0)" }
        private let images = Layout.current

        @Test(arguments: Storage.tested)
        func tenReleasesInManyRepositoriesAreStoredOnce(storage: Storage) throws {
            try withRegistry(on: storage) { server, scratch in
                for tag in Self.releases { try pushAsItIs(tag, to: "skopeo/app", server, scratch) }
                for tag in Self.releases.suffix(3) { try pushAsItIs(tag, to: "skopeo/other", server, scratch) }
                try pushByPodman(Self.releases, to: "podman/app", server, scratch)
                try pushByDocker(Self.releases, to: "docker/app", server, scratch)
                let all = Set(Self.releases)
                let account = try Account(
                    of: ["skopeo/app": all, "podman/app": all, "docker/app": all, "skopeo/other": []], on: server)
                // Four shared layers, and for each release one of its own and a config, in each client's form: skopeo
                // keeps the bytes, podman and docker compress anew.
                let own = Set(images.tags.keys).intersection(all).count * 2
                #expect(account.blobs.count >= 4 + own && account.blobs.count <= 3 * (4 + own))
                try account.expectStored(in: server.place)
            }
        }

        @Test(arguments: Storage.tested)
        func anIndexOverTwoPlatformsStoresSharedLayersOnce(storage: Storage) throws {
            try withRegistry(on: storage) { server, scratch in
                try pushAsItIs("multi", to: "team/app", server, scratch)
                let account = try Account(of: ["team/app": ["multi"]], on: server)
                let layers = try images.manifests(of: "multi").flatMap {
                    try Manifest(json: images.bytes($0)).layers ?? []
                }
                #expect(Set(layers.map(\.digest)).count < layers.count, "the platforms share nothing")
                #expect(Set(layers.map(\.digest)).isSubset(of: account.blobs.keys))
                try account.expectStored(in: server.place)
            }
        }

        /// Neither from the client to the server nor from there to the bucket.
        @Test(arguments: Storage.tested)
        func anUnchangedPushMovesNoLayer(storage: Storage) throws {
            let proxy = try storage == .bucket ? FaultProxy(to: S3Server.shared()) : nil
            try withRegistry(on: storage, through: proxy) { server, scratch in
                let manifests = try images.manifests(of: "multi").map(\.size).reduce(0, +)
                try pushAsItIs("multi", to: "team/app", server, scratch)
                let stored = try server.place.objects()
                for repository in ["team/app", "team/app", "other/place"] {
                    let before = try server.receivedBytes()
                    proxy?.counter.reset()
                    try pushAsItIs("multi", to: repository, server, scratch)
                    #expect(try server.receivedBytes() - before <= manifests)
                    if let counter = proxy?.counter {
                        let parts: [S3Operation] = [.createMultipartUpload, .uploadPart, .uploadPartCopy, .copyObject]
                        #expect(parts.allSatisfy { counter[$0] == 0 }, "\(counter.counts)")
                        // A manifest is stored as content, as the repository's record and as the tag's.
                        #expect(counter.bytesSent <= 3 * manifests)
                    }
                    if repository == "team/app" { #expect(try server.place.objects() == stored) }
                }
                let account = try Account(of: ["team/app": ["multi"], "other/place": ["multi"]], on: server)
                try account.expectStored(in: server.place)
            }
        }

        // MARK: Clients

        private func pushAsItIs(
            _ tag: String, to repository: String, _ server: ServerProcess, _ scratch: Scratch
        ) throws {
            try scratch.run(Skopeo.push(tag, of: images, to: "\(server.host)/\(repository)"))
        }

        private func pushByPodman(
            _ tags: [String], to repository: String, _ server: ServerProcess, _ scratch: Scratch
        ) throws {
            let podman = Podman(scratch: scratch, store: "podman")
            for tag in tags {
                let id = try podman.run(["pull", "oci:\(images.path):\(tag)"]).lastLine
                let name = "\(server.host)/\(repository):\(tag)"
                try podman.run(["tag", id, name])
                _ = try podman.push(name, compression: "gzip")
            }
        }

        private func pushByDocker(
            _ tags: [String], to repository: String, _ server: ServerProcess, _ scratch: Scratch
        ) throws {
            let docker = try Docker(scratch: scratch)
            defer { docker.stop() }
            for tag in tags {
                let archive = scratch.file("\(tag).tar")
                let name = "\(server.host)/\(repository):\(tag)"
                try scratch.run(["skopeo", "copy", "oci:\(images.path):\(tag)", "docker-archive:\(archive):\(name)"])
                try docker.run(["load", "--input", archive])
                _ = try docker.push(name)
            }
        }
    }
}
