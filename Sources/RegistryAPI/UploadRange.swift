/// The Content-Range of a piece of an upload: `FIRST-LAST`, inclusive (distribution-spec, "Pushing a blob in chunks").
package struct UploadRange: Equatable {
    /// Of the first byte, from 0.
    package let first: Int
    /// In bytes; at least one.
    package let count: Int

    /// Also reads the form of RFC 9110, `bytes FIRST-LAST/TOTAL`.
    package init?(_ field: String) {
        var text = field[...]
        if text.hasPrefix("bytes ") || text.hasPrefix("bytes=") { text = text.dropFirst(6) }
        if let slash = text.firstIndex(of: "/") { text = text[..<slash] }
        let numbers = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard numbers.count == 2, let first = Self.number(numbers[0]), let last = Self.number(numbers[1]),
            first <= last
        else { return nil }
        self.first = first
        count = last - first + 1
    }

    private static func number(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.utf8.count <= 18, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
            return nil
        }
        return Int(text)
    }
}
