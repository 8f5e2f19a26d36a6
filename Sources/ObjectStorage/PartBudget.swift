import EventLoop
import Synchronization

/// The memory that everything on its way into the bucket may take together; who needs more waits for his turn.
///
/// It has two shares. The small one is for the first piece of every object, the large one for whole parts. A writer
/// may hold a first piece while it waits for a part, but waits for nothing while it holds a part: so those that hold
/// parts always get on, and with them everybody else.
package final class PartBudget: Sendable {
    /// The unit in which bytes are kept, in bytes.
    static let pieceSize = 256 << 10

    enum Share: Int {
        case firstPieces
        case parts
    }

    private struct Waiter {
        let count: Int
        let turn: Promise<Void>
    }

    private struct State {
        var used = [0, 0]
        var queues: [[Waiter]] = [[], []]
        /// Pieces that were used before: the first use of fresh memory costs several times that of touched memory.
        var pool: [Buffer] = []
        var peak = 0
    }

    /// For first pieces and for parts, in bytes.
    private let limits: [Int]
    private let state = Mutex(State())

    /// `limit`: for both shares, in bytes; at least one part and one piece have room in any case.
    package init(limit: Int, partSize: Int) {
        let first = max(Self.pieceSize, limit / 4)
        limits = [first, max(partSize, limit - first)]
    }

    /// The longest part there is room for twice, so that one can be filled while another one is sent; in bytes.
    var largestPart: Int { limits[Share.parts.rawValue] / 2 }

    /// What is taken now and was at most, in bytes.
    package var usage: (used: Int, peak: Int) { state.withLock { ($0.used.reduce(0, +), $0.peak) } }

    /// How many wait for a share.
    func waiting(for share: Share) -> Int {
        state.withLock { $0.queues[share.rawValue].count { !$0.turn.isKept } }
    }

    /// Waits for room for `count` bytes, in the order of the calls; more than the whole share is taken for all of it.
    func reserve(_ count: Int, from share: Share) async throws -> PartMemory {
        let count = min(count, limits[share.rawValue])
        let turn = state.withLock { state -> Promise<Void>? in
            if state.queues[share.rawValue].isEmpty, take(count, share, &state) { return nil }
            let turn = Promise<Void>()
            state.queues[share.rawValue].append(Waiter(count: count, turn: turn))
            return turn
        }
        if let turn {
            do {
                try await turn.value
            } catch {
                // Those behind may have room now.
                admit(share)
                throw error
            }
        }
        return PartMemory(capacity: count, share: share, budget: self)
    }

    private func take(_ count: Int, _ share: Share, _ state: inout State) -> Bool {
        guard state.used[share.rawValue] + count <= limits[share.rawValue] else { return false }
        state.used[share.rawValue] += count
        state.peak = max(state.peak, state.used.reduce(0, +))
        return true
    }

    /// Lets those at the head of the queue in whose turn has come.
    private func admit(_ share: Share) {
        state.withLock { state in
            while let waiter = state.queues[share.rawValue].first {
                let isGone = waiter.turn.isKept
                guard isGone || take(waiter.count, share, &state) else { return }
                state.queues[share.rawValue].removeFirst()
                // A wait that was cancelled just now leaves its room to the next.
                if !isGone, !waiter.turn.keep(.success(())) { state.used[share.rawValue] -= waiter.count }
            }
        }
    }

    /// A piece for bytes; the caller has reserved room for it.
    func takePiece(atMost count: Int) -> Buffer {
        if count < Self.pieceSize { return Buffer(capacity: count) }
        return state.withLock { $0.pool.popLast() } ?? Buffer(capacity: Self.pieceSize)
    }

    /// Takes back room, and pieces that nobody else holds: as long as there is work all of them are kept, afterwards
    /// a quarter of the budget.
    func release(_ count: Int, of share: Share, pieces: consuming [Buffer]) {
        var pieces = pieces
        var unused: [Buffer] = []
        while var piece = pieces.popLast() {
            // A cancelled request may still read from it.
            if piece.capacity == Self.pieceSize, isKnownUniquelyReferenced(&piece) { unused.append(piece) }
        }
        let surplus = state.withLock { state -> [Buffer] in
            state.used[share.rawValue] -= count
            state.pool += unused
            let kept = limits.reduce(0, +) / Self.pieceSize / 4
            guard state.used.allSatisfy({ $0 == 0 }), state.pool.count > kept else { return [] }
            defer { state.pool.removeSubrange(kept...) }
            return Array(state.pool[kept...])
        }
        // Freed outside the lock, which takes a while.
        withExtendedLifetime(surplus) {}
        admit(share)
    }
}
