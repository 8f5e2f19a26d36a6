import Glibc
import Registry
import Synchronization

/// Statistics for whoever asks over HTTP: computed in the background when somebody asks, never while he waits.
final class StatisticsService: Sendable {
    /// What is known when somebody asks.
    enum Answer: Sendable {
        case report(StatisticsReport)
        /// The first walk is not finished.
        case pending
        /// The last walk failed; another one is on its way.
        case failed
    }

    private struct State {
        var latest: StatisticsReport?
        var hasFailed = false
        var running: Task<Void, Never>?
    }

    private let walk: @Sendable () async throws -> Statistics
    private let prices: PriceList
    /// Seconds a report is good for.
    private let interval: Int
    private let now: @Sendable () -> Int
    private let onFailure: @Sendable (any Error) -> Void
    private let state = Mutex(State())

    /// `interval`: seconds after which a question starts another walk. `onFailure` is told why a walk failed.
    init(
        prices: PriceList, interval: Int, now: @escaping @Sendable () -> Int = { time(nil) },
        onFailure: @escaping @Sendable (any Error) -> Void,
        walk: @escaping @Sendable () async throws -> Statistics
    ) {
        self.prices = prices
        self.interval = interval
        self.now = now
        self.onFailure = onFailure
        self.walk = walk
    }

    /// The last report, however old; starts a walk when there is none or it is older than the interval.
    func answer() -> Answer {
        let time = now()
        return state.withLock { state in
            let isFresh = state.latest.map { time - $0.computedAt < interval } ?? false
            if !isFresh, state.running == nil { state.running = Task.detached { await self.run(since: time) } }
            if let latest = state.latest { return .report(latest) }
            return state.hasFailed ? .failed : .pending
        }
    }

    /// Ends a walk that is under way.
    func stop() {
        state.withLock { $0.running }?.cancel()
    }

    private func run(since time: Int) async {
        do {
            let report = StatisticsReport(try await walk(), prices: prices, computedAt: time)
            state.withLock { $0 = State(latest: report) }
        } catch {
            state.withLock { state in
                state.running = nil
                state.hasFailed = true
            }
            onFailure(error)
        }
    }
}
