import OCI
import TestSupport
import Testing

extension Robustness {
    /// The bucket misbehaves: whatever it does, a client sees success or an error that is worth another attempt, and
    /// never anything wrong or missing that is there.
    @Suite(.s3) struct S3FaultTests {
        /// What can happen to a single request, by name for the test's arguments.
        private static let faults: [(name: String, fault: Fault)] = [
            ("500", .answer(500, "InternalError")), ("503", .answer(503, "SlowDown")),
            ("403", .answer(403, "AccessDenied")), ("reset before it", .resetBeforeRequest),
            ("reset in its body", .resetInRequestBody), ("reset before the answer", .resetBeforeAnswer),
            ("reset in the answer", .resetInAnswerBody), ("cut answer", .truncateAnswer),
            ("late answer", .stallBeforeAnswer(milliseconds: 5000)),
            ("answer that stalls", .stallInAnswerBody(milliseconds: 5000)), ("twice", .twice),
            ("200 with an error, not done", .okWithError("InternalError", isDone: false)),
            ("200 with an error, done", .okWithError("InternalError", isDone: true)),
        ]

        /// Those whose answer is a 200 that says nothing of an error before its body.
        private static let answeredLate: [S3Operation] = [.completeMultipartUpload, .copyObject, .uploadPartCopy]

        /// Small parts, so that blobs of some megabytes have several; and short limits, so that a stall is found out.
        static let options = ["--s3-part-size", "5MiB", "--s3-answer-timeout", "1s", "--s3-stall-timeout", "1s"]

