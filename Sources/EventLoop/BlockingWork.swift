import Dispatch
import Synchronization

/// Where blocking calls go (fsync, rename, directory scans), so that event loops never wait for a disk.
///
/// A bounded number of Dispatch threads; work beyond that waits in order.
package final class BlockingWork: Sendable {
    private struct State {
        var running = 0
        var waiting: [@Sendable () -> Void] = []
        var head = 0
    }

    private let queue = DispatchQueue(label: "stowage.blocking", attributes: .concurrent)
    private let width: Int
    private let state = Mutex(State())

    /// `width`: how many blocking calls may run at once.
    package init(width: Int = 16) {
        self.width = max(1, width)
    }

    /// Runs `body` on the pool and returns what it returns.
    package func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withUnsafeThrowingContinuation { continuation in
            submit { continuation.resume(with: Result(catching: body)) }
        }
    }

    private func submit(_ work: @escaping @Sendable () -> Void) {
        let startsWorker = state.withLock { state in
            state.waiting.append(work)
            guard state.running < width else { return false }
            state.running += 1
            return true
        }
        if startsWorker { queue.async { self.drain() } }
    }

    /// Runs waiting work until there is none; each pass of `submit` below the width adds one such worker.
    private func drain() {
        while let work = next() { work() }
    }

    private func next() -> (@Sendable () -> Void)? {
        state.withLock { state in
            guard state.head < state.waiting.count else {
                state.running -= 1
                return nil
            }
            let work = state.waiting[state.head]
            state.head += 1
            if state.head == state.waiting.count || state.head > 1024 {
                state.waiting.removeFirst(state.head)
                state.head = 0
            }
            return work
        }
    }
}
