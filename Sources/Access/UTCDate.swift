import Glibc

/// A moment as `2026-11-23T09:10:11Z` (RFC 3339), which people read in files, and as seconds since 1970.
package enum UTCDate {
    /// Nil for anything `text` would not have made.
    static func seconds(_ text: String) -> Int? {
        let numbers = text.utf8.split(omittingEmptySubsequences: false, whereSeparator: { "-T:Z".utf8.contains($0) })
            .map { $0.count <= 4 ? CInt(String(decoding: $0, as: UTF8.self)) ?? -1 : -1 }
        guard numbers.count == 7 else { return nil }
        var parts = tm()
        (parts.tm_year, parts.tm_mon, parts.tm_mday) = (numbers[0] - 1900, numbers[1] - 1, numbers[2])
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (numbers[3], numbers[4], numbers[5])
        let seconds = timegm(&parts)
        // The calendar takes the 31st of June for the 1st of July.
        return Self.text(seconds) == text ? seconds : nil
    }

    /// Of the years 1 to 9999.
    package static func text(_ seconds: Int) -> String {
        var seconds = seconds
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let fields = [parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec]
        let pairs = fields.map { ($0 < 10 ? "0" : "") + String($0) }
        let year = String(parts.tm_year + 1900)
        let padding = String(repeating: "0", count: max(0, 4 - year.utf8.count))
        return "\(padding)\(year)-\(pairs[0])-\(pairs[1])T\(pairs[2]):\(pairs[3]):\(pairs[4])Z"
    }
}
