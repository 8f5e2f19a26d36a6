import Dispatch
import EventLoop
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

    private let target: Mutex<Target>
    private let noteOfLoss: @Sendable (Int) -> [UInt8]
    private let queue = DispatchQueue(label: "stowage.log")
    private let state = Mutex(State())

    /// Where lines go.
    enum Target: Sendable {
        /// A descriptor that stays open for as long as the program runs.
        case open(CInt)
        case file(OpenFile)

        fileprivate var number: CInt {
            switch self {
            case .open(let number): number
            case .file(let file): file.number
            }
        }
    }

    /// `noteOfLoss` makes the line that tells how many others were dropped.
    init(_ target: Target, noteOfLoss: @escaping @Sendable (Int) -> [UInt8]) {
        self.target = Mutex(target)
        self.noteOfLoss = noteOfLoss
    }

    /// Lines from now on go elsewhere.
    func redirect(to target: Target) {
        queue.async {
            self.flushPending()
            self.target.withLock { $0 = target }
        }
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

    /// Writes what is there before the program ends, which a reader that stalls does not hold up for more than
    /// `patience` seconds.
    func flush(patience: Int = 1) {
        let isDone = DispatchSemaphore(value: 0)
        queue.async {
            self.flushPending()
            isDone.signal()
        }
        _ = isDone.wait(timeout: .now() + .seconds(patience))
    }

    private func flushPending() {
        var (bytes, dropped) = state.withLock { state in
            defer { state = State() }
            return (state.pending, state.dropped)
        }
        if dropped > 0 { bytes += noteOfLoss(dropped) }
        // Keeps it open until everything is written.
        let target = target.withLock { $0 }
        let descriptor = target.number
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress.map { $0 + written }, bytes.count - written)
            }
            if count < 0, errno == EINTR { continue }
            // Whoever shares the descriptor has made it non-blocking.
            if count < 0, errno == EAGAIN {
                waitWritable(descriptor)
                continue
            }
            // Nobody reads the log any more: there is nowhere to say so.
            if count <= 0 { return }
            written += count
        }
    }

    private func waitWritable(_ descriptor: CInt) {
        var state = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        // Whatever it says, the next write tells.
        _ = poll(&state, 1, -1)
    }
}
