import OCI
import ObjectStorage
import Synchronization

/// A blob's bytes, hashed while they are read: the last of them are given only when the whole has the blob's digest.
///
/// Of an object that had it a short while ago only what could have changed since is checked, its entity tag.
struct VerifiedStream: ObjectStream {
    let base: any ObjectStream
    let digest: Digest
    /// Of the object in the store.
    let etag: String
    let versions: VerifiedVersions

    var size: Int { base.size }

    /// Throws `ObjectStoreError.unavailable` instead of giving the end of content that is not the blob.
    func forEachChunk(_ use: (RawSpan) async throws -> Void) async throws {
        if base.isProtected, versions.has(digest, etag) { return try await base.forEachChunk(use) }
        var check = ContentCheck(digest, size: size)
        try await base.forEachChunk { chunk in
            try check.add(chunk)
            try await use(chunk)
        }
        try check.finish()
        versions.note(digest, etag)
    }
}

/// Objects whose whole content this process has hashed lately, by entity tag: hashing takes more time than everything
/// else that is done to pass a blob on, and as long as a store says that an object is the same, its bytes are.
final class VerifiedVersions: Sendable {
    /// In seconds: what a store damages without knowing it is found again.
    static let lifetime = 3600
    private static let capacity = 8192

    private let table = Mutex(RecentTable<Digest, String>(capacity: VerifiedVersions.capacity))
    /// In seconds.
    private let clock: @Sendable () -> Int

    init(clock: @escaping @Sendable () -> Int) {
        self.clock = clock
    }

    func has(_ digest: Digest, _ etag: String) -> Bool {
        let now = clock()
        return table.withLock { $0.value(of: digest, at: now - Self.lifetime...now) == etag }
    }

    func note(_ digest: Digest, _ etag: String) {
        let now = clock()
        table.withLock { $0.insert(etag, for: digest, at: now) }
    }
}

/// Whether bytes that come piece by piece are a blob: as many as announced, with its digest.
struct ContentCheck {
    private let digest: Digest
    private let size: Int
    private var hasher: ContentHasher
    /// Bytes so far.
    private(set) var count = 0

    init(_ digest: Digest, size: Int) {
        self.digest = digest
        self.size = size
        hasher = ContentHasher(digest.algorithm)
    }

    /// Throws when `chunk` is the last one of something else than the blob, or more than was announced.
    mutating func add(_ chunk: RawSpan) throws(ObjectStoreError) {
        count += chunk.byteCount
        guard count <= size else { throw .unavailable("\(digest): the store gave more than \(size) bytes") }
        hasher.update(chunk)
        if count == size { try compare() }
    }

    /// Throws when bytes are missing.
    func finish() throws(ObjectStoreError) {
        guard count == size else { throw .unavailable("\(digest): the store gave \(count) of \(size) bytes") }
        // Nothing was added, so nothing was compared.
        if size == 0 { try compare() }
    }

    private func compare() throws(ObjectStoreError) {
        guard hasher.digest == digest else {
            throw .unavailable("\(digest): the store gave bytes that do not have this digest")
        }
    }
}
