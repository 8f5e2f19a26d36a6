import Synchronization

/// A value that tasks on any loop can wait for; a wait ends early when its task is cancelled.
final class Watched<Value: Sendable>: Sendable {
    private struct State {
        var value: Value
        /// Counts the changes, so that none is missed between looking and waiting.
        var version = 0
        var nextWaiter = 0
        var waiting: [Int: UnsafeContinuation<Void, Never>] = [:]
    }

    private let state: Mutex<State>

    init(_ value: Value) {
        state = Mutex(State(value: value))
    }

    /// The value now.
    var value: Value { state.withLock { $0.value } }

    /// Changes the value and wakes everybody who waits.
    func change<Result: Sendable>(_ body: @Sendable (inout Value) -> Result) -> Result {
        let (result, woken) = state.withLock { state in
            let result = body(&state.value)
            state.version += 1
            defer { state.waiting.removeAll(keepingCapacity: true) }
            return (result, Array(state.waiting.values))
        }
        for waiter in woken { waiter.resume() }
        return result
    }

    /// What `pick` finds in the value, as soon as it finds something; throws what it throws, or `CancellationError`.
    func first<Result: Sendable>(_ pick: (Value) throws -> Result?) async throws -> Result {
        while true {
            let (value, version) = state.withLock { ($0.value, $0.version) }
            if let result = try pick(value) { return result }
            try Task.checkCancellation()
            await waitForChange(since: version)
        }
    }

    private func waitForChange(since version: Int) async {
        let waiter = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let waits = state.withLock { state in
                    // Cancelled before this lock: the handler below has found nobody.
                    guard state.version == version, !Task.isCancelled else { return false }
                    state.waiting[waiter] = continuation
                    return true
                }
                if !waits { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiting.removeValue(forKey: waiter) }?.resume()
        }
    }
}
