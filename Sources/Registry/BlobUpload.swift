package import OCI
import ObjectStorage

/// An upload session during one request: what earlier requests stored, and what this one adds.
///
/// Every request's bytes become durable as a whole, or not at all, before it is answered. What a streamed request brings
/// to an empty session goes straight to the key of the blob it makes, for nearly always it is the whole blob; so a
/// session that ends there, or is cancelled, leaves a blob nobody links, which is for the collector.
package final class BlobUpload {
    private let repository: Repository
    private let token: UploadToken
    private var base: UploadBase?
    private var parts: [UploadPart]
    /// Whether `parts` are what this replica remembers, and the store was not asked.
    private var isRemembered: Bool
    /// The hash of everything so far, once it is known to belong to it.
    private var hasher: ContentHasher?
    private var writer: (any ObjectWriter)?
    /// What the store has of the blob, if this request brings the whole of it; bytes of one that is whole are only hashed.
    private var presence: Blobs.Presence?
    private var isStreamed = false
    private var appended = 0

    private var store: any ObjectStore { repository.store }
    private var findings: RecentFindings { repository.registry.findings }
    private var storedSize: Int { parts.last?.end ?? base?.size ?? 0 }

    init(repository: Repository, token: UploadToken, parts: [UploadPart], isRemembered: Bool) {
        self.repository = repository
        self.token = token
        base = token.base
        self.parts = parts
        self.isRemembered = isRemembered
    }

    package var id: UploadID { token.id }
    /// Bytes the session has from earlier requests.
    package var offset: Int { storedSize }
    /// Whether the token speaks of bytes that are no longer there: the upload was finished or its bytes have expired.
    package var isStale: Bool { token.offset > storedSize }

    /// Throws `UploadOffsetError` unless the next byte is the one at `start`.
    package func require(start: Int) async throws {
        guard start != max(token.offset, storedSize) else { return }
        if isRemembered {
            // Another replica may have served the session meanwhile.
            parts = try await UploadPart.chain(of: token, in: UploadPart.all(of: id, in: store))
            isRemembered = false
            return try await require(start: start)
        }
        if isStale { throw RegistryError.uploadUnknown }
        throw UploadOffsetError(offset: storedSize, token: try await currentToken(), id: id)
    }

    /// Prepares for the request's bytes. `expecting` is the digest if the request names it, `size` the length of its
    /// body if known: content the store has already is then only hashed. `isStreamed` says that the client did not
    /// announce the bytes to be a piece of the content.
    package func start(expecting digest: Digest?, size: Int?, isStreamed: Bool = false) async throws {
        if isStale {
            // A closing request that is sent again: `commit` sees whether the content got where it belongs.
            guard digest != nil else { throw RegistryError.uploadUnknown }
            hasher = token.hasher
            return
        }
        hasher = try await hash(algorithm: digest?.algorithm ?? token.hasher.algorithm)
        var key: ObjectKey?
        if storedSize == 0 {
            self.isStreamed = isStreamed
            key = digest.map(StorageLayout.blob)
            if let digest, let size { presence = try await repository.blobs.presence(of: digest, size: size) }
        }
        if size == 0 || presence == .whole { return }
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
        if isStreamed {
            try await storeBase()
        } else {
            try await storePart { StorageLayout.uploadPart($0, of: id) }
        }
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
        findings.forget(id)
        if storedSize == 0 { return try await publishWhole(digest) }
        if let base, base.digest == digest { return try await publish(base) }
        try await publishPieces(digest)
        try await repository.blobs.link(digest)
    }

    /// Gives the upload up; its token is of no use afterwards.
    package func cancel() async throws {
        findings.forget(id)
        try await store.put(
            [], at: StorageLayout.uploadCancelled(id), metadata: ObjectMetadata(), condition: .always)
        try await store.delete(parts.map(\.key))
    }

    /// A token for the session as it is stored now.
    package func currentToken() async throws -> String {
        let registry = repository.registry
        let hasher = try await hash(algorithm: token.hasher.algorithm)
        let token = UploadToken(
            id: id, expiry: registry.now() + registry.options.uploadAge, offset: storedSize, hasher: hasher, base: base)
        findings.note(token, parts: parts)
        return registry.text(of: token, for: repository)
    }

    // MARK: Hashing

    /// The hash of everything the session has: what the token and this request know, or read from the store.
    private func hash(algorithm: Digest.Algorithm) async throws -> ContentHasher {
        if let hasher, hasher.algorithm == algorithm { return hasher }
        var hasher = ContentHasher(algorithm)
        var hashed = 0
        if token.hasher.algorithm == algorithm { (hasher, hashed) = (token.hasher, token.offset) }
        var keys = parts.filter { $0.name.offset >= hashed }.map(\.key)
        if let base, hashed == 0 { keys.insert(base.key, at: 0) }
        for key in keys {
            guard let object = try await store.get(key, range: nil) else { throw RegistryError.uploadUnknown }
            try await object.body.forEachChunk(on: repository.registry.blockingWork) { hasher.update($0) }
        }
        return hasher
    }

    // MARK: Storing

    /// Puts the bytes of a streamed request where their blob belongs, unless it is there.
    private func storeBase() async throws {
        guard let digest = hasher?.digest, appended > 0 else { return await dropWriter() }
        let moment = findings.moment
        presence = try await repository.blobs.presence(of: digest, size: appended)
        try await storeWhole(digest)
        findings.note(.content(digest), asOf: moment)
        base = UploadBase(digest: digest, size: appended)
        appended = 0
    }

    private func storePart(at key: (UploadPartName) -> ObjectKey) async throws {
        guard let writer, let hasher, appended > 0 else { return await dropWriter() }
        let start = base?.digest ?? ContentHasher(token.hasher.algorithm).digest
        let before = parts.last?.name.after ?? UploadPartName.mark(start)
        let name = UploadPartName(offset: storedSize, before: before, after: UploadPartName.mark(hasher.digest))
        let key = key(name)
        self.writer = nil
        // What may be there has the same bytes: the request was sent twice.
        try await writer.commit(to: key, metadata: ObjectMetadata(), condition: .always)
        parts.append(UploadPart(key: key, name: name, size: appended))
        appended = 0
    }

    /// Puts this request's bytes, which are the whole of `digest`, at their key as far as `presence` asks for it.
    private func storeWhole(_ digest: Digest) async throws {
        if presence == .whole { return await dropWriter() }
        let key = StorageLayout.blob(digest)
        let writer = if let writer { writer } else { try await store.writer(expecting: key, size: 0) }
        self.writer = nil
        do {
            // What was just verified replaces something broken.
            try await writer.commit(
                to: key, metadata: Self.metadata, condition: presence == .damaged ? .always : .absent)
        } catch ObjectStoreError.preconditionFailed {
            // Somebody else was faster with the same bytes. Others are not ours to judge without our own at hand: the
            // client that tries again finds them damaged.
            findings.forget(.noBlob(digest))
            guard try await repository.blobs.stored(digest)?.size == appended else {
                throw ObjectStoreError.unavailable("\(key) is there, but is not as long as its content")
            }
        }
    }

    // MARK: Publishing verified content

    /// The whole content came with this request.
    private func publishWhole(_ digest: Digest) async throws {
        if presence == nil { presence = try await repository.blobs.presence(of: digest, size: appended) }
        if presence == .whole {
            await dropWriter()
            return try await repository.blobs.relink(digest)
        }
        try await repository.blobs.link(digest) { try await storeWhole(digest) }
    }

    /// The whole content came with a streamed request before this one, and needs only to be there still.
    private func publish(_ base: UploadBase) async throws {
        await dropWriter()
        let blobs = repository.blobs
        try await blobs.link(base.digest) {
            if findings.has(.content(base.digest)) { return }
            guard try await blobs.stored(base.digest)?.size == base.size else { throw RegistryError.uploadUnknown }
        }
    }

    /// The content came in pieces.
    private func publishPieces(_ digest: Digest) async throws {
        if try await repository.blobs.presence(of: digest, size: storedSize + appended) == .whole {
            await dropWriter()
            return try await store.delete(parts.map(\.key))
        }
        try await storePart { StorageLayout.lastUploadPart($0, of: id) }
        let kept = base.map { [$0.key] } ?? []
        do {
            // Nothing there, or something broken: what was just verified replaces it.
            try await store.compose(
                kept + parts.map(\.key), keeping: kept, at: StorageLayout.blob(digest), metadata: Self.metadata,
                condition: .always)
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
        findings.forget(id)
        await dropWriter()
        try await store.delete(parts.map(\.key))
    }

    private func dropWriter() async {
        await writer?.abort()
        writer = nil
    }

    private static let metadata = ObjectMetadata(contentType: MediaType.octetStream.string)

    private static func mismatch(expected: Digest, actual: Digest?) -> RegistryError {
        RegistryError(
            .digestInvalid, "the content does not have the digest given",
            detail: .values(["expected": expected.string, "actual": actual?.string ?? "unknown"]))
    }
}
