import HTTPClient

/// How long a service that is busy asks to be left alone (RFC 9110, section 10.2.3).
enum RetryAfter {
    /// The longest wait a service gets, in seconds; one that asks for more is asked again after this.
    static let longest = 20

    /// Seconds from now on, 0 to `longest`; nil without the field, and when it has neither seconds nor a date.
    ///
    /// A date is compared with the answer's own, so that a difference of the clocks does not matter; with `now`, seconds
    /// since 1970, if the answer has none.
    static func seconds(_ fields: HTTPFields, now: Int) -> Int? {
        guard let text = fields["retry-after"] else { return nil }
        if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            // A number that is too long for an Int is a long wait, too.
            return min(Int(text) ?? longest, longest)
        }
        guard let end = HTTPTime.seconds(text) else { return nil }
        return min(max(0, end - (fields["date"].flatMap(HTTPTime.seconds) ?? now)), longest)
    }
}
