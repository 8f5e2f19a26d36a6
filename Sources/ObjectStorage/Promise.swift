import Synchronization

/// A value that one task waits for and another one gives, or the cancellation of the wait, whichever comes first.
final class Promise<Value: Sendable>: Sendable {
    private enum State {
        case open
        case awaited(UnsafeContinuation<Value, any Error>)
        case kept(Result<Value, any Error>)
    }

    private let state = Mutex(State.open)

    init() {}

    /// Whether it has its value, or nobody waits for one any more.
    var isKept: Bool {
        state.withLock { if case .kept = $0 { true } else { false } }
    }

    /// Gives the value; false when there is one already, which is the case when the wait was cancelled.
    @discardableResult
    func keep(_ result: Result<Value, any Error>) -> Bool {
        let (isFirst, continuation) = state.withLock { state -> (Bool, UnsafeContinuation<Value, any Error>?) in
            switch state {
            case .kept: return (false, nil)
            case .open:
                state = .kept(result)
                return (true, nil)
            case .awaited(let continuation):
                state = .kept(result)
                return (true, continuation)
            }
        }
        continuation?.resume(with: result)
        return isFirst
    }

    /// Waits for the value, for one task; cancelling that task throws `CancellationError`.
    var value: Value {
        get async throws {
            try await withTaskCancellationHandler {
                try await withUnsafeThrowingContinuation { continuation in
                    let result = state.withLock { state -> Result<Value, any Error>? in
                        if case .kept(let result) = state { return result }
                        state = .awaited(continuation)
                        return nil
                    }
                    if let result { continuation.resume(with: result) }
                }
            } onCancel: {
                keep(.failure(CancellationError()))
            }
        }
    }
}
