import EventLoop
import Glibc
import OCI
import Synchronization
import TestSupport
import Testing

extension Robustness {
    /// The server is killed without warning in the middle of many pushes, and started anew on the same directory.
    @Suite struct KillTests {
        private static let kills = 36
        private static let pushers = 6

        @Test(.timeLimit(.minutes(5)))
        func nothingAcknowledgedIsLostAndNothingHalfWrittenIsServed() async throws {
            var random = SeededGenerator(for: "kills")
            let directory = try TemporaryDirectory()
            let ledger = Ledger()
            let current = Guarded<ServerProcess?>(try await Self.start(directory))
            let isOver = Guarded(false)
            let seeds = (0..<Self.pushers).map { _ in random.next() }
            let address: @Sendable () async throws -> SocketAddress = {
                try await eventually(timeout: 60) { current.value != nil || isOver.value }
                guard let server = current.value else { throw CancellationError() }
                return server.address
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (number, seed) in seeds.enumerated() {
                    group.addTask {
                        try await OwnThread.run {
                            let pusher = Pusher(number, ledger, SeededGenerator(seed: seed), address: address)
                            try await pusher.run { isOver.value }
                        }
                    }
                }
                group.addTask { try await Self.watch(ledger, seeds[0], until: { isOver.value }) { current.value } }
                for _ in 0..<Self.kills {
                    let point = ledger.traffic.load(ordering: .relaxed) + Int.random(in: 0...4_000_000, using: &random)
                    try await eventually(timeout: 60) { ledger.traffic.load(ordering: .relaxed) >= point }
                    try await kill(current, directory, ledger, &random)
                }
                isOver.change { $0 = true }
                do {
                    try await group.waitForAll()
                } catch is CancellationError {
                    // A client that waited for a server when all was over.
                }
            }
            let server = try #require(current.value)
            try await check(ledger.snapshot, server)
            #expect(try await server.stop() == .status(0))
            try checkFiles(directory.path, ledger.snapshot)
        }

        /// Reads what is being written, while the server comes and goes: whole, or not at all.
        private static func watch(
            _ ledger: Ledger, _ seed: UInt64, until isOver: () -> Bool, _ server: () -> ServerProcess?
        ) async throws {
            var random = SeededGenerator(seed: seed &+ 1)
            var count = 0
            while !isOver() {
                await Task.yield()
                let blob = ledger.snapshot.triedBlobs.suffix(20).randomElement(using: &random)
                guard let blob, let server = server() else { continue }
                let target = "/v2/\(blob.repository)/blobs/\(blob.content.digest)"
                // The server was killed.
                guard let reply = try? await server.client.send("GET", target) else { continue }
                count += 1
                let isWhole = reply.status == 200 && reply.body == blob.content.bytes
                #expect(isWhole || reply.status == 404, "\(target): \(reply.status), \(reply.body.count) bytes")
            }
            print("kills: read \(count) blobs in between")
        }

        private static func start(_ directory: TemporaryDirectory) async throws -> ServerProcess {
            try await ServerProcess(storage: directory.path, binary: Robustness.binary)
        }

