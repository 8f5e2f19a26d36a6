import EventLoop
import Glibc
import Synchronization
import TestSupport
import Testing

@Suite("EventLoop")
struct LoopTests {
    /// One end of a socket pair on a loop; what happens to it is for its test to say.
    private final class End: Pollable {
        let descriptor: OwnedDescriptor
        let peer: OwnedDescriptor
        let registration = Guarded<Registration?>(nil)
        private let onReady: @Sendable (End, ReadyEvents) -> Void
        private let onTick: @Sendable (End) -> Void

        init(
            onReady: @escaping @Sendable (End, ReadyEvents) -> Void = { _, _ in },
            onTick: @escaping @Sendable (End) -> Void = { _ in }
        ) throws {
            var ends: [CInt] = [-1, -1]
            let type = CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
            _ = try Posix.call("socketpair") { socketpair(AF_UNIX, type, 0, &ends) }
            descriptor = OwnedDescriptor(ends[0])
            peer = OwnedDescriptor(ends[1])
            (self.onReady, self.onTick) = (onReady, onTick)
        }

        func ready(_ events: ReadyEvents) { onReady(self, events) }
        func tick(now: Int) { onTick(self) }

        func enter(_ loop: EventLoop) throws {
            let made = try loop.register(self, descriptor: descriptor.number)
            registration.change { $0 = made }
        }

        func leave(_ loop: EventLoop) {
            guard let registration = registration.change({ $0.take() }) else { return }
            loop.deregister(registration, descriptor: descriptor.number)
        }

        /// Makes this end readable.
        func poke() { _ = write(peer.number, "x", 1) }
    }

    private func on<Value: Sendable>(
        _ loop: EventLoop, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await Task(executorPreference: loop) {
            #expect(loop.isCurrent)
            return try body()
        }.value
    }

