import TestSupport
import Testing

@testable import ObjectStorage

/// Sharing of fetches.
struct KeyedFlightsTests {
    private struct Failed: Error {}

    /// A fetch that waits to be let go, and counts how often it was begun.
    private final class Gate: Sendable {
        let begun = Guarded(0)
        let open = Guarded(false)

        func fetch() async throws -> Int {
            let number = begun.change { begun in
                begun += 1
                return begun
            }
            while !open.value {
                try Task.checkCancellation()
                await Task.yield()
            }
            return number
        }
    }

    @Test func laterCallersShareTheNextFetch() async throws {
        let flights = KeyedFlights<String, Int>()
        let gate = Gate()
        let first = Task { try await flights.value(for: "key") { try await gate.fetch() } }
        try await eventually { gate.begun.value == 1 }
        let others = (0..<20).map { _ in Task { try await flights.value(for: "key") { try await gate.fetch() } } }
        try await eventually { flights.waiting(for: "key") == 20 }
        #expect(gate.begun.value == 1)
        gate.open.change { $0 = true }
        #expect(try await first.value == 1)
        for other in others { #expect(try await other.value == 2) }
        #expect(gate.begun.value == 2)
        #expect(try await flights.value(for: "key") { try await gate.fetch() } == 3)
    }

    @Test func keysDoNotWaitForEachOther() async throws {
        let flights = KeyedFlights<String, Int>()
        let gate = Gate()
        let held = Task { try await flights.value(for: "a") { try await gate.fetch() } }
        try await eventually { gate.begun.value == 1 }
        #expect(try await flights.value(for: "b") { 7 } == 7)
        gate.open.change { $0 = true }
        #expect(try await held.value == 1)
    }

    @Test func failuresAreShared() async throws {
        let flights = KeyedFlights<String, Int>()
        let gate = Gate()
        let fetch: @Sendable () async throws -> Int = {
            let number = try await gate.fetch()
            if number == 2 { throw Failed() }
            return number
        }
        let first = Task { try await flights.value(for: "key", fetch) }
        try await eventually { gate.begun.value == 1 }
        let others = (0..<3).map { _ in Task { try await flights.value(for: "key", fetch) } }
        try await eventually { flights.waiting(for: "key") == 3 }
        gate.open.change { $0 = true }
        _ = try await first.value
        for other in others { await #expect(throws: Failed.self) { _ = try await other.value } }
        #expect(try await flights.value(for: "key", fetch) == 3)
    }

    /// Who is cancelled gets his error at once; the others get their answer.
    @Test func cancellationIsOnesOwn() async throws {
        let flights = KeyedFlights<String, Int>()
        let gate = Gate()
        let first = Task { try await flights.value(for: "key") { try await gate.fetch() } }
        try await eventually { gate.begun.value == 1 }
        let others = (0..<3).map { _ in Task { try await flights.value(for: "key") { try await gate.fetch() } } }
        try await eventually { flights.waiting(for: "key") == 3 }
        others[1].cancel()
        await #expect(throws: CancellationError.self) { _ = try await others[1].value }
        first.cancel()
        await #expect(throws: CancellationError.self) { _ = try await first.value }
        gate.open.change { $0 = true }
        #expect(try await others[0].value == 2)
        #expect(try await others[2].value == 2)
    }

    /// Nobody gets an answer older than his question: a counter that was raised before a call is never seen lower.
    @Test func answersAreNotOlderThanTheirQuestion() async throws {
        let flights = KeyedFlights<String, Int>()
        let counter = Guarded(0)
        let fetches = Guarded(0)
        try await withThrowingTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<300 {
                        let written = counter.change { counter in
                            counter += 1
                            return counter
                        }
                        let seen = try await flights.value(for: "key") {
                            fetches.change { $0 += 1 }
                            let value = counter.value
                            await Task.yield()
                            return value
                        }
                        #expect(seen >= written)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(fetches.value <= 2400)
    }
}
