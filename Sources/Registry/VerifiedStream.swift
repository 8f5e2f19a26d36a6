import OCI
import ObjectStorage

/// A blob's bytes, hashed while they are read: the last of them are given only when the whole has the blob's digest.
struct VerifiedStream: ObjectStream {
    let base: any ObjectStream
    let digest: Digest

    var size: Int { base.size }

    /// Throws `ObjectStoreError.unavailable` instead of giving the end of content that is not the blob.
    func forEachChunk(_ use: (RawSpan) async throws -> Void) async throws {
        var check = ContentCheck(digest, size: size)
        try await base.forEachChunk { chunk in
            try check.add(chunk)
            try await use(chunk)
        }
        try check.finish()
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
