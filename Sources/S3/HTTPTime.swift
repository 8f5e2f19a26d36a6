/// The dates of HTTP (RFC 9110, section 5.6.7), in the one form that is still sent.
enum HTTPTime {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT`; nil when it is no such date.
    static func seconds(_ text: String) -> Int? {
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[5] == "GMT", let month = months.firstIndex(of: String(parts[2])) else {
            return nil
        }
        let number = month + 1 < 10 ? "0\(month + 1)" : String(month + 1)
        return UTCTime(iso8601: "\(parts[3])-\(number)-\(parts[1])T\(parts[4])Z")?.seconds
    }
}
