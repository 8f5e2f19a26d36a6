import OCI
import TestSupport
import Testing

extension Robustness {
    /// Two processes serve one directory: what one did, the other one shows at once.
    @Suite struct TwoProcessesTests {
        private static let rounds = 40

        private func withTwo(_ body: (ServerProcess, ServerProcess) async throws -> Void) async throws {
            try await withRobustServer { one in
                let other = try await ServerProcess(storage: one.storage, binary: Robustness.binary)
                try await body(one, other)
                #expect(try await other.stop() == .status(0))
            }
        }

        @Test func aPushThroughOneIsSeenThroughTheOther() async throws {
            try await withTwo { one, other in
                for round in 0..<Self.rounds {
                    let (from, to) = round % 2 == 0 ? (one.client, other.client) : (other.client, one.client)
                    let name = "app\(round)"
                    let blob = Content("layer \(round)")
                    let manifest = Content.manifest(config: blob, layers: [], note: "\(round)")
                    // Asked before it is there: nothing may be remembered of that.
                    try await to.expect(404, "HEAD", "/v2/\(name)/blobs/\(blob.digest)")
                    try await to.expect(404, "GET", "/v2/\(name)/manifests/latest")
                    try await to.expect(404, "GET", "/v2/\(name)/tags/list")
                    try await from.push(blob, to: name)
                    #expect(try await to.has(blob, in: name))
                    try await from.push(manifest: manifest, as: "latest", to: name)
                    #expect(try await to.has(manifest: manifest, as: "latest", in: name))
                    #expect(try await to.has(manifest: manifest, in: name))
                    #expect(try await to.expect(200, "GET", "/v2/\(name)/tags/list").text.contains("\"latest\""))
                    #expect(try await to.expect(200, "GET", "/v2/_catalog").text.contains("\"\(name)\""))
                    let referrer = Content.manifest(config: blob, layers: [], note: "signature", subject: manifest)
                    try await from.push(manifest: referrer, to: name)
                    let referrers = try await to.expect(200, "GET", "/v2/\(name)/referrers/\(manifest.digest)")
                    #expect(referrers.text.contains(referrer.digest.string))
                }
            }
        }

        /// The tag is in the other one's memory each time it moves, and the new manifest has the same size.
        @Test func aTagThatMovesIsNeverOld() async throws {
            try await withTwo { one, other in
                let blob = Content("layer")
                try await one.client.push(blob, to: "app")
                let clock = ContinuousClock()
                for round in 100..<100 + Self.rounds {
                    let manifest = Content.manifest(config: blob, layers: [], note: "\(round)")
                    let (from, to) = round % 2 == 0 ? (one.client, other.client) : (other.client, one.client)
                    try await from.push(manifest: manifest, as: "latest", to: "app")
                    // A file is remembered once its last change is well in the past.
                    let pushed = clock.now
                    repeat {
                        #expect(try await to.has(manifest: manifest, as: "latest", in: "app"))
                        #expect(try await from.has(manifest: manifest, as: "latest", in: "app"))
                    } while clock.now - pushed < .milliseconds(30)
                }
            }
        }

