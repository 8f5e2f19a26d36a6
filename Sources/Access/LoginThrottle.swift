import Synchronization

/// Slows down who guesses passwords, without locking out whom they guess at.
///
/// Failures are counted three times, and the longest of three delays holds:
/// - of a user at a network: after a few mistakes the delay doubles with each, up to a minute. A login clears it.
/// - of a network, whoever it tries to be: much later, for many may share it. No login clears it, or whoever has an
///   account could go on for ever.
/// - of a user, wherever from: only a second or two, for otherwise anybody could lock out anybody. It does not hold where
///   the user has logged in within the last day.
///
/// Counts go down by themselves with time. Tries that come while there is a delay are not looked at, and not counted.
/// Nor is what failed before and is tried again: whoever guesses has no use for it, but machines with an old password try
/// it for ever, and must not make everybody at their network wait.
package final class LoginThrottle: Sendable {
    /// How failures of one kind become delays. Times in seconds.
    package struct Scale: Sendable {
        /// Failures without a delay.
        package let free: Int
        /// The delay after the first failure that is not free is a second, and doubles up to this.
        package let longest: Int
        /// Time in which one failure is forgotten.
        package let forgetting: Int

        package init(free: Int, longest: Int, forgetting: Int) {
            self.free = free
            self.longest = max(1, longest)
            self.forgetting = max(1, forgetting)
        }

        /// Failures after which the delay is the longest: more would only make the way back longer.
        var countedAtMost: Int { free + 1 + Int.bitWidth - (longest - 1).leadingZeroBitCount }
    }

    /// How many failures lead to which delays, and how many can be remembered.
    package struct Settings: Sendable {
        package var userAtNetwork = Scale(free: 5, longest: 60, forgetting: 60)
        package var network = Scale(free: 20, longest: 60, forgetting: 30)
        package var user = Scale(free: 50, longest: 2, forgetting: 10)
        /// Seconds for which a login makes a network one of the user's own.
        package var familiarity = 86_400
        /// Entries in each table: some 100 bytes each in five tables.
        package var capacity = 16_384

        package init() {}
    }

    private let settings: Settings
    private let state: Mutex<State>

    package init(settings: Settings = Settings()) {
        self.settings = settings
        state = Mutex(State(capacity: settings.capacity))
    }

    /// Seconds until the next try is looked at; nil for at once. `now` in seconds of any clock.
    package func delay(address: String, user: String, now: Int) -> Int? {
        let keys = Keys(address: address, user: user)
        return state.withLock { state in
            var delay = max(
                state.usersAtNetworks[keys.userAtNetwork]?.delay(settings.userAtNetwork, now: now) ?? 0,
                state.networks[keys.network]?.delay(settings.network, now: now) ?? 0)
            let isFamiliar = state.logins[keys.userAtNetwork].map { now - $0 < settings.familiarity } ?? false
            if !isFamiliar { delay = max(delay, state.users[keys.user]?.delay(settings.user, now: now) ?? 0) }
            return delay > 0 ? delay : nil
        }
    }

    package func noteFailure(address: String, user: String, secret: String, now: Int) {
        let keys = Keys(address: address, user: user)
        let tried = keys.userAtNetwork(with: secret)
        state.withLock { state in
            let isRepeated = state.tried[tried] != nil
            state.tried.update(tried, new: ()) { _ in }
            guard !isRepeated else { return }
            state.usersAtNetworks.update(keys.userAtNetwork, new: Failures(now)) {
                $0.add(settings.userAtNetwork, now: now)
            }
            state.networks.update(keys.network, new: Failures(now)) { $0.add(settings.network, now: now) }
            state.users.update(keys.user, new: Failures(now)) { $0.add(settings.user, now: now) }
        }
    }

    package func noteSuccess(address: String, user: String, now: Int) {
        let keys = Keys(address: address, user: user)
        state.withLock { state in
            state.logins.update(keys.userAtNetwork, new: now) { $0 = now }
            guard state.usersAtNetworks[keys.userAtNetwork] != nil else { return }
            state.usersAtNetworks.update(keys.userAtNetwork, new: Failures(now)) { $0 = Failures(now) }
        }
    }

    private struct State {
        var usersAtNetworks: LeastRecentTable<Int, Failures>
        var networks: LeastRecentTable<Int, Failures>
        var users: LeastRecentTable<Int, Failures>
        /// When a user last logged in from a network.
        var logins: LeastRecentTable<Int, Int>
        /// Secrets that were not the user's.
        var tried: LeastRecentTable<Int, Void>

        init(capacity: Int) {
            usersAtNetworks = LeastRecentTable(capacity: capacity)
            networks = LeastRecentTable(capacity: capacity)
            users = LeastRecentTable(capacity: capacity)
            logins = LeastRecentTable(capacity: capacity)
            tried = LeastRecentTable(capacity: capacity)
        }
    }

    /// What is counted, as hashes with the process's own random key: clients choose how long the names are, cannot choose
    /// names that are counted together, and no secret is kept.
    private struct Keys {
        let userAtNetwork: Int
        let network: Int
        let user: Int

        init(address: String, user: String) {
            let network = ClientNetwork(address: address)
            self.network = network.hashValue
            self.user = user.hashValue
            var hasher = Hasher()
            hasher.combine(network)
            hasher.combine(user)
            userAtNetwork = hasher.finalize()
        }

        func userAtNetwork(with secret: String) -> Int {
            var hasher = Hasher()
            hasher.combine(userAtNetwork)
            hasher.combine(secret)
            return hasher.finalize()
        }
    }
}

/// Failures of one kind that are not forgotten yet.
private struct Failures {
    private var count = 0
    /// When the last one was, and since when those before it are being forgotten.
    private var last: Int
    private var forgottenUpTo: Int

    init(_ now: Int) {
        last = now
        forgottenUpTo = now
    }

    mutating func add(_ scale: LoginThrottle.Scale, now: Int) {
        let forgotten = max(0, now - forgottenUpTo) / scale.forgetting
        if forgotten >= count {
            (count, forgottenUpTo) = (0, now)
        } else {
            count -= forgotten
            forgottenUpTo += forgotten * scale.forgetting
        }
        count = min(count + 1, scale.countedAtMost)
        last = now
    }

    /// Seconds until the next try, 0 or less for at once.
    func delay(_ scale: LoginThrottle.Scale, now: Int) -> Int {
        let excess = count - max(0, now - forgottenUpTo) / scale.forgetting - scale.free
        guard excess > 0 else { return 0 }
        let delay = min(scale.longest, 1 << (excess - 1))
        // A clock that was put back must not make it longer.
        return min(delay, last + delay - now)
    }
}
