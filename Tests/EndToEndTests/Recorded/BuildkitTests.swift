import Foundation
import Synchronization
import Testing

extension EndToEnd {
    /// buildkit: exports an image with its attestation and the build cache at the same time, to two repositories.
    @Suite struct BuildkitTests {
        private let images = Layout.current

        @Test(arguments: ["cache", "cache-index"], Storage.tested)
        func exportsImageAndCacheAtOnce(cache: String, storage: Storage) throws {
            try withRegistry(on: storage) { server, _ in
                let image = try images.blobs(of: "multi").map { ("team/app", $0) }
                let layers = try images.blobs(of: cache).map { ("team/cache", $0) }
                // The same layers go to both repositories in the same moment, each on a connection of its own.
                try inParallel(image + layers) { [images] repository, blob in
                    let buildkit = client(of: server)
                    let target = "/v2/\(repository)/blobs/\(blob.digest)"
                    let fields = ["Accept: \(blob.mediaType), */*"]
                    if try buildkit.send("HEAD", target, fields).status != 200 {
                        try buildkit.putWhole(blob, of: images, to: repository)
                    }
                }
                try pushManifests(of: "multi", to: "team/app", server)
                try pushManifests(of: cache, to: "team/cache", server)
                try expectAll(of: "multi", in: "team/app", server)
                try expectAll(of: cache, in: "team/cache", server)
            }
        }

        private func pushManifests(of tag: String, to repository: String, _ server: ServerProcess) throws {
            let buildkit = client(of: server)
            let top = try images.manifest(tag)
            for manifest in try images.manifests(of: tag) {
                let reference = manifest.digest == top.digest ? tag : manifest.digest
                #expect(try buildkit.digestBeforePush(of: reference, manifest, in: repository) == nil)
                try buildkit.putManifest(manifest, of: images, to: repository, as: reference)
            }
        }

        private func expectAll(of tag: String, in repository: String, _ server: ServerProcess) throws {
            let buildkit = client(of: server)
            let top = try images.manifest(tag)
            for manifest in try images.manifests(of: tag) {
                let reference = manifest.digest == top.digest ? tag : manifest.digest
                let fields = ["Accept: \(manifest.mediaType), */*"]
                try buildkit.expectManifest(manifest, of: images, in: repository, as: reference, fields)
            }
            for blob in try images.blobs(of: tag) {
                let encodings = "Accept-Encoding: zstd;q=1.0, gzip;q=0.8, deflate;q=0.5"
                let fields = ["Accept: \(blob.mediaType), */*", encodings]
                try buildkit.expectBlob(blob, of: images, in: repository, fields)
            }
        }

        private func client(of server: ServerProcess) -> ReplayedClient {
            let trace = "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            return ReplayedClient(server: server, userAgent: "buildkit/v0.26", fields: [trace])
        }
    }
}

/// Runs `body` on every item at once, each on a thread of its own; throws the first error.
private func inParallel<Item: Sendable>(
    _ items: [Item], _ body: @escaping @Sendable (Item) throws -> Void
) throws {
    let failure = Mutex<(any Error)?>(nil)
    let group = DispatchGroup()
    for item in items {
        group.enter()
        Thread.detachNewThread {
            defer { group.leave() }
            do {
                try body(item)
            } catch {
                failure.withLock { $0 = $0 ?? error }
            }
        }
    }
    group.wait()
    if let error = failure.withLock({ $0 }) { throw error }
}