        @Test func anUploadGoesFromOneToTheOtherWithEveryRequest() async throws {
            try await withTwo { one, other in
                let content = Content(sampleBytes(3_000_000), .sha512)
                let clients = [one.client, other.client]
                var location = try await one.client.startUpload("app")
                var offset = 0
                for turn in 1... {
                    let client = clients[turn % 2]
                    let end = min(offset + 70_000 + turn * 1000, content.bytes.count)
                    if end == content.bytes.count { break }
                    let status = try await client.expect(204, "GET", location)
                    #expect(status["Range"] == "0-\(max(0, offset - 1))")
                    let reply = try await client.expect(
                        202, "PATCH", location, [("Content-Range", "\(offset)-\(end - 1)")],
                        .counted(Array(content.bytes[offset..<end])))
                    location = try #require(reply["Location"])
                    offset = end
                }
                let rest = Array(content.bytes[offset...])
                try await clients[1].expect(201, "PUT", location.closing(content.digest), [], .counted(rest))
                for client in clients { #expect(try await client.has(content, in: "app")) }
                // Ended for both.
                for client in clients { try await client.expect(404, "GET", location) }
            }
        }

        @Test func pushesOfTheSameAtOnceDoNotDisturbEachOther() async throws {
            try await withTwo { one, other in
                let clients = [one.client, other.client]
                for round in 0..<10 {
                    let blob = Content(sampleBytes(200_000, seed: round))
                    let manifests = (0..<8).map { Content.manifest(config: blob, layers: [], note: "\(round) \($0)") }
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for (index, manifest) in manifests.enumerated() {
                            group.addTask {
                                let client = clients[index % 2]
                                let location = try await client.startUpload("app")
                                let next = try await client.expect(202, "PATCH", location, [], .chunked(blob.bytes))
                                let target = try #require(next["Location"]).closing(blob.digest)
                                try await client.expect(201, "PUT", target, [], .counted([]))
                                try await client.push(manifest: manifest, as: "latest", to: "app")
                                try await client.push(manifest: manifest, as: "tag\(index)", to: "app")
                                #expect(try await clients[1 - index % 2].has(blob, in: "app"))
                            }
                        }
                        try await group.waitForAll()
                    }
                    let tagged = try await one.client.expect(200, "GET", "/v2/app/manifests/latest").body
                    #expect(manifests.contains { $0.bytes == tagged })
                    for (index, manifest) in manifests.enumerated() {
                        #expect(try await clients[index % 2].has(manifest: manifest, as: "tag\(index)", in: "app"))
                        #expect(try await clients[1 - index % 2].has(manifest: manifest, in: "app"))
                    }
                }
                let storage = StorageCheck(one.storage)
                #expect(try storage.contentHashesToItsName() >= 10)
                #expect(try storage.tagsLeadToEverything() == 9)
            }
        }

        @Test func aDeleteThroughOneIsSeenThroughTheOther() async throws {
            try await withTwo { one, other in
                for round in 0..<Self.rounds {
                    let (from, to) = round % 2 == 0 ? (one.client, other.client) : (other.client, one.client)
                    let blob = Content("layer \(round)")
                    let manifest = Content.manifest(config: blob, layers: [], note: "\(round)")
                    try await from.push(blob, to: "app")
                    for tag in ["a", "b"] { try await from.push(manifest: manifest, as: tag, to: "app") }
                    // So that the other one has it in memory.
                    for tag in ["a", "b"] { #expect(try await to.has(manifest: manifest, as: tag, in: "app")) }
                    #expect(try await to.has(blob, in: "app"))
                    try await from.expect(202, "DELETE", "/v2/app/manifests/a")
                    try await to.expect(404, "GET", "/v2/app/manifests/a")
                    try await to.expect(200, "GET", "/v2/app/manifests/b")
                    try await from.expect(202, "DELETE", "/v2/app/manifests/\(manifest.digest)")
                    try await to.expect(404, "GET", "/v2/app/manifests/b")
                    try await to.expect(404, "HEAD", "/v2/app/manifests/\(manifest.digest)")
                    try await from.expect(202, "DELETE", "/v2/app/blobs/\(blob.digest)")
                    try await to.expect(404, "HEAD", "/v2/app/blobs/\(blob.digest)")
                    try await to.expect(404, "GET", "/v2/app/blobs/\(blob.digest)")
                }
            }
        }

        /// The one that comes later uses the secret of the first: a session belongs to the directory, not to a process.
        @Test func twoThatStartAtOnceAgreeOnASecret() async throws {
            for _ in 0..<5 {
                let directory = try TemporaryDirectory()
                async let first = ServerProcess(storage: "\(directory.path)/new", binary: Robustness.binary)
                async let second = ServerProcess(storage: "\(directory.path)/new", binary: Robustness.binary)
                let servers = [try await first, try await second]
                for (from, to) in [(0, 1), (1, 0)] {
                    let location = try await servers[from].client.startUpload("app")
                    try await servers[to].client.expect(204, "GET", location)
                }
                for server in servers { #expect(try await server.stop() == .status(0)) }
            }
        }
    }
}
