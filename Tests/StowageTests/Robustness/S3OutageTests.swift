import EventLoop
import OCI
import TestSupport
import Testing

extension Robustness {
    /// The gateway of the bucket is killed again and again while clients push and pull, and comes back.
    @Suite(.s3) struct S3OutageTests {
        private static let kills = 6
        private static let pushers = 4

        @Test(.timeLimit(.minutes(5)))
        func whatWasAcknowledgedSurvives() async throws {
            // Of its own: others must not see it die.
            let bucket = try S3Server(.ceph)
            let place = S3Place(on: bucket)
            let options = ["--s3-part-size", "5MiB", "--s3-attempts", "3"]
            let server = try await ServerProcess(place, options, binary: Robustness.binary)
            let acknowledged = Guarded<[(image: SampleImage, name: String)]>([])
            let isOver = Guarded(false)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for pusher in 0..<Self.pushers {
                    group.addTask {
                        try await OwnThread.run {
                            try await Self.push(pusher, server.client, acknowledged, until: { isOver.value })
                        }
                    }
                }
                let killed = await Result { try await OwnThread.run { try await Self.kill(bucket, acknowledged) } }
                isOver.change { $0 = true }
                try await group.waitForAll()
                try killed.get()
            }
            let attempts = S3Attempts(server.client)
            for entry in acknowledged.value { try await entry.image.pull(attempts, from: entry.name) }
            #expect(try server.process.peakMemory() < 256 << 20)
            #expect(try await server.stop() == .status(0))

            // Nor does another process miss anything, which remembers nothing.
            let other = try await ServerProcess(place, options, binary: Robustness.binary)
            for entry in acknowledged.value { try await entry.image.pull(S3Attempts(other.client), from: entry.name) }
            #expect(try await other.stop() == .status(0))
            let storage = try StorageCheck(place)
            #expect(try storage.contentHashesToItsName() >= acknowledged.value.count)
            #expect(try storage.tagsLeadToEverything() >= acknowledged.value.count)
        }

        /// Pushes one image after the other; what the server fails to do is tried again until it is done.
        private static func push(
            _ pusher: Int, _ client: RegistryClient, _ acknowledged: Guarded<[(image: SampleImage, name: String)]>,
            until isOver: () -> Bool
        ) async throws {
            let attempts = S3Attempts(client)
            for number in 0... {
                if isOver() { return }
                let form = PushForm.allCases[(pusher + number) % PushForm.allCases.count]
                let size = [1000, 200_000, 12 << 20][(pusher * 2 + number) % 3]
                let image = SampleImage("outage \(pusher) \(number)", layerSize: size)
                let name = "app\(pusher)/n\(number)"
                let end = EventLoop.now + 60
                while try await !isDone(image, attempts, form, name) {
                    try #require(EventLoop.now < end, "no success for a minute")
                }
                acknowledged.change { $0.append((image, name)) }
            }
        }

        private static func isDone(
            _ image: SampleImage, _ attempts: S3Attempts, _ form: PushForm, _ name: String
        ) async throws -> Bool {
            for blob in [image.layer, image.config] {
                guard try await attempts.push(blob, as: form, to: name) != nil else { return false }
            }
            return try await attempts.push(manifest: image.manifest, as: "latest", to: name) != nil
        }

        /// Kills and restarts the gateway in the middle of things, which go on in between.
        private static func kill(
            _ bucket: S3Server, _ acknowledged: Guarded<[(image: SampleImage, name: String)]>
        ) async throws {
            for _ in 0..<kills {
                let before = acknowledged.value.count
                try await eventually(timeout: 60) { acknowledged.value.count >= before + 5 }
                try bucket.kill()
                try bucket.restart()
            }
        }

        /// Without the gateway everything is an error worth another attempt, and said soon; nothing is said to be missing.
        @Test func withoutTheGatewayNothingIsSaidToBeMissing() async throws {
            let bucket = try S3Server(.ceph)
            let options = ["--s3-attempts", "2"]
            let server = try await ServerProcess(S3Place(on: bucket), options, binary: Robustness.binary)
            let attempts = S3Attempts(server.client)
            let image = SampleImage("kept")
            try await image.push(attempts, as: .put, to: "app")
            try bucket.kill()
            let clock = ContinuousClock()
            for method in ["GET", "HEAD"] {
                for target in ["manifests/other", "blobs/\(Content("other").digest)"] {
                    let start = clock.now
                    let reply = try await server.client.send(method, "/v2/app/\(target)")
                    #expect((500...599).contains(reply.status), "\(method) \(target)")
                    #expect(clock.now - start < .seconds(10))
                }
            }
            #expect(try await attempts.push(Content("new"), as: .streamed, to: "app") == nil)
            try await server.client.ask("/readyz") { $0.status == 503 }
            try bucket.restart()
            try await server.client.ask("/readyz") { $0.status == 200 }
            try await image.pull(attempts, from: "app")
            try await SampleImage("new").push(attempts, as: .streamed, to: "app")
            #expect(try await server.stop() == .status(0))
        }
    }
}

extension Result where Failure == any Error, Success: Sendable {
    /// What `body` returns or throws.
    fileprivate init(_ body: () async throws -> Success) async {
        do {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}
