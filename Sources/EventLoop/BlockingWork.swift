import Dispatch
import Synchronization

/// Where blocking calls go (fsync, rename, directory scans), so that event loops never wait for a disk.
///
/// A bounded number of Dispatch threads; work beyond that waits in order.
package final class BlockingWork: Sendable {
    private struct State {
        /// Indices of the queues that have nothing to do.
        var idle: [Int]
        /// Work from `head` on waits; what was taken leaves nil, so that nothing it holds is kept.
        var waiting: [(@Sendable () -> Void)?] = []
        var head = 0
    }

    /// One serial queue for each call that may run at once: Dispatch runs no more of a concurrent queue's blocks than
    /// there are cores, until it has found out, one a second, that their threads are blocked.
    private let queues: [DispatchQueue]
    private let state: Mutex<State>

    /// `width`: how many blocking calls may run at once.
    package init(width: Int = 16) {
        queues = (0..<max(1, width)).map { DispatchQueue(label: "stowage.blocking.\($0)") }
        state = Mutex(State(idle: Array(queues.indices)))
    }

    /// Runs `body` on the pool and returns what it returns.
    package func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withUnsafeThrowingContinuation { continuation in
            submit { continuation.resume(with: Result(catching: body)) }
        }
    }

    private func submit(_ work: @escaping @Sendable () -> Void) {
        let woken = state.withLock { state in
            state.waiting.append(work)
            return state.idle.popLast()
        }
        guard let woken else { return }
        queues[woken].async { self.drain(woken) }
    }

    /// Runs waiting work on a queue until there is none.
    private func drain(_ queue: Int) {
        while let work = next(queue) { work() }
    }

    private func next(_ queue: Int) -> (@Sendable () -> Void)? {
        state.withLock { state in
            guard state.head < state.waiting.count else {
                state.idle.append(queue)
                return nil
            }
            let work = state.waiting[state.head].take()
            state.head += 1
            if state.head == state.waiting.count || state.head > 1024 {
                state.waiting.removeFirst(state.head)
                state.head = 0
            }
            return work
        }
    }
}
