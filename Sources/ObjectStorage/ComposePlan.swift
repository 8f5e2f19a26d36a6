/// Which parts of a multipart upload make one object of several: every part but the last has at least 5 MiB.
struct ComposePlan: Equatable {
    /// A run of bytes of a source.
    struct Slice: Equatable, Sendable {
        let source: ObjectKey
        let range: Range<Int>
        /// The source's entity tag.
        let etag: String
    }

    /// The longest range that one request copies; several travel at once. In bytes.
    static let longestCopy = 256 << 20

    /// A part of one slice of 5 MiB or more is copied inside the bucket, any other goes through memory.
    private(set) var parts: [[Slice]] = []

    /// Parts that go through memory have just 5 MiB, but for the last one, which may have less.
    init(_ sources: [S3ObjectStore.Source]) {
        var gathered: [Slice] = []
        var count = 0
        for source in sources {
            var rest = 0..<source.info.size
            while !rest.isEmpty {
                let isCopied = gathered.isEmpty && rest.count >= S3PartSizes.minimum
                let length = isCopied ? Self.copyLength(rest.count) : min(rest.count, S3PartSizes.minimum - count)
                let range = rest.lowerBound..<rest.lowerBound + length
                rest = range.upperBound..<rest.upperBound
                gathered.append(Slice(source: source.key, range: range, etag: source.info.etag))
                count += length
                guard count >= S3PartSizes.minimum else { continue }
                parts.append(gathered)
                (gathered, count) = ([], 0)
            }
        }
        if !gathered.isEmpty { parts.append(gathered) }
    }

    /// How much of `count` bytes one part copies, so that what is left is nothing or enough for a part.
    private static func copyLength(_ count: Int) -> Int {
        guard count > longestCopy else { return count }
        return count - longestCopy >= S3PartSizes.minimum ? longestCopy : longestCopy / 2
    }
}
