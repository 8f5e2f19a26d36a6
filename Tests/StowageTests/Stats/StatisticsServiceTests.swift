import Synchronization
import TestSupport
import Testing

@testable import Registry
@testable import stowage

@Suite struct StatisticsServiceTests {
    /// A clock and a walk that ends when the test says so.
    private final class Stage: Sendable {
        let time = Mutex(1000)
        let started = Mutex(0)
        let failures = Mutex(0)
        private let gate = AsyncStream<Result<Statistics, Broken>>.makeStream()

        func finish(_ result: Result<Statistics, Broken>) { gate.continuation.yield(result) }

        func service(interval: Int = 60) -> StatisticsService {
            StatisticsService(
                prices: PriceList(), interval: interval, now: { self.time.withLock { $0 } },
                onFailure: { _ in self.failures.withLock { $0 += 1 } },
                walk: {
                    self.started.withLock { $0 += 1 }
                    for await result in self.gate.stream { return try result.get() }
                    throw CancellationError()
                })
        }
    }

    private struct Broken: Error {}

    private func statistics(tags: Int) -> Statistics {
        var statistics = Statistics()
        statistics.tags = tags
        return statistics
    }

    @Test("nobody waits for a walk, and many who ask start one")
    func oneWalkForAll() async throws {
        let stage = Stage()
        let service = stage.service()
        for _ in 0..<10 { guard case .pending = service.answer() else { throw Broken() } }
        try await eventually { stage.started.withLock { $0 } == 1 }
        stage.finish(.success(statistics(tags: 3)))
        try await eventually { service.tags == 3 }
        #expect(stage.started.withLock { $0 } == 1)
    }

    @Test("an old report is given while a new one is made")
    func oldReportMeanwhile() async throws {
        let stage = Stage()
        let service = stage.service()
        _ = service.answer()
        stage.finish(.success(statistics(tags: 1)))
        try await eventually { service.tags == 1 }
        stage.time.withLock { $0 += 60 }
        #expect(service.tags == 1)
        try await eventually { stage.started.withLock { $0 } == 2 }
        stage.finish(.success(statistics(tags: 2)))
        try await eventually { service.tags == 2 }
        guard case .report(let report) = service.answer() else { throw Broken() }
        #expect(report.computedAt == 1060)
    }

    @Test("a walk that failed is told, and the next question starts another")
    func failure() async throws {
        let stage = Stage()
        let service = stage.service()
        _ = service.answer()
        stage.finish(.failure(Broken()))
        try await eventually { stage.failures.withLock { $0 } == 1 }
        guard case .failed = service.answer() else { throw Broken() }
        stage.finish(.success(statistics(tags: 4)))
        try await eventually { service.tags == 4 }
    }
}

extension StatisticsService {
    fileprivate var tags: Int? {
        guard case .report(let report) = answer() else { return nil }
        return report.tags
    }
}
