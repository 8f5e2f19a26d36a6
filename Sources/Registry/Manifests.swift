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
    /// Whether a manifest that is there keeps its media type when it is pushed again as another: for who may not
    /// overwrite.
    package var keepsTypes = false
    var store: any ObjectStore { repository.store }

    init(repository: Repository) {
        self.repository = repository
    }

    /// The manifest a tag or digest names; `MANIFEST_UNKNOWN` when there is none.
    package func get(_ reference: Reference) async throws -> StoredManifest {
        let found =
            switch reference {
            case .digest(let digest): try await find(digest)
            case .tag(let tag): try await tagged(tag)
            }
        guard let found else { throw Self.unknown(reference) }
        return found
    }

    // MARK: Reading

    /// The repository's manifest of that digest: its record, or what a tag without records leads to.
    func find(_ digest: Digest) async throws -> StoredManifest? {
        if let manifest = try await record(digest) { return manifest }
        return try await S3loTags(repository: repository).manifest(digest)
    }

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
        if let digest = Self.pushedDigest(object), Digest(of: object.bytes, algorithm: digest.algorithm) == digest {
            return StoredManifest(bytes: object.bytes, mediaType: mediaType(of: object), digest: digest)
        }
        let tags = S3loTags(repository: repository)
        guard let root = try await tags.root(object, at: key) else {
            throw ObjectStoreError.unavailable("\(key) does not hold a manifest")
        }
        if !root.isRecorded { try await tags.adopt(root) }
        return root.manifest
    }

    /// The type it was pushed with, or what the bytes say when a copy of the store has lost that.
    private func mediaType(of object: SmallObject) -> MediaType {
        if let text = object.info.metadata.contentType, let type = MediaType(text), type.isManifest { return type }
        return Manifest.detectMediaType(object.bytes) ?? .ociManifest
    }

    /// What is noted beside a tag's bytes; nil for what another tool wrote or copied.
    static func pushedDigest(_ object: SmallObject) -> Digest? {
        // Another tool's text that is no digest means as little as none.
        object.info.metadata.userMetadata[digestKey].flatMap { try? Digest($0) }
    }

    static func unknown(_ reference: Reference) -> RegistryError {
        RegistryError(
            .manifestUnknown, "manifest unknown to the repository",
            detail: .values(["reference": reference.description]))
    }
}
