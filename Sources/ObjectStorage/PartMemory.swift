import EventLoop
import Glibc
import HTTPClient
import S3
import Synchronization

/// Room for bytes on their way into the bucket, reserved in a `PartBudget` until `release`.
///
/// One task uses it at a time: first the writer that fills it, then the one that sends it.
final class PartMemory: Sendable {
    private struct State {
        /// All full but the last.
        var pieces: [Buffer] = []
        /// Bytes in the pieces.
        var count = 0
        /// Bytes the pieces can hold.
        var room = 0
        var isReleased = false
    }

    /// In bytes.
    let capacity: Int
    private let share: PartBudget.Share
    private let budget: PartBudget
    private let state = Mutex(State())

    init(capacity: Int, share: PartBudget.Share, budget: PartBudget) {
        self.capacity = capacity
        self.share = share
        self.budget = budget
    }

    deinit { release() }

    /// Gives the room back, with the bytes in it.
    func release() {
        let (pieces, wasReleased) = state.withLock { state in
            defer { state = State(isReleased: true) }
            return (state.pieces, state.isReleased)
        }
        if !wasReleased { budget.release(capacity, of: share, pieces: pieces) }
    }

    /// Bytes in it.
    var count: Int { state.withLock { $0.count } }
    var isFull: Bool { count >= capacity }
    /// Whether this is a first piece, to be exchanged for a part when more bytes come.
    var isFirstPiece: Bool { share == .firstPieces }

    /// Copies as many bytes as there is room for and returns how many those are.
    func append(_ bytes: RawSpan) -> Int {
        bytes.withUnsafeBytes { bytes in
            state.withLock { state in
                let total = min(bytes.count, capacity - state.count)
                var done = 0
                while done < total {
                    if state.count == state.room {
                        let piece = budget.takePiece(atMost: capacity - state.room)
                        state.pieces.append(piece)
                        state.room += piece.capacity
                    }
                    guard let piece = state.pieces.last, let base = bytes.baseAddress else { break }
                    let count = min(total - done, state.room - state.count)
                    memcpy(piece.base + (piece.capacity - (state.room - state.count)), base + done, count)
                    state.count += count
                    done += count
                }
                return done
            }
        }
    }

    /// Takes over the bytes of a first piece, whose room it gives back; this has no bytes yet.
    func adopt(_ other: PartMemory) {
        let taken = other.state.withLock { state in
            defer { state = State() }
            return state
        }
        state.withLock { $0 = taken }
        other.release()
    }

    /// The bytes as the body of a request.
    var body: HTTPRequestBody {
        state.withLock { .pieces($0.pieces, count: $0.count) }
    }
}
