/// Exponential backoff with full jitter: a random time up to a bound that doubles.
enum Backoff {
    private static let first = 100
    private static let most = 5_000

    /// Milliseconds to wait before repeating attempt number `attempt`, counted from 1.
    static func delay(after attempt: Int, using generator: inout some RandomNumberGenerator) -> Int {
        Int.random(in: 0...bound(after: attempt), using: &generator)
    }

    static func bound(after attempt: Int) -> Int { min(most, first << min(attempt - 1, 10)) }
}
