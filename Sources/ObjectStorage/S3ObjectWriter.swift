import EventLoop
import HTTPClient
import OpenSSL
import S3

/// An object on its way into the bucket: one PUT if it is no longer than a part, else a multipart upload whose parts
/// travel while the next bytes come.
///
/// Nothing is sent before the first part is full and more bytes come.
final class S3ObjectWriter: ObjectWriter {
    private let store: S3ObjectStore
    /// The key of a multipart upload, which is fixed when it begins.
    private let key: ObjectKey
    private let expectedSize: Int?
    private let sizes: S3PartSizes
    private(set) var size = 0

    /// What is being filled, and its hash.
    private var part: PartMemory?
    private var hasher = SHA256()
    private var partNumber = 1
    private var upload: S3MultipartUpload?
    private var isOver = false

    init(store: S3ObjectStore, key: ObjectKey, expectedSize: Int?) throws(ObjectStoreError) {
        self.store = store
        self.key = key
        self.expectedSize = expectedSize
        sizes = S3PartSizes(
            preferred: store.options.partSize, largest: store.budget.largestPart, expectedSize: expectedSize)
        if let expectedSize, expectedSize > sizes.maximumSize { throw .tooLarge(key, size: expectedSize) }
    }

    /// Waits while the server's memory for parts is used up, or while as many parts of this object are on their way as
    /// may be.
    func append(_ bytes: RawSpan) async throws {
        guard !isOver else { throw Self.over }
        var done = 0
        while done < bytes.byteCount {
            let part = try await room()
            let rest = bytes.extracting(done..<bytes.byteCount)
            let count = part.append(rest)
            if store.hashesParts || upload == nil { hasher.update(rest.extracting(0..<count)) }
            done += count
            size += count
        }
    }

    func commit(to key: ObjectKey, metadata: ObjectMetadata, condition: PutCondition) async throws -> ObjectInfo {
        guard !isOver else { throw Self.over }
        isOver = true
        defer { discard() }
        try store.check(key, metadata)
        guard let upload else {
            return try await store.put(
                part?.body ?? .none, size: size, sha256: hasher.finalized(), at: key, metadata, condition)
        }
        sendPart(upload)
        return try await store.complete(
            upload, size: size, from: self.key, to: key, metadata: metadata, condition: condition)
    }

    func abort() async {
        isOver = true
        discard()
    }

    private func discard() {
        part?.release()
        part = nil
        upload = nil
    }

    // MARK: Parts

    /// Memory with room for at least one byte.
    private func room() async throws -> PartMemory {
        guard let part else { return try await firstPiece() }
        if !part.isFull { return part }
        if upload == nil, part.capacity < sizes.size(of: 1) {
            // A writer that holds a part must not wait for another one.
            guard part.isFirstPiece else { throw ObjectStoreError.unavailable("more bytes came than were announced") }
            let whole = try await store.reserve(capacity(of: 1), from: .parts)
            whole.adopt(part)
            self.part = whole
            return whole
        }
        return try await nextPart()
    }

    private func firstPiece() async throws -> PartMemory {
        let piece = try await store.reserve(min(PartBudget.pieceSize, capacity(of: 1)), from: .firstPieces)
        part = piece
        return piece
    }

    /// Sends the part that is full and waits for room for the next one.
    private func nextPart() async throws -> PartMemory {
        let upload = self.upload ?? store.beginUpload(to: key)
        self.upload = upload
        sendPart(upload)
        guard partNumber <= S3PartSizes.maximumCount else { throw ObjectStoreError.tooLarge(key, size: size) }
        try await store.mapping { try await upload.waitForTurn() }
        let memory = try await store.reserve(capacity(of: partNumber), from: .parts)
        part = memory
        return memory
    }

    private func sendPart(_ upload: S3MultipartUpload) {
        guard let memory = part.take() else { return }
        upload.send(memory, number: partNumber, sha256: store.hashesParts ? hasher.finalized() : nil)
        hasher = SHA256()
        partNumber += 1
    }

    /// A part's size, less if fewer bytes are expected; more than expected get room as if nothing had been known.
    private func capacity(of number: Int) -> Int {
        let whole = sizes.size(of: number)
        guard let expectedSize, expectedSize > size else { return whole }
        return min(whole, expectedSize - (number == 1 ? 0 : size))
    }

    private static var over: ObjectStoreError { .unavailable("the object was committed or aborted before") }
}
