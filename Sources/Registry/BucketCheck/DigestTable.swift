import OCI

/// Sizes by digest, 24 bytes for each: filled in the order of a listing, then searched. Holds a bounded number.
struct DigestTable: Sendable {
    private struct Entry: Sendable {
        let high: UInt64
        let low: UInt64
        let size: Int
    }

    /// 96 MiB for each algorithm; what does not fit has to be asked for one by one.
    static let maximumCount = 4 << 20

    private var entries: [Digest.Algorithm: [Entry]] = [:]

    /// Adds a digest; false when there is no room.
    mutating func append(_ digest: Digest, size: Int) {
        let (high, low) = Self.words(digest)
        var list = entries.removeValue(forKey: digest.algorithm) ?? []
        if list.count < Self.maximumCount { list.append(Entry(high: high, low: low, size: size)) }
        entries[digest.algorithm] = list
    }

    /// The size noted for a digest; nil when it was not added.
    subscript(digest: Digest) -> Int? {
        guard let list = entries[digest.algorithm] else { return nil }
        let wanted = Self.words(digest)
        var (start, end) = (0, list.count)
        while start < end {
            let middle = (start + end) / 2
            if (list[middle].high, list[middle].low) < wanted { start = middle + 1 } else { end = middle }
        }
        guard start < list.count, (list[start].high, list[start].low) == wanted else { return nil }
        return list[start].size
    }

    /// The first half of a hash tells apart more objects than any store has.
    private static func words(_ digest: Digest) -> (UInt64, UInt64) {
        let hex = digest.hex
        let middle = hex.index(hex.startIndex, offsetBy: 16)
        let end = hex.index(middle, offsetBy: 16)
        // A digest has hex only.
        return (UInt64(hex[..<middle], radix: 16) ?? 0, UInt64(hex[middle..<end], radix: 16) ?? 0)
    }
}
