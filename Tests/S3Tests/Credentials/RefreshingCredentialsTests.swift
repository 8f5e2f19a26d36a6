import EventLoop
import TestSupport
import Testing

@testable import S3

/// When credentials are fetched again, with a clock of the test and a container endpoint that numbers its answers.
@Suite(.timeLimit(.minutes(2)))
struct RefreshingCredentialsTests {
    /// What the parts of one test share.
    final class World: Sendable {
        /// Seconds since 1970.
        let clock = Guarded(1_000_000)
        /// Seconds an answer is valid, counted from the clock.
        let life = Guarded(3600)
        /// Statuses of the next answers; then 200.
        let statuses = Guarded<[Int]>([])
        /// Holds up answers while it is there.
        let gate = Guarded<Gate?>(nil)
        let failures = Guarded<[CredentialsError]>([])
        private let number = Guarded(0)

        func advance(_ seconds: Int) { clock.change { $0 += seconds } }

        func reply() async -> MetadataService.Reply {
            let end = UTCTime(clock.value + life.value).iso8601
            let status = statuses.change { $0.isEmpty ? 200 : $0.removeFirst() }
            let number = number.change { number in
                number += status == 200 ? 1 : 0
                return number
            }
            await gate.value?.pass()
            return status == 200 ? .credentials("\(number)", end: end) : .init(status: status)
        }

        func provider(_ service: MetadataService) throws -> RefreshingCredentials {
            let loader = ContainerCredentials(
                environment: ["AWS_CONTAINER_CREDENTIALS_FULL_URI": service.endpoint],
                http: try MetadataService.client, deadline: 10_000)
            return RefreshingCredentials(loader, now: { self.clock.value }) { error in
                self.failures.change { $0.append(error) }
            }
        }
    }

    private static func test(
        _ body: (World, MetadataService, RefreshingCredentials) async throws -> Void
    ) async throws {
        let world = World()
        try await withMetadataService { _ in
            await world.reply()
        } _: { service async throws in
            try await body(world, service, try world.provider(service))
        }
    }

