/// What a `Range` field asks of a representation of known size (RFC 9110, section 14.2).
package enum ByteRange: Equatable, Sendable {
    /// The whole: no Range, another unit, a field that is malformed, or several ranges apart from each other.
    case whole
    case part(Range<Int>)
    /// 416: it begins behind the end, ends before it begins, or is a set of ranges made to be expensive.
    case unsatisfiable

    private static let maximumCount = 16

    package init(_ field: String?, size: Int) {
        guard let field, let equals = field.firstIndex(of: "="), field[..<equals].lowercased() == "bytes" else {
            self = .whole
            return
        }
        let specifications = field[field.index(after: equals)...].split(
            separator: ",", maxSplits: Self.maximumCount, omittingEmptySubsequences: true)
        guard specifications.count <= Self.maximumCount else {
            self = .unsatisfiable
            return
        }
        let ranges = specifications.map { Self.one($0, size: size) }
        if ranges.isEmpty || ranges.contains(.whole) {
            self = .whole
        } else if ranges.count == 1 {
            self = ranges[0]
        } else {
            self = Self.areReasonable(ranges) ? .whole : .unsatisfiable
        }
    }

    /// `first-`, `first-last` or `-suffix`; `.whole` stands for text that is no range.
    private static func one(_ text: Substring, size: Int) -> ByteRange {
        var trimmed = text.drop { $0 == " " || $0 == "\t" }
        while let last = trimmed.last, last == " " || last == "\t" { trimmed.removeLast() }
        guard let dash = trimmed.firstIndex(of: "-") else { return .whole }
        let tail = trimmed[trimmed.index(after: dash)...]
        if dash == trimmed.startIndex {
            guard let suffix = number(tail) else { return .whole }
            return suffix == 0 || size == 0 ? .unsatisfiable : .part(max(0, size - suffix)..<size)
        }
        guard let first = number(trimmed[..<dash]) else { return .whole }
        if tail.isEmpty { return first < size ? .part(first..<size) : .unsatisfiable }
        guard let last = number(tail) else { return .whole }
        return first <= last && first < size ? .part(first..<min(last, size - 1) + 1) : .unsatisfiable
    }

    /// Digits only; a number that does not fit is as large as numbers get.
    private static func number(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy(\.isDigit) else { return nil }
        return Int(text) ?? Int.max
    }

    /// Whether there is something in the ranges, and nothing twice.
    private static func areReasonable(_ ranges: [ByteRange]) -> Bool {
        let parts = ranges.compactMap { range in
            if case .part(let part) = range { part } else { nil }
        }.sorted { $0.lowerBound < $1.lowerBound }
        return !parts.isEmpty && zip(parts, parts.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound }
    }
}
