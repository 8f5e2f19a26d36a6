import Synchronization

/// Slows down who guesses passwords: failures are counted for each address and each user.
package final class LoginThrottle: Sendable {
    package init() {}

    /// Seconds until the next try is looked at; nil for at once. `now` in seconds of any clock.
    package func delay(address: String, user: String, now: Int) -> Int? { fatalError("helper B") }

    package func noteFailure(address: String, user: String, now: Int) { fatalError("helper B") }
    package func noteSuccess(address: String, user: String, now: Int) { fatalError("helper B") }
}
