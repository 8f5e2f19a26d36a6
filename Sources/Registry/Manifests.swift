package import OCI
import ObjectStorage

/// A manifest as the registry has it: exact bytes, type and digest.
package struct StoredManifest: Sendable {
    package let bytes: [UInt8]
    package let mediaType: MediaType
    package let digest: Digest
}

/// The manifests of a repository.
package struct Manifests: Sendable {
    /// User metadata of a tag: the digest it was pushed under. Where it does not fit the bytes, another tool has written
    /// them, and nothing that is kept beside them counts.
    static let digestKey = "digest"

    let repository: Repository
    var store: any ObjectStore { repository.store }

    init(repository: Repository) {
        self.repository = repository
    }

    /// The manifest a tag or digest names; `MANIFEST_UNKNOWN` when there is none.
    package func get(_ reference: Reference) async throws -> StoredManifest {
        let found =
            switch reference {
            case .digest(let digest): try await record(digest)
            case .tag(let tag): try await tagged(tag)
            }
        guard let found else { throw Self.unknown(reference) }
        return found
    }

    /// Removes a manifest and every tag that points to it.
    package func delete(_ digest: Digest) async throws {
        guard let manifest = try await record(digest) else { throw Self.unknown(.digest(digest)) }
        // A manifest that came in before today's rules may not parse any more; it then has no subject to be listed at.
        let parsed = try? await parse(manifest.bytes, manifest.mediaType, digest)
        if let subject = parsed?.subject {
            // First: who puts the record back because it is gone puts this back as well.
            try await store.delete([StorageLayout.referrer(digest, of: subject.digest, in: repository.name)])
        }
        try await store.delete([StorageLayout.manifest(digest, in: repository.name)])
        try await deleteTags(of: manifest)
    }

    // MARK: Reading

    /// The manifest stored under its digest.
    func record(_ digest: Digest) async throws -> StoredManifest? {
        let key = StorageLayout.manifest(digest, in: repository.name)
        guard let object = try await store.bytes(of: key, limit: Manifest.maximumSize) else { return nil }
        guard Digest(of: object.bytes, algorithm: digest.algorithm) == digest else {
            throw ObjectStoreError.unavailable("\(key) does not have the digest it is stored under")
        }
        return StoredManifest(bytes: object.bytes, mediaType: mediaType(of: object), digest: digest)
    }

    /// The manifest a tag holds. The digest is computed: whoever wrote the tag, bytes and digest fit together.
    private func tagged(_ tag: Tag) async throws -> StoredManifest? {
        let key = StorageLayout.tag(tag, in: repository.name)
        guard let object = try await store.bytes(of: key, limit: Manifest.maximumSize) else { return nil }
        let bytes = object.bytes
        if let digest = Self.pushedDigest(object), Digest(of: bytes, algorithm: digest.algorithm) == digest {
            return StoredManifest(bytes: bytes, mediaType: mediaType(of: object), digest: digest)
        }
        guard let mediaType = Manifest.detectMediaType(bytes) else {
            throw ObjectStoreError.unavailable("\(key) does not hold a manifest")
        }
        return StoredManifest(bytes: bytes, mediaType: mediaType, digest: try await digest(of: bytes))
    }

    /// The type it was pushed with, or what the bytes say when a copy of the store has lost that.
    private func mediaType(of object: SmallObject) -> MediaType {
        if let text = object.info.metadata.contentType, let type = MediaType(text), type.isManifest { return type }
        return Manifest.detectMediaType(object.bytes) ?? .ociManifest
    }

    /// What is noted beside a tag's bytes; nil for what another tool wrote or copied.
    private static func pushedDigest(_ object: SmallObject) -> Digest? {
        // Another tool's text that is no digest means as little as none.
        object.info.metadata.userMetadata[digestKey].flatMap { try? Digest($0) }
    }

    /// The digest of bytes of which nobody knows what they were pushed under: the one the repository has a record of.
    private func digest(of bytes: [UInt8]) async throws -> Digest {
        let shorter = Digest(of: bytes)
        if try await store.head(StorageLayout.manifest(shorter, in: repository.name)) != nil { return shorter }
        let longer = Digest(of: bytes, algorithm: .sha512)
        return try await store.head(StorageLayout.manifest(longer, in: repository.name)) == nil ? shorter : longer
    }

    static func unknown(_ reference: Reference) -> RegistryError {
        RegistryError(
            .manifestUnknown, "manifest unknown to the repository",
            detail: .values(["reference": reference.description]))
    }

    // MARK: Deleting

    /// One after the other, so that there is hardly time for a tag to be moved between the look at it and its end.
    private func deleteTags(of manifest: StoredManifest) async throws {
        for (tag, size) in try await repository.tags.listed() where size == manifest.bytes.count {
            let key = StorageLayout.tag(tag, in: repository.name)
            guard let object = try await store.bytes(of: key, limit: Manifest.maximumSize),
                object.bytes == manifest.bytes,
                // The same bytes pushed under the other algorithm are another manifest.
                Self.pushedDigest(object)?.algorithm ?? manifest.digest.algorithm == manifest.digest.algorithm
            else { continue }
            try await store.delete([key])
        }
    }
}
