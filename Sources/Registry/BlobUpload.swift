package import OCI
import ObjectStorage

/// An upload session during one request: what earlier requests stored, and what this one adds.
///
/// Every request's bytes become durable as a whole, or not at all, before it is answered.
package final class BlobUpload {
    private let repository: Repository
    private let token: UploadToken
    private var parts: [UploadPart]
    /// The hash of everything so far, once it is known to belong to it.
    private var hasher: ContentHasher?
    private var writer: (any ObjectWriter)?
    /// Set while bytes are only hashed because the store has the blob already.
    private var known: ObjectInfo?
    private var appended = 0

    private var store: any ObjectStore { repository.store }
    private var storedSize: Int { parts.last?.end ?? 0 }

    init(repository: Repository, token: UploadToken, parts: [UploadPart]) {
        self.repository = repository
        self.token = token
        self.parts = parts
    }

    package var id: UploadID { token.id }
    /// Bytes the session has from earlier requests.
    package var offset: Int { storedSize }
    /// Whether the token speaks of bytes that are no longer there: the upload was finished or its bytes have expired.
    package var isStale: Bool { token.offset > storedSize }

    /// Throws `UploadOffsetError` unless the next byte is the one at `start`.
    package func require(start: Int) async throws {
        guard start != max(token.offset, storedSize) else { return }
        if isStale { throw RegistryError.uploadUnknown }
        throw UploadOffsetError(offset: storedSize, token: try await currentToken(), id: id)
    }

    /// Prepares for the request's bytes. `expecting` is the digest if the request names it, `size` the length of its
    /// body if known: content the store has already is then only hashed.
    package func start(expecting digest: Digest?, size: Int?) async throws {
        if isStale {
            // A closing request that is sent again: `commit` sees whether the content got where it belongs.
            guard digest != nil else { throw RegistryError.uploadUnknown }
            hasher = token.hasher
            return
        }
        hasher = try await hash(algorithm: digest?.algorithm ?? token.hasher.algorithm)
        let isWhole = parts.isEmpty
        if isWhole, let digest, let size, let info = try await repository.blobs.stored(digest), info.size == size {
            known = info
            return
        }
        let key = isWhole ? digest.map(StorageLayout.blob) : nil
        writer = try await store.writer(expecting: key ?? StorageLayout.uploadStaging(id), size: size)
    }

    /// Adds bytes of the request's body, after `start`.
    package func append(_ bytes: RawSpan) async throws {
        hasher?.update(bytes)
        appended += bytes.byteCount
        try await writer?.append(bytes)
    }

    /// Makes the request's bytes durable and returns the token to go on with.
    package func suspend() async throws -> String {
        try await storePart { StorageLayout.uploadPart($0, of: id) }
        return try await currentToken()
    }

    /// Ends the session: the content becomes the repository's blob `digest`, or is dropped with `DIGEST_INVALID`.
    ///
    /// Asking again after it succeeded succeeds again, as a client does that lost the answer.
    package func commit(expecting digest: Digest) async throws {
        if isStale { return try await confirm(digest) }
        guard let actual = hasher?.digest, actual == digest else {
            try await discard()
            throw Self.mismatch(expected: digest, actual: hasher?.digest)
        }
        try await publish(digest)
        try await repository.blobs.link(digest)
    }

    /// Gives the upload up; its token is of no use afterwards.
    package func cancel() async throws {
        try await store.put(
            [], at: StorageLayout.uploadCancelled(id), metadata: ObjectMetadata(), condition: .always)
        try await store.delete(parts.map(\.key))
    }

    /// A token for the session as it is stored now.
    package func currentToken() async throws -> String {
        let registry = repository.registry
        let hasher = try await hash(algorithm: token.hasher.algorithm)
        let token = UploadToken(
            id: id, expiry: registry.now() + registry.options.uploadAge, offset: storedSize, hasher: hasher)
        return registry.signer.text(of: token, repository: repository.name, subject: repository.subject)
    }

    // MARK: Hashing

    /// The hash of everything the session has: what the token and this request know, or read from the store.
    private func hash(algorithm: Digest.Algorithm) async throws -> ContentHasher {
        if let hasher, hasher.algorithm == algorithm { return hasher }
        var hasher = ContentHasher(algorithm)
        var hashed = 0
        if token.hasher.algorithm == algorithm { (hasher, hashed) = (token.hasher, token.offset) }
        for part in parts where part.name.offset >= hashed {
            guard let object = try await store.get(part.key, range: nil) else { throw RegistryError.uploadUnknown }
            try await object.body.forEachChunk(on: repository.registry.blockingWork) { hasher.update($0) }
        }
        return hasher
    }

    // MARK: Storing

    private func storePart(at key: (UploadPartName) -> ObjectKey) async throws {
        guard let writer, let hasher, appended > 0 else {
            await dropWriter()
            return
        }
        let before = parts.last?.name.after ?? UploadPartName.mark(ContentHasher(token.hasher.algorithm).digest)
        let name = UploadPartName(offset: storedSize, before: before, after: UploadPartName.mark(hasher.digest))
        let key = key(name)
        self.writer = nil
        // What may be there has the same bytes: the request was sent twice.
        try await writer.commit(to: key, metadata: ObjectMetadata(), condition: .always)
        parts.append(UploadPart(key: key, name: name, size: appended))
        appended = 0
    }

    /// Puts the verified content at its key.
    private func publish(_ digest: Digest) async throws {
        if known != nil { return }
        let key = StorageLayout.blob(digest)
        let size = storedSize + appended
        if let info = try await repository.blobs.stored(digest), info.size == size {
            await dropWriter()
            return try await store.delete(parts.map(\.key))
        }
        // Nothing there, or something broken: what was just verified replaces it.
        let metadata = ObjectMetadata(contentType: MediaType.octetStream.string)
        if parts.isEmpty {
            if writer == nil { writer = try await store.writer(expecting: key, size: 0) }
            try await writer?.commit(to: key, metadata: metadata, condition: .always)
            writer = nil
            return
        }
        try await storePart { StorageLayout.lastUploadPart($0, of: id) }
        do {
            try await store.compose(parts.map(\.key), keeping: [], at: key, metadata: metadata, condition: .always)
        } catch let error as ObjectStoreError {
            // The same closing request may have run twice at once, and the other one have published the content.
            guard try await hasContent(of: digest) else {
                if case .noSuchKey = error { throw RegistryError.uploadUnknown }
                throw error
            }
            try await store.delete(parts.map(\.key))
        }
    }

    /// The end of an upload that was finished before: right only if this session had the content the blob has.
    private func confirm(_ digest: Digest) async throws {
        guard try await hasContent(of: digest) else { throw RegistryError.uploadUnknown }
        try await repository.blobs.link(digest)
    }

    /// Whether the blob is there and has the bytes the session had, which are gone: only their hash is known.
    private func hasContent(of digest: Digest) async throws -> Bool {
        let content = (hasher ?? token.hasher).digest
        let size = max(token.offset, storedSize) + appended
        guard try await repository.blobs.stored(digest)?.size == size else { return false }
        if content.algorithm == digest.algorithm { return content == digest }
        guard let object = try await store.get(StorageLayout.blob(digest), range: nil) else { return false }
        var hasher = ContentHasher(content.algorithm)
        try await object.body.forEachChunk(on: repository.registry.blockingWork) { hasher.update($0) }
        return hasher.digest == content
    }

    private func discard() async throws {
        await dropWriter()
        try await store.delete(parts.map(\.key))
    }

    private func dropWriter() async {
        await writer?.abort()
        writer = nil
    }

    private static func mismatch(expected: Digest, actual: Digest?) -> RegistryError {
        RegistryError(
            .digestInvalid, "the content does not have the digest given",
            detail: .values(["expected": expected.string, "actual": actual?.string ?? "unknown"]))
    }
}
