package import OCI
package import ObjectStorage

/// The bytes of a blob, or a part of them, on their way to a client.
package struct BlobContent: Sendable {
    /// Where they come from.
    package enum Body: Sendable {
        case object(ObjectBody)
        case cached(CachedBlob)
    }

    /// Of the whole blob, in bytes.
    package let size: Int
    package let body: Body
}

/// Whether a client can fetch a blob from the store itself.
package enum BlobRedirect: Equatable, Sendable {
    case url(String)
    /// It is small, or the store has no single object of it: its bytes have to be passed on.
    case none
    /// The caller may not see it, whether or not it exists.
    case invisible
}

extension Blobs {
    private var versions: VerifiedVersions { repository.registry.versions }

    /// All bytes of a visible blob; nil when there is none. What a store streams is hashed on its way, and its end is
    /// not given if the whole is not the blob.
    package func whole(_ digest: Digest, cache: BlobCache?) async throws -> BlobContent? {
        guard let cache else {
            guard try await isVisible(digest), let object = try await open(digest, range: nil) else { return nil }
            return BlobContent(object, verifying: digest, versions)
        }
        guard repository.visibility == .everyBlob else {
            // Not before it is known to be visible: the time it takes would tell that it exists.
            return try await isVisible(digest) ? try await cache.whole(digest, in: self) : nil
        }
        async let content = cache.whole(digest, in: self)
        guard try await isVisible(digest) else { return nil }
        return try await content
    }

    /// The part of a visible blob that `choose` finds for its size in bytes, or the whole where it finds none; nil when
    /// there is no such blob.
    package func part(
        _ digest: Digest, cache: BlobCache?, choosing choose: (_ size: Int) throws -> Range<Int>?
    ) async throws -> BlobContent? {
        guard let size = try await size(of: digest, cache) else { return nil }
        guard let range = try choose(size) else { return try await whole(digest, cache: cache) }
        if let content = try await cache?.part(range, of: digest, in: self) { return content }
        guard let object = try await open(digest, range: range) else { return nil }
        return BlobContent(size: size, body: .object(object.body))
    }

    private func size(of digest: Digest, _ cache: BlobCache?) async throws -> Int? {
        guard let cache else { return try await find(digest)?.size }
        guard try await isVisible(digest) else { return nil }
        if let size = try await cache.size(of: digest, in: self) { return size }
        return try await stored(digest)?.size
    }

    /// A URL from which anybody may get a visible blob of at least `minimumSize` bytes for some minutes.
    package func redirect(_ digest: Digest, minimumSize: Int) async throws -> BlobRedirect {
        let key = StorageLayout.blob(digest)
        async let visibility = isVisible(digest)
        // Of the very object the URL is for: what the blob is made of otherwise has no URL.
        let info = try await repository.store.head(key)
        guard try await visibility else { return .invisible }
        guard let info, info.size >= minimumSize else { return .none }
        return try await repository.store.presignedURL(for: key).map(BlobRedirect.url) ?? .none
    }

    /// All bytes of a blob, seen by the caller or not, from a store that is far away.
    func fetch(_ digest: Digest) async throws -> BlobContent? {
        guard let object = try await open(digest, range: nil) else { return nil }
        if case .bytes(let bytes) = object.body, Digest(of: bytes, algorithm: digest.algorithm) != digest {
            throw ObjectStoreError.unavailable("\(digest): the store gave bytes that do not have this digest")
        }
        return BlobContent(object, verifying: digest, versions)
    }
}

extension BlobContent {
    /// The whole of `object`, hashed on its way if it is not at hand.
    fileprivate init(_ object: StoredObject, verifying digest: Digest, _ versions: VerifiedVersions) {
        let body =
            if case .stream(let stream) = object.body {
                ObjectBody.stream(
                    VerifiedStream(base: stream, digest: digest, etag: object.info.etag, versions: versions))
            } else {
                object.body
            }
        self.init(size: object.info.size, body: .object(body))
    }
}