    @Test("kept until a quarter of an hour before the end, then fetched behind the callers' backs")
    func refresh() async throws {
        try await Self.test { world, service, provider async throws in
            #expect(try await provider.credentials().accessKeyID == "1")
            world.advance(3600 - 900 - 1)
            #expect(try await provider.credentials().accessKeyID == "1")
            #expect(service.calls.count == 1)

            let gate = Gate()
            world.gate.change { $0 = gate }
            world.advance(1)
            for _ in 0..<20 { #expect(try await provider.credentials().accessKeyID == "1") }
            try await eventually { gate.count == 1 }
            gate.open()
            while try await provider.credentials().accessKeyID == "1" { await Task.yield() }
            #expect(try await provider.credentials().accessKeyID == "2")
            #expect(service.calls.count == 2)
        }
    }

    @Test("short-lived ones are fetched again in the last quarter of their life")
    func shortLife() async throws {
        try await Self.test { world, service, provider async throws in
            world.life.change { $0 = 400 }
            #expect(try await provider.credentials().accessKeyID == "1")
            world.advance(299)
            #expect(try await provider.credentials().accessKeyID == "1")
            #expect(service.calls.count == 1)
            world.advance(1)
            while try await provider.credentials().accessKeyID == "1" { await Task.yield() }
            #expect(service.calls.count == 2)
        }
    }

    @Test("concurrent callers share one fetch")
    func singleFlight() async throws {
        try await Self.test { world, service, provider async throws in
            let gate = Gate()
            world.gate.change { $0 = gate }
            try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<50 {
                    group.addTask { try await provider.credentials().accessKeyID }
                }
                try await eventually { gate.count == 1 }
                gate.open()
                for try await key in group { #expect(key == "1") }
            }
            #expect(service.calls.count == 1)
        }
    }

    @Test("one caller that gives up does not spoil the fetch for the others")
    func cancelledCaller() async throws {
        try await Self.test { world, service, provider async throws in
            let gate = Gate()
            world.gate.change { $0 = gate }
            let first = Task { try await provider.credentials() }
            try await eventually { gate.count == 1 }
            let second = Task { try await provider.credentials() }
            first.cancel()
            gate.open()
            #expect(try await second.value.accessKeyID == "1")
            #expect(service.calls.count == 1)
        }
    }

    @Test("a fetch that fails leaves the old ones in use, is told, and comes again a minute later")
    func failureWhileValid() async throws {
        try await Self.test { world, service, provider async throws in
            #expect(try await provider.credentials().accessKeyID == "1")
            world.statuses.change { $0 = [403, 403, 403] }
            world.advance(3600 - 900)
            #expect(try await provider.credentials().accessKeyID == "1")
            try await eventually { world.failures.value.count == 1 }
            for _ in 0..<20 { #expect(try await provider.credentials().accessKeyID == "1") }
            #expect(service.calls.count == 2)
            world.advance(60)
            #expect(try await provider.credentials().accessKeyID == "1")
            try await eventually { world.failures.value.count == 2 }
            // In the last seconds a caller waits for the fetch, and still gets the old ones when it fails.
            world.advance(3600 - 2700 - 60 - 10)
            #expect(try await provider.credentials().accessKeyID == "1")
            #expect(world.failures.value.count == 3 && service.calls.count == 4)
            world.advance(10)
            #expect(try await provider.credentials().accessKeyID == "2")
        }
    }

    @Test("when the old ones have expired, a fetch that fails is the caller's error")
    func failureAfterEnd() async throws {
        try await Self.test { world, _, provider async throws in
            #expect(try await provider.credentials().accessKeyID == "1")
            world.statuses.change { $0 = [403] }
            world.advance(3600)
            let error = await #expect(throws: CredentialsError.self) { try await provider.credentials() }
            #expect(error?.description.contains("answered 403") == true)
            #expect(try await provider.credentials().accessKeyID == "2")
        }
    }

    @Test("before there were any, a fetch that fails is told its caller only")
    func failureAtFirst() async throws {
        try await Self.test { world, _, provider async throws in
            world.statuses.change { $0 = [403, 403] }
            for _ in 0..<2 { await #expect(throws: CredentialsError.self) { try await provider.credentials() } }
            #expect(world.failures.value.isEmpty)
            _ = try await provider.credentials()
            world.statuses.change { $0 = [403] }
            world.advance(3600)
            await #expect(throws: CredentialsError.self) { try await provider.credentials() }
            #expect(world.failures.value.count == 1)
        }
    }

    @Test("credentials that have expired when they come are refused, with a hint at the clock")
    func expired() async throws {
        try await Self.test { world, _, provider async throws in
            world.life.change { $0 = -3600 }
            let error = await #expect(throws: CredentialsError.self) { try await provider.credentials() }
            #expect(
                error?.description.contains("expired at 1970-01-12T12:46:40Z") == true, "\(String(describing: error))")
            #expect(error?.description.contains("it is 1970-01-12T13:46:40Z here: is the clock right?") == true)
        }
    }

    @Test("refused credentials are fetched again, but not by every refusal")
    func invalidation() async throws {
        try await Self.test { world, service, provider async throws in
            let first = try await provider.credentials()
            provider.invalidate(first)
            #expect(try await provider.credentials() == first)
            world.advance(10)
            provider.invalidate(Credentials(accessKeyID: "other", secretAccessKey: "s"))
            #expect(try await provider.credentials() == first)
            provider.invalidate(first)
            let second = try await provider.credentials()
            #expect(second.accessKeyID == "2")
            // Requests that were signed with the first ones come back late.
            world.advance(10)
            provider.invalidate(first)
            #expect(try await provider.credentials() == second)
            #expect(service.calls.count == 2)
        }
    }

    @Test("invalidated and not to be had again: no credentials")
    func failureAfterInvalidation() async throws {
        try await Self.test { world, _, provider async throws in
            let first = try await provider.credentials()
            world.advance(10)
            world.statuses.change { $0 = [403] }
            provider.invalidate(first)
            await #expect(throws: CredentialsError.self) { try await provider.credentials() }
        }
    }

    /// Notes whether it is asked on an event loop.
    private struct Witness: CredentialsLoader {
        let name = "the witness"
        let wasOnLoop = Guarded(false)

        func load() async throws(CredentialsError) -> Credentials {
            let isOnLoop = EventLoop.current != nil
            wasOnLoop.change { $0 = $0 || isOnLoop }
            return Credentials(accessKeyID: "A", secretAccessKey: "s")
        }
    }

    @Test("a source is never asked on an event loop, where its file reads would hold up everybody")
    func noLoop() async throws {
        let loop = try EventLoop(name: "caller")
        let witness = Witness()
        let provider = RefreshingCredentials(witness, now: { 0 })
        let wasCalledOnLoop = try await Task(executorPreference: loop) {
            let isOnLoop = EventLoop.current != nil
            _ = try await provider.credentials()
            return isOnLoop
        }.value
        loop.shutDown()
        #expect(wasCalledOnLoop && !witness.wasOnLoop.value)
    }
}