        /// Kills the server, starts another one, and looks at some of what it must have.
        private func kill(
            _ current: Guarded<ServerProcess?>, _ directory: TemporaryDirectory, _ ledger: Ledger,
            _ random: inout SeededGenerator
        ) async throws {
            let killed = try #require(current.value)
            current.change { $0 = nil }
            #expect(killed.process.ending == nil, "it had ended by itself: \(killed.process.errors.text.suffix(1000))")
            try await killed.crash()
            let before = ledger.snapshot
            let next = try await Self.start(directory)
            // The last ones acknowledged are those that are lost most easily.
            let blobs = before.blobs.suffix(8) + (0..<8).compactMap { _ in before.blobs.randomElement(using: &random) }
            for blob in blobs { #expect(try await next.client.has(blob.content, in: blob.repository)) }
            for manifest in before.manifests.suffix(8) {
                #expect(try await next.client.has(manifest: manifest.content, in: manifest.repository))
            }
            for tried in before.triedBlobs.suffix(12) { try await expectWholeOrAbsent(tried, next) }
            for (tag, state) in before.tags { try await expectTag(tag, state, next) }
            current.change { $0 = next }
        }

        /// Killed at each step of its first start, the next one finds nothing in its way.
        @Test(arguments: ["", "/.stowage", "/.stowage/tmp", "/registry", "/registry/_keys", "/registry/_keys/uploads"])
        func aStartThatWasKilledDoesNoHarm(_ step: String) async throws {
            let directory = try TemporaryDirectory()
            let storage = "\(directory.path)/storage"
            let process = try ChildProcess(
                [Robustness.binary, "serve", "--storage", storage, "--listen", "127.0.0.1:0"],
                environment: ServerProcess.environment())
            try await eventually { access(storage + step, F_OK) == 0 }
            process.send(SIGKILL)
            #expect(try await process.end() == .signal(SIGKILL))
            for _ in 0..<2 {
                let server = try await ServerProcess(storage: storage, binary: Robustness.binary)
                try await server.client.push(Content("layer"), to: "app")
                #expect(try await server.stop() == .status(0))
            }
        }

        // MARK: What must be there

        private func expectWholeOrAbsent(_ blob: Ledger.Stored, _ server: ServerProcess) async throws {
            let reply = try await server.client.send("GET", "/v2/\(blob.repository)/blobs/\(blob.content.digest)")
            #expect(reply.status == 404 || (reply.status == 200 && reply.body == blob.content.bytes))
        }

        private func expectTag(
            _ tag: Ledger.TagName, _ state: Ledger.TagState, _ server: ServerProcess
        ) async throws {
            let reply = try await server.client.send("GET", "/v2/\(tag.repository)/manifests/\(tag.tag)")
            if reply.status == 404, state.acknowledged == nil { return }
            try #require(reply.status == 200, "\(tag)")
            let candidates = state.sent + (state.acknowledged.map { [$0] } ?? [])
            #expect(candidates.contains { $0.bytes == reply.body }, "\(tag)")
        }

        private func check(_ state: Ledger.State, _ server: ServerProcess) async throws {
            let client = server.client
            #expect(state.blobs.count > 100 && state.manifests.count > 20)
            for blob in state.blobs { #expect(try await client.has(blob.content, in: blob.repository)) }
            for blob in state.triedBlobs { try await expectWholeOrAbsent(blob, server) }
            for manifest in state.manifests {
                #expect(try await client.has(manifest: manifest.content, in: manifest.repository))
            }
            for (tag, state) in state.tags { try await expectTag(tag, state, server) }
            for (subject, referrer, repository) in state.referrers {
                let reply = try await client.expect(200, "GET", "/v2/\(repository)/referrers/\(subject.digest)")
                #expect(reply.text.contains(referrer.digest.string))
            }
            let catalog = try await client.expect(200, "GET", "/v2/_catalog").text
            for repository in Set(state.manifests.map(\.repository)) {
                #expect(catalog.contains("\"\(repository)\""))
                let list = try await client.expect(200, "GET", "/v2/\(repository)/tags/list").text
                for (tag, state) in state.tags where tag.repository == repository && state.acknowledged != nil {
                    #expect(list.contains("\"\(tag.tag)\""))
                }
            }
        }

        private func checkFiles(_ root: String, _ state: Ledger.State) throws {
            let storage = StorageCheck(root)
            let blobs = Set(state.blobs.map(\.content.digest)).count
            #expect(try storage.contentHashesToItsName() >= blobs)
            #expect(try storage.tagsLeadToEverything() >= state.tags.values.count { $0.acknowledged != nil })
            print("kills: \(state.blobs.count) blobs and \(state.manifests.count) manifests acknowledged")
        }
    }
}
