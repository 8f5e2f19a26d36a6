import Synchronization

/// How often and how soon failed attempts are repeated.
///
/// All requests of a client share one budget: while the service is down, most fail at once and do not add to its load.
final class RetryBudget: Sendable {
    private static let capacity = 500
    private static let retryCost = 5

    private let tokens = Atomic<Int>(RetryBudget.capacity)

    /// Whether one more repetition is allowed now.
    func takeRetry() -> Bool {
        if tokens.wrappingSubtract(Self.retryCost, ordering: .relaxed).newValue >= 0 { return true }
        tokens.wrappingAdd(Self.retryCost, ordering: .relaxed)
        return false
    }

    /// An attempt succeeded.
    func giveBack() {
        guard tokens.load(ordering: .relaxed) < Self.capacity else { return }
        tokens.wrappingAdd(1, ordering: .relaxed)
    }
}
