import Glibc
import OCI
import ObjectStorage

/// Which tags use which layers: counts in memory, about 100 bytes for each distinct layer, and the names in a file
/// without a name, because a million tags with ten layers each would not fit.
struct LayerLedger: ~Copyable {
    /// A digest without the heap.
    private struct Key: Hashable {
        let isLong: Bool
        let words: (UInt64, UInt64, UInt64, UInt64)

        init(_ digest: Digest) {
            isLong = digest.algorithm == .sha512
            var words = [UInt64](repeating: 0, count: 4)
            for (index, byte) in digest.hex.utf8.prefix(64).enumerated() {
                words[index / 16] = words[index / 16] << 4 | UInt64(Self.nibble(byte))
            }
            self.words = (words[0], words[1], words[2], words[3])
        }

        private static func nibble(_ byte: UInt8) -> UInt8 { byte < 0x3A ? byte - 0x30 : byte - 0x57 }

        static func == (one: Key, other: Key) -> Bool { one.isLong == other.isLong && one.words == other.words }

        func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
    }

    private struct Usage {
        let size: Int
        var tags: Int
    }

    /// Users that are named for one layer.
    private static let namedUsers = 1000

    private var usages: [Key: Usage] = [:]
    private let file: UnsafeMutablePointer<FILE>

    /// Throws `ObjectStoreError.unavailable` when there is no room for temporary files.
    init() throws(ObjectStoreError) {
        guard let file = tmpfile() else { throw Self.failure() }
        self.file = file
    }

    deinit { fclose(file) }

    /// Notes that the tag `user` (`NAME:TAG`) uses `layers`, distinct ones.
    mutating func note(_ layers: [(digest: Digest, size: Int)], user: String) throws(ObjectStoreError) {
        guard !layers.isEmpty else { return }
        for layer in layers { usages[Key(layer.digest), default: Usage(size: layer.size, tags: 0)].tags += 1 }
        let line = layers.reduce(into: user) { $0 += "\t\($1.digest.string)" } + "\n"
        guard fputs(line, file) >= 0 else { throw Self.failure() }
    }

    /// The totals and the `limit` most shared layers.
    func summary(limit: Int) throws(ObjectStoreError) -> LayerSharing {
        var sharing = LayerSharing(count: usages.count)
        for usage in usages.values {
            let (product, overflow) = usage.size.multipliedReportingOverflow(by: usage.tags)
            sharing.storedBytes = sharing.storedBytes.addingUpToMaximum(usage.size)
            sharing.logicalBytes = sharing.logicalBytes.addingUpToMaximum(overflow ? .max : product)
        }
        let wanted = Set(usages.sorted { Self.isMoreShared($0.value, $1.value) }.prefix(limit).map(\.key))
        let users = try users(of: wanted)
        let layers = users.map { digest, names in
            let usage = usages[Key(digest)] ?? Usage(size: 0, tags: 0)
            return LayerSharing.Layer(digest: digest, size: usage.size, tags: usage.tags, users: names.sorted())
        }
        sharing.mostShared = layers.sorted {
            ($1.tags, $1.size, $0.digest.string) < ($0.tags, $0.size, $1.digest.string)
        }
        return sharing
    }

    private static func isMoreShared(_ one: Usage, _ other: Usage) -> Bool {
        (one.tags, one.size) > (other.tags, other.size)
    }

    /// Reads the file again for the names of those few layers.
    private func users(of wanted: Set<Key>) throws(ObjectStoreError) -> [Digest: [String]] {
        rewind(file)
        var users: [Digest: [String]] = [:]
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        while getline(&line, &capacity, file) > 0, let line {
            let fields = String(cString: line).dropLast().split(separator: "\t")
            for text in fields.dropFirst() {
                // Only valid digests are written.
                guard let digest = try? Digest(String(text)), wanted.contains(Key(digest)) else { continue }
                guard users[digest, default: []].count < Self.namedUsers else { continue }
                users[digest, default: []].append(String(fields[0]))
            }
        }
        guard ferror(file) == 0 else { throw Self.failure() }
        return users
    }

    private static func failure() -> ObjectStoreError {
        .unavailable("a temporary file cannot be used: \(String(cString: strerror(errno)))")
    }
}