        /// Two servers on one place of a bucket, the second one behind a proxy.
        private func withServers(_ body: (ServerProcess, ServerProcess, FaultProxy, S3Place) async throws -> Void)
            async throws
        {
            let bucket = try S3Server.shared()
            let (place, proxy) = (S3Place(on: bucket), try FaultProxy(to: bucket))
            let direct = try await ServerProcess(place, Self.options, binary: Robustness.binary)
            let faulty = try await ServerProcess(place, through: proxy, Self.options, binary: Robustness.binary)
            try await body(direct, faulty, proxy, place)
            for server in [faulty, direct] { #expect(try await server.stop() == .status(0)) }
            proxy.stop()
            try place.removeAll()
        }

        /// Every single request of a push meets the fault once.
        @Test(arguments: faults.map(\.name), [PushForm.post, .put, .streamed])
        func aPushGoesOn(after name: String, form: PushForm) async throws {
            let fault = try #require(Self.faults.first { $0.name == name }).fault
            try await withServers { direct, faulty, proxy, place in
                let attempts = S3Attempts(faulty.client)
                let size = form == .post ? 100_000 : 6 << 20
                // The start of the server does not count.
                proxy.behave()
                try await SampleImage("clean", layerSize: size).push(attempts, as: form, to: "app/clean")
                let count = Self.candidates(for: fault, among: proxy.counter.requests).count
                // Only what is sent in parts is completed.
                #expect(count > 0 || form == .post)
                var met = 0
                // Finding out a stall takes its time.
                for number in stride(from: 0, to: count, by: name.contains("stall") || name.contains("late") ? 4 : 1) {
                    proxy.behave()
                    let skipped = Guarded(number)
                    proxy.misbehave { request in
                        guard !Self.candidates(for: fault, among: [request]).isEmpty else { return nil }
                        return skipped.change { rest in
                            rest -= 1
                            return rest == -1
                        } ? fault : nil
                    }
                    let image = SampleImage("\(name) \(form) \(number)", layerSize: size)
                    try await image.push(attempts, as: form, to: "app/n\(number)")
                    met += proxy.faults.count
                    // Through another server, which remembers nothing.
                    try await image.pull(S3Attempts(direct.client), from: "app/n\(number)")
                }
                let storage = try StorageCheck(place)
                let images = try storage.tagsLeadToEverything()
                #expect(images > count / 4 && met >= (images - 1) / 2)
                #expect(try storage.contentHashesToItsName() >= 2 * images)
            }
        }

        private static func candidates(for fault: Fault, among requests: [S3Request]) -> [S3Request] {
            guard case .okWithError = fault else { return requests }
            return requests.filter { answeredLate.contains($0.operation) }
        }

        /// Every single request of a pull meets the fault once.
        @Test(arguments: faults.map(\.name))
        func aPullGoesOn(after name: String) async throws {
            let fault = try #require(Self.faults.first { $0.name == name }).fault
            if case .okWithError = fault { return }
            try await withServers { direct, faulty, proxy, _ in
                let attempts = S3Attempts(faulty.client)
                var number = 0
                var isDone = false
                while !isDone {
                    let image = SampleImage("\(name) \(number)", layerSize: 3 << 20)
                    try await image.push(S3Attempts(direct.client), as: .put, to: "app/n\(number)")
                    proxy.behave()
                    proxy.add(fault, skipping: number)
                    try await image.pull(attempts, from: "app/n\(number)")
                    isDone = proxy.faults.isEmpty
                    number += 1
                }
                // A pull of two manifests and two blobs makes some requests.
                #expect(number > 3)
            }
        }

        /// For as long as the bucket refuses everything, so does the registry, and says that it is not the client's fault.
        @Test(arguments: [(403, "AccessDenied"), (500, "InternalError"), (503, "SlowDown")])
        func whatIsThereIsNeverSaidToBeMissing(status: Int, code: String) async throws {
            try await withServers { direct, faulty, proxy, _ in
                let image = SampleImage("kept \(status)")
                try await image.push(S3Attempts(direct.client), as: .post, to: "app")
                proxy.misbehave { _ in .answer(status, code) }
                let client = faulty.client
                for target in [
                    "manifests/latest", "manifests/\(image.manifest.digest)", "blobs/\(image.layer.digest)",
                    "tags/list",
                    "referrers/\(image.manifest.digest)",
                ] {
                    for method in ["GET", "HEAD"] where method == "GET" || !target.contains("/list") {
                        if method == "HEAD", target.hasPrefix("referrers") { continue }
                        let reply = try await client.send(method, "/v2/app/\(target)")
                        #expect((500...599).contains(reply.status), "\(method) \(target)")
                    }
                }
                let other = SampleImage("other \(status)")
                for form in PushForm.allCases {
                    #expect(try await S3Attempts(client).push(other.layer, as: form, to: "app") == nil, "\(form)")
                }
                #expect(try await S3Attempts(client).push(manifest: image.manifest, as: "other", to: "app") == nil)
                try await client.ask("/readyz") { $0.status == 503 }

                proxy.behave()
                try await client.ask("/readyz") { $0.status == 200 }
                try await image.pull(S3Attempts(client), from: "app")
                try await other.push(S3Attempts(client), as: .put, to: "app")
                try await other.pull(S3Attempts(direct.client), from: "app")
            }
        }

        /// Through a bucket that fails every fifth request in some way, pushes and pulls go on at once.
        @Test func amongManyFaultsNothingIsLost() async throws {
            var random = SeededGenerator(for: "S3 faults")
            let dice = Guarded(SeededGenerator(seed: random.next()))
            try await withServers { direct, faulty, proxy, place in
                proxy.misbehave { request in
                    dice.change { dice in
                        guard Int.random(in: 0..<5, using: &dice) == 0 else { return nil }
                        let fault = Self.faults[Int.random(in: 0..<Self.faults.count, using: &dice)].fault
                        return Self.candidates(for: fault, among: [request]).isEmpty ? nil : fault
                    }
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for pusher in 0..<4 {
                        group.addTask {
                            let attempts = S3Attempts(faulty.client)
                            for (number, form) in PushForm.allCases.enumerated() {
                                let size = [10, 70_000, 6 << 20][(pusher + number) % 3]
                                let image = SampleImage("\(pusher) \(number)", layerSize: size)
                                try await image.push(attempts, as: form, to: "app\(pusher)/n\(number)")
                                try await image.pull(attempts, from: "app\(pusher)/n\(number)")
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(proxy.faults.count > 10)
                proxy.behave()
                for pusher in 0..<4 {
                    for number in PushForm.allCases.indices {
                        let size = [10, 70_000, 6 << 20][(pusher + number) % 3]
                        let image = SampleImage("\(pusher) \(number)", layerSize: size)
                        try await image.pull(S3Attempts(direct.client), from: "app\(pusher)/n\(number)")
                    }
                }
                let storage = try StorageCheck(place)
                #expect(try storage.tagsLeadToEverything() == 20)
                let blobs = try storage.contentHashesToItsName()
                #expect(blobs >= 40)
                #expect(try faulty.process.peakMemory() < 256 << 20)
            }
        }
    }
}
