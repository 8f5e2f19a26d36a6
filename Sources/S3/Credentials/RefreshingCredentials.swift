import Synchronization

/// Credentials of a source, kept until they are about to expire and then fetched again.
///
/// One fetch runs at a time, and whoever needs its result shares it. While the old credentials are valid nobody waits.
package final class RefreshingCredentials: CredentialsProvider {
    private struct Held {
        let credentials: Credentials
        let loadedAt: Int
        var refreshAt: Int
        var end: Int { credentials.expiration ?? .max }

        init(_ credentials: Credentials, at now: Int) {
            self.credentials = credentials
            loadedAt = now
            refreshAt = credentials.expiration.map { $0 - min(refreshWindow, ($0 - now) / 4) } ?? .max
        }
    }

    private struct State {
        var held: Held?
        /// Whether there ever were any.
        var isProven = false
        var flight: Task<Credentials, any Error>?
        /// No doubt before then causes a fetch.
        var doubtedUntil = Int.min
    }

    private enum Answer {
        case held(Credentials)
        case flight(Task<Credentials, any Error>)
    }

    /// How long before they expire credentials are fetched again, in seconds; a quarter of their life if that is less.
    static let refreshWindow = 900
    /// With less left than this, in seconds, a request waits for new ones: it could arrive too late with the old.
    static let margin = 30
    /// After a fetch that failed while the old ones are valid, in seconds.
    static let retryInterval = 60
    /// Refusals of credentials that are younger than this, in seconds, do not cause another fetch.
    static let invalidationInterval = 10
    /// Between two fetches because of refusals without a reason, in seconds: most are a lack of permission.
    static let doubtInterval = 60

    private let loader: any CredentialsLoader
    private let now: @Sendable () -> Int
    private let observer: @Sendable (CredentialsError) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - now: seconds since 1970.
    ///   - observer: told of each fetch that failed, also while the old credentials still are good; but not before one
    ///     succeeded: until then every failure goes to somebody who waits for it, such as the start of a server.
    package init(
        _ loader: any CredentialsLoader, now: @escaping @Sendable () -> Int,
        observer: @escaping @Sendable (CredentialsError) -> Void = { _ in }
    ) {
        self.loader = loader
        self.now = now
        self.observer = observer
    }

    package var name: String { loader.name }

    package func credentials() async throws -> Credentials {
        switch answer(at: now()) {
        case .held(let credentials): return credentials
        case .flight(let flight): return try await flight.value
        }
    }

    package func invalidate(_ refused: Credentials) {
        let now = now()
        state.withLock { state in
            guard let held = state.held, held.credentials == refused else { return }
            if now >= held.loadedAt + Self.invalidationInterval { state.held = nil }
        }
    }

    /// The old ones stay in use meanwhile, and when the fetch fails.
    package func replace(_ doubted: Credentials) async -> Bool {
        let now = now()
        let flight = state.withLock { state -> Task<Credentials, any Error>? in
            guard let held = state.held, held.credentials == doubted else { return nil }
            if let flight = state.flight { return flight }
            guard now >= max(state.doubtedUntil, held.loadedAt + Self.invalidationInterval) else { return nil }
            state.doubtedUntil = now + Self.doubtInterval
            return fetching(&state)
        }
        // That it failed is what the observer is told.
        if let flight { _ = try? await flight.value }
        return state.withLock { $0.held?.credentials != doubted }
    }

    private func answer(at now: Int) -> Answer {
        state.withLock { state in
            if let held = state.held, now < held.refreshAt { return .held(held.credentials) }
            let flight = fetching(&state)
            if let held = state.held, now < held.end - Self.margin { return .held(held.credentials) }
            return .flight(flight)
        }
    }

    /// The fetch that is under way, or a new one.
    private func fetching(_ state: inout State) -> Task<Credentials, any Error> {
        let flight = state.flight ?? Task { try await self.fetch() }
        state.flight = flight
        return flight
    }

    /// Runs on no event loop, so that the loader may read files.
    private func fetch() async throws -> Credentials {
        do throws(CredentialsError) {
            let credentials = try await loader.load()
            let now = now()
            if let end = credentials.expiration, end <= now {
                throw CredentialsError(
                    .failed, source: loader.name,
                    reason: "the credentials it gave expired at \(UTCTime(end).iso8601), and it is"
                        + " \(UTCTime(now).iso8601) here: is the clock right?")
            }
            state.withLock { ($0.held, $0.flight, $0.isProven) = (Held(credentials, at: now), nil, true) }
            return credentials
        } catch {
            defer { if state.withLock(\.isProven) { observer(error) } }
            return try keep(after: error)
        }
    }

    /// The old credentials after a fetch that failed, if they still are valid.
    private func keep(after error: CredentialsError) throws(CredentialsError) -> Credentials {
        let now = now()
        let kept = state.withLock { state -> Credentials? in
            state.flight = nil
            guard let held = state.held, now < held.end else { return nil }
            state.held?.refreshAt = min(now + Self.retryInterval, held.end - Self.margin)
            return held.credentials
        }
        guard let kept else { throw error }
        return kept
    }
}
