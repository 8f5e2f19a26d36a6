import Synchronization

/// The keys of an issuer, kept and fetched again: when they are old, and when a token names one that is not there.
///
/// One fetch runs at a time, and whoever needs its result shares it. While the old keys may be used nobody waits.
final class IssuerKeys: Sendable {
    /// After how many seconds keys are fetched again.
    static let lifetime = 900
    /// How old keys may get while the issuer does not answer, in seconds.
    static let maximumAge = 6 * 3600
    /// Between two fetches because of keys that are not there, in seconds.
    static let retryInterval = 30
    /// Between two fetches while there are no keys at all, in seconds.
    static let firstRetryInterval = 5

    private struct Held {
        let keys: IssuerKeySet
        let fetchedAt: Int
    }

    private struct State {
        var held: Held?
        var flight: Task<Void, Never>?
        var attemptedAt = Int.min / 2
    }

    private let source: IssuerKeySource
    private let observer: @Sendable (IssuerError) -> Void
    private let state = Mutex(State())

    /// `observer` is told of each fetch that failed, also while the old keys are good.
    init(_ source: IssuerKeySource, observer: @escaping @Sendable (IssuerError) -> Void) {
        self.source = source
        self.observer = observer
    }

    /// The keys that may be used at `now`, without waiting; old ones are fetched anew meanwhile.
    func current(now: Int) -> IssuerKeySet? {
        state.withLock { state in
            guard let held = state.held, now - held.fetchedAt < Self.maximumAge else { return nil }
            if now - held.fetchedAt >= Self.lifetime { _ = flight(&state, every: Self.retryInterval, now: now) }
            return held.keys
        }
    }

    /// The keys, after a fetch if there is none that fits `isFitting` and the last fetch was long enough ago.
    func keys(now: Int, where isFitting: (IssuerKeySet) -> Bool) async throws(AuthenticationError) -> IssuerKeySet {
        if let keys = current(now: now), isFitting(keys) { return keys }
        let flight = state.withLock { state in
            let interval = state.held == nil ? Self.firstRetryInterval : Self.retryInterval
            return self.flight(&state, every: interval, now: now)
        }
        await flight?.value
        guard let keys = current(now: now) else {
            throw .unavailable(reason: "the keys of issuer \(source.settings.name) cannot be had at the moment")
        }
        return keys
    }

    /// Fetches the keys now, whatever is known of them; throws why they are not to be had, and then nothing has changed.
    /// May read files: not for event loops.
    func reload(now: Int) async throws(IssuerError) {
        // One that has begun earlier may find older keys, and must not be the last.
        await state.withLock { $0.flight }?.value
        let keys = try await source.fetch()
        state.withLock { $0.held = Held(keys: keys, fetchedAt: now) }
    }

    /// The fetch that runs, or a new one unless the last began less than `interval` seconds ago.
    private func flight(_ state: inout State, every interval: Int, now: Int) -> Task<Void, Never>? {
        if let flight = state.flight { return flight }
        // A clock that was set back does not stop the fetches.
        guard now - state.attemptedAt >= interval || now < state.attemptedAt else { return nil }
        state.attemptedAt = now
        // On no event loop, so that files may be read.
        let flight = Task { await self.fetch(now: now) }
        state.flight = flight
        return flight
    }

    private func fetch(now: Int) async {
        do throws(IssuerError) {
            let keys = try await source.fetch()
            state.withLock { state in
                state.held = Held(keys: keys, fetchedAt: now)
                state.flight = nil
            }
        } catch {
            state.withLock { $0.flight = nil }
            observer(IssuerError("issuer \(source.settings.name): \(error)"))
        }
    }
}
