/// How long the parts of a multipart upload are, so that S3's limit of 10 000 parts is enough.
struct S3PartSizes: Equatable {
    /// S3 takes parts 1 to 10 000.
    static let maximumCount = 10_000
    /// Every part but the last has at least 5 MiB.
    static let minimum = 5 << 20
    /// So many parts of one size before it doubles, where the size of the object is not known: stores that want equal
    /// parts see them up to 20 GB.
    private static let run = 2_500

    private let first: Int
    private let largest: Int
    private let isKnown: Bool

    /// `preferred` is kept to as long as it is enough; parts are never longer than `largest`. In bytes.
    init(preferred: Int, largest: Int, expectedSize: Int?) {
        let unit = 1 << 20
        let least = ((expectedSize ?? 0) / Self.maximumCount + unit) / unit * unit
        self.largest = max(largest / unit * unit, Self.minimum)
        first = min(max(preferred, Self.minimum, expectedSize == nil ? 0 : least), self.largest)
        isKnown = expectedSize != nil
    }

    /// The size of part `number`, counted from 1, unless it is the last.
    func size(of number: Int) -> Int {
        isKnown ? first : min(first << ((number - 1) / Self.run), largest)
    }

    /// The longest object such parts can make.
    var maximumSize: Int {
        stride(from: 1, through: Self.maximumCount, by: Self.run).reduce(0) { $0 + size(of: $1) * Self.run }
    }
}
