package import OCI
import ObjectStorage

/// A manifest as the registry has it: exact bytes, type and digest.
package struct StoredManifest: Sendable {
    package let bytes: [UInt8]
    package let mediaType: MediaType
    package let digest: Digest
    /// Seconds since 1970 when it was stored under the reference it was asked by.
    package let modified: Int
}

/// The manifests of a repository.
package struct Manifests: Sendable {
    /// User metadata of a tag: the algorithm of the digest it was pushed under.
    static let algorithmKey = "digest-algorithm"

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
        try await store.delete([StorageLayout.manifest(digest, in: repository.name)])
        try await deleteTags(of: manifest)
        // A manifest that came in before today's rules may not parse any more; it then has no subject to be listed at.
        let parsed = try? Manifest(bytes: manifest.bytes, contentType: manifest.mediaType, digest: digest)
        guard let subject = parsed?.subject else { return }
        try await store.delete([StorageLayout.referrer(digest, of: subject.digest, in: repository.name)])
    }

    // MARK: Reading

    /// The manifest stored under its digest.
    func record(_ digest: Digest) async throws -> StoredManifest? {
        let key = StorageLayout.manifest(digest, in: repository.name)
        guard let object = try await store.bytes(of: key, limit: Manifest.maximumSize) else { return nil }
        guard Digest(of: object.bytes, algorithm: digest.algorithm) == digest else {
            throw ObjectStoreError.unavailable("\(key) does not have the digest it is stored under")
        }
        return StoredManifest(
            bytes: object.bytes, mediaType: mediaType(of: object), digest: digest, modified: object.info.modified)
    }

    /// The manifest a tag holds. The digest is computed: whoever wrote the tag, bytes and digest fit together.
    private func tagged(_ tag: Tag) async throws -> StoredManifest? {
        let key = StorageLayout.tag(tag, in: repository.name)
        guard let object = try await store.bytes(of: key, limit: Manifest.maximumSize) else { return nil }
        let digest = Digest(of: object.bytes, algorithm: try await algorithm(of: object))
        return StoredManifest(
            bytes: object.bytes, mediaType: mediaType(of: object), digest: digest, modified: object.info.modified)
    }

    /// The type it was pushed with, or what the bytes say when a copy of the store has lost that.
    private func mediaType(of object: SmallObject) -> MediaType {
        if let text = object.info.metadata.contentType, let type = MediaType(text), type.isManifest { return type }
        return Manifest.detectMediaType(object.bytes) ?? .ociManifest
    }

    /// The algorithm a tag's digest was pushed under, or, when a copy of the store has lost that, the one whose record
    /// the repository has.
    private func algorithm(of object: SmallObject) async throws -> Digest.Algorithm {
        if let name = object.info.metadata.userMetadata[Self.algorithmKey] {
            return Digest.Algorithm(rawValue: name) ?? .sha256
        }
        let longer = Digest(of: object.bytes, algorithm: .sha512)
        let shorter = Digest(of: object.bytes, algorithm: .sha256)
        if try await store.head(StorageLayout.manifest(shorter, in: repository.name)) != nil { return .sha256 }
        let hasLonger = try await store.head(StorageLayout.manifest(longer, in: repository.name)) != nil
        return hasLonger ? .sha512 : .sha256
    }

    static func unknown(_ reference: Reference) -> RegistryError {
        RegistryError(
            .manifestUnknown, "manifest unknown to the repository",
            detail: .values(["reference": reference.description]))
    }

    // MARK: Deleting

    private func deleteTags(of manifest: StoredManifest) async throws {
        var keys: [ObjectKey] = []
        for (tag, size) in try await repository.tags.listed() where size == manifest.bytes.count {
            let key = StorageLayout.tag(tag, in: repository.name)
            let object = try await store.bytes(of: key, limit: Manifest.maximumSize)
            if object?.bytes == manifest.bytes { keys.append(key) }
        }
        try await store.delete(keys)
    }
}
