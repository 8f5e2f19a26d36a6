import Glibc
import TestSupport
import Testing

@testable import S3

struct UTCTimeTests {
    @Test(
        "texts and seconds",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2013-05-24T00:00:00Z", 1_369_353_600),
            ("2000-02-29T23:59:59Z", 951_868_799), ("2100-03-01T00:00:00Z", 4_107_542_400),
            ("1969-12-31T23:59:59Z", -1), ("2026-11-23T09:10:11Z", 1_795_425_011),
        ])
    func examples(test: (text: String, seconds: Int)) {
        #expect(UTCTime(iso8601: test.text)?.seconds == test.seconds)
        #expect(UTCTime(test.seconds).iso8601 == test.text)
    }

    @Test("a fraction is dropped, and +00:00 is Z")
    func variants() {
        for text in ["2013-05-24T00:00:00.999Z", "2013-05-24T00:00:00.1+00:00", "2013-05-24T00:00:00+00:00"] {
            #expect(UTCTime(iso8601: text)?.seconds == 1_369_353_600)
        }
    }

    @Test(
        "what is no moment",
        arguments: [
            "", "2013-05-24", "2013-05-24T00:00:00", "2013-05-24 00:00:00Z", "2013-13-24T00:00:00Z",
            "2013-02-29T00:00:00Z", "2013-05-00T00:00:00Z", "2013-05-24T24:00:00Z", "2013-05-24T00:60:00Z",
            "2013-05-24T00:00:00.Z", "2013-05-24T00:00:00+01:00", "2013-05-24T00:00:00Zx", "+013-05-24T00:00:00Z",
            "2013-05-24T00:00:00.123456789012345678901234567890Z",
        ])
    func rejected(text: String) {
        #expect(UTCTime(iso8601: text) == nil)
    }

    @Test("the C library agrees on random moments")
    func random() {
        var generator = SeededGenerator(for: "UTCTime")
        for _ in 0..<2000 {
            let seconds = Int.random(in: -1_000_000_000..<10_000_000_000, using: &generator)
            var clock = time_t(seconds)
            var parts = tm()
            gmtime_r(&clock, &parts)
            let time = UTCTime(seconds)
            #expect(time.year == Int(parts.tm_year) + 1900 && time.month == Int(parts.tm_mon) + 1)
            #expect(time.day == Int(parts.tm_mday) && time.hour == Int(parts.tm_hour))
            #expect(time.minute == Int(parts.tm_min) && time.second == Int(parts.tm_sec))
            #expect(time.seconds == seconds)
        }
    }
}
