import Synchronization

/// Bytes of a limit that are taken until the last one who needs them lets go.
final class ReservedSpace: Sendable {
    private let count: Int
    private let used: SpaceCounter

    fileprivate init(_ count: Int, of used: SpaceCounter) {
        self.count = count
        self.used = used
    }

    deinit { used.release(count) }
}

/// How much of a limit is taken, in bytes.
final class SpaceCounter: Sendable {
    let limit: Int
    private let used = Mutex(0)

    init(limit: Int) {
        self.limit = limit
    }

    var taken: Int { used.withLock { $0 } }

    /// Takes `count` bytes; nil when that many are not left.
    func reserve(_ count: Int) -> ReservedSpace? {
        let fits = used.withLock { used in
            guard count <= limit - used else { return false }
            used += count
            return true
        }
        return fits ? ReservedSpace(count, of: self) : nil
    }

    fileprivate func release(_ count: Int) {
        used.withLock { $0 -= count }
    }
}
