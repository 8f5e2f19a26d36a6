import Synchronization

/// Memory that request and response bodies may take together; what would go beyond is answered with 503.
final class MemoryBudget: Sendable {
    private let used = Atomic<Int>(0)

    init() {}

    /// Takes `count` bytes if that leaves the sum at or below `limit`.
    func reserve(_ count: Int, limit: Int) -> Bool {
        if used.wrappingAdd(count, ordering: .relaxed).newValue <= limit { return true }
        release(count)
        return false
    }

    func release(_ count: Int) {
        used.wrappingSubtract(count, ordering: .relaxed)
    }
}
