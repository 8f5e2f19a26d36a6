import Glibc

/// The time of a log line.
enum Timestamp {
    /// Now, as `2026-11-23T06:00:00.123Z` (RFC 3339).
    static func now() -> String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        var parts = tm()
        gmtime_r(&time.tv_sec, &parts)
        let date = "\(1900 + parts.tm_year)-\(pad(parts.tm_mon + 1))-\(pad(parts.tm_mday))"
        let clock = "\(pad(parts.tm_hour)):\(pad(parts.tm_min)):\(pad(parts.tm_sec))"
        let milliseconds = String(1000 + time.tv_nsec / 1_000_000).dropFirst()
        return "\(date)T\(clock).\(milliseconds)Z"
    }

    /// The day of a time in seconds since 1970, as `2026-11-23` (UTC).
    static func date(_ seconds: Int) -> String {
        var time = time_t(seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        return "\(1900 + parts.tm_year)-\(pad(parts.tm_mon + 1))-\(pad(parts.tm_mday))"
    }

    private static func pad(_ number: CInt) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
