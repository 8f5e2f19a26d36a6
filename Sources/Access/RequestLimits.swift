import Synchronization

/// Who shares a limit: an identity, or whoever is anonymous at one network.
package struct CallerKey: Hashable, Sendable {
    /// A hash with the process's own random key, so that a name of any length takes no more memory.
    private let hash: Int

    /// `address`: the client's, numeric and without a port; counts for anonymous callers only.
    package init(_ identity: Identity, address: String) {
        hash = identity.isAnonymous ? ClientNetwork(address: address).hashValue : identity.name.hashValue
    }
}

/// How much each caller may ask of this replica: requests and bytes in a second, and uploads at once.
///
/// What is not limited costs nothing. Memory is bounded: of more callers than it holds, those who came last longest ago
/// are forgotten, and begin anew.
package final class RequestLimits: Sendable {
    /// Zero stands for no limit.
    package struct Settings: Hashable, Sendable {
        package var requestsPerSecond = 0
        /// Requests that may come at once after a pause; at least one second's worth is always allowed.
        package var requestBurst = 0
        /// Bytes of request bodies.
        package var receivedBytesPerSecond = 0
        /// Bytes of response bodies.
        package var sentBytesPerSecond = 0
        package var concurrentUploads = 0
        /// Callers that are remembered, some 100 bytes each in each of three tables.
        package var capacity = 16_384

        package init() {}
    }

    /// Which way the bytes of a body go.
    package enum Direction: Sendable {
        case received, sent
    }

    package let settings: Settings
    private let requests: Pace?
    private let received: Pace?
    private let sent: Pace?
    private let uploads = Mutex<[CallerKey: Int]>([:])

    package init(_ settings: Settings) {
        self.settings = settings
        requests = Pace(
            perSecond: settings.requestsPerSecond, burst: max(settings.requestBurst, settings.requestsPerSecond),
            capacity: settings.capacity)
        received = Pace(
            perSecond: settings.receivedBytesPerSecond, burst: settings.receivedBytesPerSecond,
            capacity: settings.capacity)
        sent = Pace(
            perSecond: settings.sentBytesPerSecond, burst: settings.sentBytesPerSecond, capacity: settings.capacity)
    }

    /// Takes one request from what the caller has left; otherwise whole seconds until there is one, for `Retry-After`.
    /// `now` in nanoseconds of a clock that does not go back.
    package func admit(_ caller: CallerKey, now: Int) -> Int? {
        guard let wait = requests?.take(1, from: caller, now: now) else { return nil }
        return (wait + Pace.second - 1) / Pace.second
    }

    /// Whether bodies in this direction are limited at all, and need to be charged for.
    package func paces(_ direction: Direction) -> Bool { pace(direction) != nil }

    /// Notes that `bytes` of a body have gone through, and says for how many nanoseconds to wait before the next ones.
    ///
    /// Bodies of one caller share the limit. A second's worth goes through without a pause.
    package func charge(_ bytes: Int, _ direction: Direction, to caller: CallerKey, now: Int) -> Int {
        pace(direction)?.charge(bytes, to: caller, now: now) ?? 0
    }

    private func pace(_ direction: Direction) -> Pace? {
        switch direction {
        case .received: received
        case .sent: sent
        }
    }

    /// Whether the caller may begin one more upload. Each that was begun must be ended.
    package func beginUpload(_ caller: CallerKey) -> Bool {
        guard settings.concurrentUploads > 0 else { return true }
        return uploads.withLock { uploads in
            guard uploads[caller, default: 0] < settings.concurrentUploads else { return false }
            uploads[caller, default: 0] += 1
            return true
        }
    }

    /// Ends an upload that `beginUpload` let through.
    package func endUpload(_ caller: CallerKey) {
        guard settings.concurrentUploads > 0 else { return }
        uploads.withLock { uploads in
            let count = uploads[caller, default: 0] - 1
            uploads[caller] = count > 0 ? count : nil
        }
    }
}

/// So many units in a second for each caller, and some more after a pause (a token bucket).
///
/// A caller's state is one number: the time at which everything it has taken is paid for. It may be ahead of now by as
/// long as a burst lasts.
private final class Pace: Sendable {
    /// In nanoseconds.
    static let second = 1_000_000_000
    /// Nobody is made to wait longer than this for what was taken before, in nanoseconds.
    private static let longestDebt = 3600 * second
    /// Units that are taken at once at most, so that no product overflows.
    private static let mostUnits = 1 << 32

    private let perSecond: Int
    private let burstTime: Int
    private let paidFor: Mutex<LeastRecentTable<CallerKey, Int>>

    /// Nil when there is no limit.
    init?(perSecond: Int, burst: Int, capacity: Int) {
        guard perSecond > 0 else { return nil }
        self.perSecond = perSecond
        burstTime = Self.time(for: burst, perSecond: perSecond)
        paidFor = Mutex(LeastRecentTable(capacity: capacity))
    }

    private static func time(for units: Int, perSecond: Int) -> Int {
        min(longestDebt, min(max(0, units), mostUnits) * second / perSecond)
    }

    /// Takes the units if the caller has them; otherwise says how long it takes until it has, in nanoseconds.
    func take(_ units: Int, from caller: CallerKey, now: Int) -> Int? {
        let cost = Self.time(for: units, perSecond: perSecond)
        return paidFor.withLock { paidFor in
            paidFor.update(caller, new: now) { paid in
                let after = max(paid, now) + cost
                guard after <= now + burstTime else { return after - now - burstTime }
                paid = after
                return nil
            }
        }
    }

    /// Takes the units whether the caller has them or not, and says how long it takes to pay for them.
    func charge(_ units: Int, to caller: CallerKey, now: Int) -> Int {
        let cost = Self.time(for: units, perSecond: perSecond)
        return paidFor.withLock { paidFor in
            paidFor.update(caller, new: now) { paid in
                paid = min(max(paid, now) + cost, now + Self.longestDebt)
                return max(0, paid - now - burstTime)
            }
        }
    }
}
