import EventLoop
import Glibc
import TestSupport
import Testing

@Suite("LoopTimer and level-triggered watching")
struct LoopTimerTests {
    @Test("fires once, not before its time, and again when it is set again")
    func fires() async throws {
        let loop = try EventLoop(name: "timer")
        defer { loop.shutDown() }
        let fired = Guarded<[ContinuousClock.Instant]>([])
        let begun = ContinuousClock.now
        let timer = try await on(loop) {
            let timer = try LoopTimer(loop) { fired.change { $0.append(.now) } }
            timer.set(milliseconds: 20)
            return timer
        }
        try await eventually { fired.value.count == 1 }
        #expect(fired.value[0] - begun >= .milliseconds(20))
        try await on(loop) { timer.set(milliseconds: 0) }
        try await eventually { fired.value.count == 2 }
        try await on(loop) { timer.close() }
    }

    @Test("set again it fires at the later time only; stopped or closed it does not")
    func stops() async throws {
        let loop = try EventLoop(name: "timer")
        defer { loop.shutDown() }
        let (fired, other) = (Guarded(0), Guarded(0))
        try await on(loop) {
            let first = try LoopTimer(loop) { fired.change { $0 += 1 } }
            first.set(milliseconds: 1)
            first.stop()
            let second = try LoopTimer(loop) { fired.change { $0 += 1 } }
            second.set(milliseconds: 1)
            second.close()
            let third = try LoopTimer(loop) { fired.change { $0 += 1 } }
            third.set(milliseconds: 1)
            third.set(milliseconds: 60_000)
            // By the time this one fires, the others would have.
            let last = try LoopTimer(loop) { other.change { $0 += 1 } }
            last.set(milliseconds: 30)
        }
        try await eventually { other.value == 1 }
        #expect(fired.value == 0)
    }

    @Test("the current loop is known on its own thread only")
    func current() async throws {
        let (one, two) = (try EventLoop(name: "one"), try EventLoop(name: "two"))
        defer {
            one.shutDown()
            two.shutDown()
        }
        #expect(EventLoop.current == nil)
        #expect(try await on(one) { EventLoop.current === one })
        #expect(try await on(two) { EventLoop.current === two })
    }

    /// One end of a pipe.
    private final class Watched: Pollable {
        let descriptor: OwnedDescriptor
        let calls = Guarded<[ReadyEvents]>([])
        private let limit: Int
        private let atLimit: @Sendable (Watched) -> Void

        init(_ number: CInt, limit: Int, atLimit: @escaping @Sendable (Watched) -> Void) {
            descriptor = OwnedDescriptor(number)
            (self.limit, self.atLimit) = (limit, atLimit)
        }

        func ready(_ events: ReadyEvents) {
            let count = calls.change { calls in
                calls.append(events)
                return calls.count
            }
            if count == limit { atLimit(self) }
        }

        func tick(now: Int) {}
    }

    @Test("events come as long as there is something, for what is asked alone, and the interest can change")
    func levelTriggered() async throws {
        let loop = try EventLoop(name: "level")
        defer { loop.shutDown() }
        var ends: [CInt] = [-1, -1]
        try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends) == 0)
        let peer = OwnedDescriptor(ends[1])
        let registration = Guarded<Registration?>(nil)
        let watched = Watched(ends[0], limit: 3) { watched in
            guard let registration = registration.value else { return }
            // Nobody read, so the third call came of the same byte as the first.
            do {
                try loop.change(registration, descriptor: watched.descriptor.number, whileReady: .writable)
            } catch {
                Issue.record("\(error)")
            }
        }
        #expect(write(peer.number, "x", 1) == 1)
        try await on(loop) {
            let made = try loop.register(watched, descriptor: watched.descriptor.number, whileReady: .readable)
            registration.change { $0 = made }
        }
        try await eventually { watched.calls.value.count > 4 }
        let made = try #require(registration.value)
        try await on(loop) { loop.deregister(made, descriptor: watched.descriptor.number) }
        let calls = watched.calls.value
        #expect(calls.prefix(3).allSatisfy { $0 == .readable })
        #expect(calls.dropFirst(3).allSatisfy { $0 == .writable })
        // Deregistered, it hears nothing more: the loop does something else meanwhile.
        for _ in 0..<3 { try await on(loop) {} }
        #expect(watched.calls.value.count == calls.count)
    }

    /// Runs `body` on the loop.
    private func on<Value: Sendable>(
        _ loop: EventLoop, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await Task(executorPreference: loop) { try body() }.value
    }
}