    @Test("no job enqueued from other threads is lost or delayed", .timeLimit(.minutes(5)))
    func remoteJobs() async throws {
        let loop = try EventLoop(name: "test")
        defer { loop.shutDown() }
        let ran = Guarded(0)
        await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<2_000 {
                        await Task(executorPreference: loop) { ran.change { $0 += 1 } }.value
                    }
                }
            }
        }
        #expect(ran.value == 16_000)
    }

    @Test("readiness is reported once an edge: readable, then the peer's end", .timeLimit(.minutes(5)))
    func readiness() async throws {
        let loop = try EventLoop(name: "test")
        defer { loop.shutDown() }
        let seen = Guarded<[ReadyEvents]>([])
        let end = try End(onReady: { _, events in seen.change { $0.append(events) } })
        try await on(loop) { try end.enter(loop) }
        try await eventually { seen.value.contains { $0.contains(.writable) } }
        #expect(!seen.value.contains { $0.contains(.readable) })
        end.poke()
        try await eventually { seen.value.contains { $0.contains(.readable) } }
        _ = shutdown(end.peer.number, CInt(SHUT_WR))
        try await eventually { seen.value.contains { !$0.isDisjoint(with: .hangUp) } }
        #expect(loop.load.load(ordering: .relaxed) == 1)
        try await on(loop) { end.leave(loop) }
        #expect(loop.load.load(ordering: .relaxed) == 0)
    }

    @Test("events that were already reported reach neither a pollable that left nor its slot's next owner")
    func staleEvents() async throws {
        let loop = try EventLoop(name: "test")
        defer { loop.shutDown() }
        let calls = Guarded<[String]>([])
        let others = Guarded<[End]>([])
        let late = try End(onReady: { end, events in
            guard events.contains(.readable) else { return }
            var byte: UInt8 = 0
            let isTrue = read(end.descriptor.number, &byte, 1) == 1
            calls.change { $0.append(isTrue ? "late" : "somebody else's event") }
        })
        // Whichever of the two comes first throws the other out and puts a third one in its place.
        let body: @Sendable (End, ReadyEvents) -> Void = { end, events in
            guard events.contains(.readable) else { return }
            calls.change { $0.append("first") }
            for other in others.value where other !== end { other.leave(loop) }
            #expect(throws: Never.self) { try late.enter(loop) }
        }
        let pair = [try End(onReady: body), try End(onReady: body)]
        others.change { $0 = pair }
        try await on(loop) {
            for end in pair {
                try end.enter(loop)
                end.poke()
            }
        }
        try await eventually { !calls.value.isEmpty }
        // A later event proves that the batch is over.
        late.poke()
        try await eventually { calls.value.contains("late") }
        #expect(calls.value == ["first", "late"])
        try await on(loop) {
            late.leave(loop)
            for end in pair { end.leave(loop) }
        }
    }

    @Test("pollables may come and go during a tick, and ticks go on", .timeLimit(.minutes(5)))
    func ticks() async throws {
        let loop = try EventLoop(name: "test")
        defer { loop.shutDown() }
        let ticks = Guarded(0)
        let made = Guarded<[End]>([])
        let first = try End(onTick: { end in
            #expect(loop.isCurrent)
            end.leave(loop)
            #expect(throws: Never.self) {
                for _ in 0..<50 {
                    let next = try End(onTick: { _ in ticks.change { $0 += 1 } })
                    try next.enter(loop)
                    made.change { $0.append(next) }
                }
            }
        })
        try await on(loop) { try first.enter(loop) }
        try await eventually { ticks.value >= 50 }
        try await on(loop) { for end in made.value { end.leave(loop) } }
        #expect(loop.load.load(ordering: .relaxed) == 0)
    }

    @Test("a registration that was left is left only once", .timeLimit(.minutes(5)))
    func leavesOnce() async throws {
        let loop = try EventLoop(name: "test")
        defer { loop.shutDown() }
        let calls = Guarded(0)
        let one = try End()
        let two = try End(onReady: { _, events in
            if events.contains(.readable) { calls.change { $0 += 1 } }
        })
        try await on(loop) {
            try one.enter(loop)
            let old = one.registration.value
            one.leave(loop)
            try two.enter(loop)
            // The slot has a new owner: the old registration must not touch it.
            if let old { loop.deregister(old, descriptor: one.descriptor.number) }
        }
        #expect(loop.load.load(ordering: .relaxed) == 1)
        two.poke()
        try await eventually { calls.value == 1 }
        try await on(loop) { two.leave(loop) }
    }

    @Test("tasks that give way take turns", .timeLimit(.minutes(5)))
    func givingWay() async throws {
        let loop = try EventLoop(name: "test")
        defer { loop.shutDown() }
        let turns = Guarded<[Int]>([])
        let tasks = try await on(loop) {
            (0..<3).map { number in
                Task(executorPreference: loop) {
                    for _ in 0..<4 {
                        turns.change { $0.append(number) }
                        await loop.giveWay()
                        #expect(loop.isCurrent)
                    }
                }
            }
        }
        for task in tasks { await task.value }
        #expect(turns.value == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2])
    }

    /// A loop whose set is closed while Dispatch still watches it makes Dispatch forget the next loop with that number.
    @Test("loops that end free everything and disturb no other loop", .timeLimit(.minutes(5)))
    func comingAndGoing() async throws {
        let steady = try EventLoop(name: "steady")
        defer { steady.shutDown() }
        try await withThrowingTaskGroup { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<200 {
                        let loop = try EventLoop(name: "passing")
                        let sum = try await on(loop) { 1 + 1 }
                        #expect(sum == 2)
                        loop.shutDown()
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await on(steady) { 3 } == 3)
    }

    @Test("a loop that was shut down goes away")
    func endsWhenShutDown() async throws {
        let loop = Guarded<EventLoop?>(try EventLoop(name: "passing"))
        weak let watched = loop.value
        loop.change { $0.take()?.shutDown() }
        try await eventually { watched == nil }
    }
}
