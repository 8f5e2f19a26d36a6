import TestSupport
import Testing
import Yams

@testable import stowage

/// Sizes and times as people write them.
@Suite struct UnitsTests {
    @Test(arguments: [
        ("0", 0), ("1", 1), ("512", 512), ("7B", 7), ("1KiB", 1024), ("32MiB", 32 << 20), ("128GiB", 128 << 30),
        ("2TiB", 2 << 40), ("10 GiB", 10 << 30), ("1023KiB", 1023 << 10), ("1024KiB", 1 << 20), ("1024TiB", 1 << 50),
    ])
    func readsSizes(_ text: String, _ bytes: Int) throws {
        #expect(try YAMLDecoder().decode(ByteCount.self, from: text) == ByteCount(bytes))
    }

    @Test(arguments: [
        ("0", 0), ("90", 90), ("90s", 90), ("15m", 900), ("24h", 86_400), ("7d", 604_800), ("5 m", 300), ("60m", 3600),
    ])
    func readsTimes(_ text: String, _ seconds: Int) throws {
        #expect(try YAMLDecoder().decode(TimeSpan.self, from: text) == TimeSpan(seconds))
    }

    @Test(arguments: [
        "''", "MiB", "-1", "+1", "1.5GiB", "1e3", "0x10", "1 000", "1kib", "1KB", "1K", "1MiB2", "1 MiB x", "٣", "½",
        "1025TiB", "9223372036854775807", "9223372036854775808", "9007199254740993TiB", "[1]", "{a: 1}", "5s",
    ])
    func refusesSizes(_ text: String) {
        #expect(throws: DecodingError.self) { try YAMLDecoder().decode(ByteCount.self, from: text) }
    }

    @Test(arguments: [
        "''", "s", "-5s", "1.5h", "1h30m", "5 parsecs", "5S", "1w", "1ms", "36893488147419103232s", "5MiB",
    ])
    func refusesTimes(_ text: String) {
        #expect(throws: DecodingError.self) { try YAMLDecoder().decode(TimeSpan.self, from: text) }
    }

    @Test func writesWhatItReads() throws {
        var random = SeededGenerator(for: "units")
        for _ in 0..<2000 {
            // Of every magnitude, and often a round number of some unit.
            let factor = [1, 60, 3600, 86_400, 1 << 10, 1 << 20, 1 << 30].randomElement(using: &random) ?? 1
            let number = Int.random(in: 0...(1 << 20), using: &random) * factor % (1 << 50)
            let size = try YAMLDecoder().decode(ByteCount.self, from: ByteCount(number).description)
            #expect(size.bytes == number)
            let time = try YAMLDecoder().decode(TimeSpan.self, from: TimeSpan(number).description)
            #expect(time.seconds == number)
        }
    }

    @Test(arguments: [
        (0, "0"), (1, "1B"), (1023, "1023B"), (1 << 20, "1MiB"), (3 << 29, "1536MiB"), (1 << 50, "1024TiB"),
    ])
    func writesSizesInTheLargestUnitThatFits(_ bytes: Int, _ text: String) {
        #expect(ByteCount(bytes).description == text)
    }
}
