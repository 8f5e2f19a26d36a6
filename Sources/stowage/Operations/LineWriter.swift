import Dispatch
import Glibc
import Synchronization

/// Writes log lines to a descriptor without making anybody wait: lines gather in memory and go out together.
///
/// When the reader of the log stalls, lines are dropped and counted rather than kept without limit.
final class LineWriter: Sendable {
    private struct State {
        var pending: [UInt8] = []
        var dropped = 0
        var isScheduled = false
    }

    private static let limit = 4 << 20
    private static let delay = DispatchTimeInterval.milliseconds(20)

    private let descriptor: CInt
    private let queue = DispatchQueue(label: "stowage.log")
    private let state = Mutex(State())

    /// `descriptor` stays open for as long as the program runs.
    init(descriptor: CInt) {
        self.descriptor = descriptor
    }

    /// Adds a line; `line` ends with a newline.
    func write(_ line: [UInt8]) {
        let mustSchedule = state.withLock { state in
            guard state.pending.count + line.count <= Self.limit else {
                state.dropped += 1
                return false
            }
            state.pending += line
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if mustSchedule { queue.asyncAfter(deadline: .now() + Self.delay) { self.flushPending() } }
    }

    /// Writes what is there before the program ends.
    func flush() {
        queue.sync { flushPending() }
    }

    private func flushPending() {
        var (bytes, dropped) = state.withLock { state in
            defer { state = State() }
            return (state.pending, state.dropped)
        }
        if dropped > 0 { bytes += Array("stowage: \(dropped) log lines were dropped, the log's reader is too slow\n".utf8) }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress.map { $0 + written }, bytes.count - written)
            }
            if count < 0, errno == EINTR { continue }
            // Nobody reads the log any more: there is nowhere to say so.
            if count <= 0 { return }
            written += count
        }
    }
}
