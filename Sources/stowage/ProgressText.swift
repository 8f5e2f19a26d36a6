import EventLoop
import Glibc
import Synchronization

/// How far a long command is, on standard error: one line that changes in a terminal, and a line every ten seconds
/// elsewhere.
final class ProgressText: Sendable {
    private struct State {
        var last: Int
        var isShown = false
    }

    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let state = Mutex(State(last: EventLoop.now))

    /// Shows `text`, unless something was shown a moment ago.
    func show(_ text: String) {
        state.withLock { state in
            let now = EventLoop.now
            guard now - state.last >= (isTerminal ? 1 : 10) else { return }
            state.last = now
            state.isShown = true
            Self.write(isTerminal ? "\r\u{1b}[K\(text)" : "\(text)\n")
        }
    }

    /// Makes room for the result.
    func clear() {
        state.withLock { state in
            if isTerminal, state.isShown { Self.write("\r\u{1b}[K") }
            state.isShown = false
        }
    }

    private static func write(_ text: String) {
        let bytes = Array(text.utf8)
        // Nobody to tell when even this fails.
        _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
    }
}
