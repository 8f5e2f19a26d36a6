import OCI
import Testing

@testable import Registry
@testable import stowage

@Suite struct StatisticsReportTests {
    private func statistics() throws -> Statistics {
        var statistics = Statistics()
        statistics.repositories = 2
        statistics.tags = 11
        statistics.blobs = 5
        statistics.blobBytes = 4 << 30
        statistics.logicalBytes = 10 << 30
        statistics.bytesByStorageClass = ["STANDARD": 3 << 30, "STANDARD_IA": 1 << 30]
        statistics.largestRepositories = [
            RepositoryUsage(name: try RepositoryName("team/app"), tags: 10, logicalBytes: 9 << 30),
            RepositoryUsage(name: try RepositoryName("db"), tags: 1, logicalBytes: 1 << 30),
        ]
        let digest = Digest(of: [1])
        statistics.layers = LayerSharing(
            count: 7, storedBytes: 1 << 30, logicalBytes: 8 << 30,
            mostShared: [
                LayerSharing.Layer(
                    digest: digest, size: 500 << 20, tags: 8, users: (1...8).map { "team/app:v\($0)" })
            ])
        return statistics
    }

    @Test func costs() throws {
        let cost = StatisticsReport(try statistics(), prices: PriceList(), computedAt: 0).cost
        #expect(abs(cost.monthly - (3 * 0.023 + 0.0125)) < 1e-9)
        #expect(abs(cost.monthlyWithoutSharing - cost.monthly * 2.5) < 1e-9)
        let empty = StatisticsReport(Statistics(), prices: PriceList(), computedAt: 0).cost
        #expect(empty.monthly == 0 && empty.monthlyWithoutSharing == 0)
    }

    @Test(
        arguments: [
            ("STANDARD", 0.023), ("STANDARD_IA", 0.0125), ("ONEZONE_IA", 0.01), ("GLACIER_IR", 0.004),
            ("INTELLIGENT_TIERING", 0.023), ("REDUCED_REDUNDANCY", 0.024), ("EXPRESS_ONEZONE", 0.11),
            ("NEW_CLASS", 0.023),
        ])
    func prices(_ name: String, _ price: Double) {
        #expect(abs(PriceList().monthly([name: 1 << 30]) - price) < 1e-12)
    }

    @Test func textForTheTerminal() throws {
        let report = StatisticsReport(try statistics(), prices: PriceList(), computedAt: 0)
        let lines = StatisticsText(report: report).text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.contains("saved          6.00 GiB   60.0 %"))
        #expect(lines.contains("  STANDARD_IA            1.00 GiB"))
        #expect(lines.contains("  team/app \(String(repeating: "█", count: 40)) 9.00 GiB, 10 tags"))
        #expect(lines.contains { $0.hasPrefix("  db       ████    ") && $0.hasSuffix(" 1.00 GiB, 1 tag") })
        #expect(lines.contains("7 layers, 1.00 GiB stored, 8.00 GiB if every tag had its own"))
        #expect(lines.contains { $0.hasSuffix("team/app:v5 and 3 more") })
        #expect(!lines.contains { $0.hasPrefix("unreadable") || $0.hasPrefix("chunks") })
    }

    @Test(
        arguments: [
            (0, "0 B"), (999, "999 B"), (1000, "0.98 KiB"), (1 << 20, "1.00 MiB"), (52_800_000, "50.4 MiB"),
            (500 << 30, "500 GiB"), (Int.max, "8192 PiB"),
        ])
    func sizes(_ bytes: Int, _ text: String) {
        #expect(StatisticsText.size(bytes) == text)
    }
}
