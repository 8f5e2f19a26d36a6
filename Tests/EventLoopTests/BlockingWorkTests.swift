import EventLoop
import TestSupport
import Testing

@Suite("BlockingWork")
struct BlockingWorkTests {
    private struct Failure: Error, Equatable { let number: Int }

    @Test("returns what the work returns, and throws what it throws")
    func results() async throws {
        let work = BlockingWork(width: 2)
        #expect(try await work.run { 7 } == 7)
        await #expect(throws: Failure(number: 3)) { try await work.run { throw Failure(number: 3) } }
    }

    /// Calls that wait for a disk must not wait for each other: each here ends only when all of them have begun.
    @Test("as many calls as the width run at once, whatever the number of cores", .timeLimit(.minutes(5)))
    func runsAtOnce() async throws {
        let work = BlockingWork(width: 16)
        let meeting = Meeting(size: 16)
        let clock = ContinuousClock()
        let start = clock.now
        try await withThrowingTaskGroup { group in
            for _ in 0..<16 { group.addTask { try await work.run { meeting.arrive() } } }
            try await group.waitForAll()
        }
        // Dispatch's own detection of blocked threads takes a second for each further one.
        #expect(clock.now - start < .seconds(5))
    }

    @Test("never more calls than the width run at once, and all of them run")
    func isBounded() async throws {
        let work = BlockingWork(width: 3)
        let running = Guarded((now: 0, most: 0, ended: 0))
        try await withThrowingTaskGroup { group in
            for _ in 0..<300 {
                group.addTask {
                    try await work.run {
                        running.change { $0 = ($0.now + 1, max($0.most, $0.now + 1), $0.ended) }
                        running.change { $0 = ($0.now - 1, $0.most, $0.ended + 1) }
                    }
                }
            }
            try await group.waitForAll()
        }
        let (now, most, ended) = running.value
        #expect((now, ended) == (0, 300))
        #expect(most <= 3)
    }

    @Test("what finished work held is let go of, although more work waits", .timeLimit(.minutes(5)))
    func letsGo() async throws {
        let work = BlockingWork(width: 1)
        let (begin, end) = (Meeting(size: 2), Meeting(size: 2))
        async let first: Void = work.run { begin.arrive() }
        let (alive, run) = (Guarded(0), Guarded(0))
        let tasks = (0..<11).map { _ in
            Task {
                // The closure alone holds the object. The tenth call waits while the last one is still queued.
                try await work.run { [held = Held(alive)] in
                    let number = run.change { count in
                        count += 1
                        return count
                    }
                    if number == 10 { end.arrive() }
                    withExtendedLifetime(held) {}
                }
            }
        }
        try await eventually { alive.value == 11 }
        begin.arrive()
        try await first
        try await eventually { run.value == 10 && alive.value == 2 }
        end.arrive()
        for task in tasks { try await task.value }
        #expect(alive.value == 0)
    }

    /// Counts how many of it there are.
    private final class Held: Sendable {
        private let alive: Guarded<Int>

        init(_ alive: Guarded<Int>) {
            self.alive = alive
            alive.change { $0 += 1 }
        }

        deinit { alive.change { $0 -= 1 } }
    }
}
