import Glibc
import OCI
import TestSupport
import Testing

extension Robustness {
    /// Several servers on one bucket: any of them goes on with what another one began.
    @Suite(.s3) struct S3ReplicaTests {
        private static let options = ["--s3-part-size", "5MiB"]

        private static func start(_ place: S3Place, through proxy: FaultProxy? = nil) async throws -> ServerProcess {
            try await ServerProcess(place, through: proxy, options, binary: Robustness.binary)
        }

        // MARK: Each request to another one

        /// Sizes around nothing, a part, and several parts.
        private static let sizes = [0, 1, 300_000, 5 << 20, (5 << 20) + 1, 17 << 20]

        @Test(arguments: PushForm.allCases)
        func everyRequestGoesToAnotherReplica(form: PushForm) async throws {
            let place = S3Place(on: try S3Server.shared())
            var servers: [ServerProcess] = []
            for _ in 0..<3 { servers.append(try await Self.start(place)) }
            let clients = servers.map(\.client)
            let attempts = S3Attempts(clients)
            for (number, size) in Self.sizes.enumerated() {
                // The first request goes to each of them in turn.
                for first in 0..<(size > 5 << 20 ? 1 : 3) {
                    let algorithm: Digest.Algorithm = (number + first) % 2 == 0 ? .sha256 : .sha512
                    let blob = Content(sampleBytes(size, seed: number * 3 + first), algorithm)
                    try #require(try await attempts.push(blob, as: form, to: "app") != nil, "\(size)")
                    for client in clients { #expect(try await client.has(blob, in: "app")) }
                    try await shift(attempts)
                }
            }
            for server in servers { #expect(try await server.stop() == .status(0)) }
            _ = try StorageCheck(place).contentHashesToItsName()
            #expect(try place.unfinishedUploads() == [])
            try place.removeAll()
        }

        /// One request more, so that the next upload begins elsewhere.
        private func shift(_ attempts: S3Attempts) async throws {
            _ = try await attempts.send(200, "GET", "/v2/")
        }

        /// Pieces of all sizes, each to another replica, with a question in between that a third one answers.
        @Test func anUploadOfManyPiecesGoesRound() async throws {
            let place = S3Place(on: try S3Server.shared())
            var servers: [ServerProcess] = []
            for _ in 0..<3 { servers.append(try await Self.start(place)) }
            let attempts = S3Attempts(servers.map(\.client))
            let blob = Content(sampleBytes(19_000_000), .sha512)
            var location = try #require(
                try await attempts.send(202, "POST", "/v2/app/blobs/uploads/", [], .counted([]))?["Location"])
            var offset = 0
            for (number, size) in [1, 70_000, 6 << 20, 5 << 20, 5_000, 4_000_000].enumerated() {
                let piece = Array(blob.bytes[offset..<offset + size])
                let isStreamed = number % 2 == 1
                let fields = isStreamed ? [] : [("Content-Range", "\(offset)-\(offset + size - 1)")]
                let payload: Payload = isStreamed ? .chunked(piece) : .counted(piece)
                let reply = try #require(try await attempts.send(202, "PATCH", location, fields, payload))
                offset += size
                #expect(reply["Range"] == "0-\(offset - 1)")
                location = try #require(reply["Location"])
                let status = try #require(try await attempts.send(204, "GET", location))
                #expect(status["Range"] == "0-\(offset - 1)")
            }
            let rest = Array(blob.bytes[offset...])
            _ = try #require(try await attempts.send(201, "PUT", location.closing(blob.digest), [], .counted(rest)))
            for server in servers {
                #expect(try await server.client.has(blob, in: "app"))
                #expect(try await server.stop() == .status(0))
            }
        }

        // MARK: Kills

        /// Before or after a request to the bucket takes effect.
        enum Side: CaseIterable, Sendable {
            case before, after
        }

        /// At every request that a push makes to the bucket, the replica that makes it is killed; another one finishes.
        @Test(arguments: [PushForm.put, .streamed, .pieces], Side.allCases)
        func killedAtEveryStepAnotherOneFinishes(form: PushForm, side: Side) async throws {
            let bucket = try S3Server.shared()
            let (place, proxy) = (S3Place(on: bucket), try FaultProxy(to: bucket))
            let survivor = try await Self.start(place)
            var number = 0
            var wasKilled = true
            while wasKilled {
                let image = SampleImage("\(form) \(side) \(number)", layerSize: 6 << 20)
                let replica = try await Self.start(place, through: proxy)
                proxy.behave()
                proxy.add(
                    .interrupt(isDone: side == .after) { replica.process.send(SIGKILL) }, skipping: number)
                try await push(image, as: form, to: "app/n\(number)", replica.client, survivor.client)
                try await image.pull(S3Attempts(survivor.client), from: "app/n\(number)")
                wasKilled = !proxy.faults.isEmpty
                #expect(try await replica.stop() == (wasKilled ? .signal(SIGKILL) : .status(0)))
                number += 1
            }
            #expect(number > 5)
            #expect(try await survivor.stop() == .status(0))
            let storage = try StorageCheck(place)
            #expect(try storage.tagsLeadToEverything() == number)
            #expect(try storage.contentHashesToItsName() >= number)
            proxy.stop()
            try place.removeAll()
        }

        /// Pushes through the first one; what that does not answer, the second one does.
        private func push(
            _ image: SampleImage, as form: PushForm, to name: String, _ first: RegistryClient, _ second: RegistryClient
        ) async throws {
            let attempts = S3Attempts(first)
            for blob in [image.layer, image.config] {
                var upload = S3Upload(blob, to: name)
                if try await upload.push(as: form, attempts) == nil { try await upload.resume(second) }
            }
            if try await attempts.push(manifest: image.manifest, as: "latest", to: name) == nil {
                try await second.push(manifest: image.manifest, as: "latest", to: name)
            }
        }
    }
}
