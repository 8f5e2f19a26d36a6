package import OCI
package import ObjectStorage

/// The blobs a repository shows.
package struct Blobs: Sendable {
    /// What a link says of a blob and its repository.
    enum Membership {
        case none, held, deleted
    }

    private static let deletedMark = Array("deleted\n".utf8)

    let repository: Repository
    private var store: any ObjectStore { repository.store }

    init(repository: Repository) {
        self.repository = repository
    }

    /// What is known of a visible blob; nil when there is none.
    ///
    /// Whatever relies on a blob being there (HEAD, mount, links, manifests) asks here: collection needs one such place.
    package func find(_ digest: Digest) async throws -> ObjectInfo? {
        guard let info = try await stored(digest), try await isVisible(digest) else { return nil }
        return info
    }

    /// A visible blob's bytes, or those in `range`; nil when there is none.
    package func get(_ digest: Digest, range: Range<Int>? = nil) async throws -> StoredObject? {
        guard try await isVisible(digest) else { return nil }
        guard let object = try await store.get(StorageLayout.blob(digest), range: range) else { return nil }
        return Self.isPlausible(object.info, digest) ? object : nil
    }

    /// Takes the blob from this repository; other repositories and the bytes are not touched.
    package func delete(_ digest: Digest) async throws {
        guard try await find(digest) != nil else { throw RegistryError.blobUnknown(digest) }
        // A mark and no removal: without it a caller who sees every blob would go on seeing this one here.
        try await store.put(
            Self.deletedMark, at: StorageLayout.link(digest, in: repository.name), metadata: ObjectMetadata(),
            condition: .always)
    }

    /// Links a blob of `source`, or without one any blob the caller may see; false when there is no such blob.
    package func mount(_ digest: Digest, from source: RepositoryName?) async throws -> Bool {
        guard try await stored(digest) != nil else { return false }
        if let source {
            let origin = Blobs(repository: repository.registry.repository(source, visibility: repository.visibility))
            guard try await origin.membership(digest) == .held else { return false }
        } else if repository.visibility == .linkedBlobs {
            guard try await membership(digest) == .held else { return false }
        }
        try await link(digest)
        return true
    }

    /// Records that the repository holds the blob. The caller has proved possession or access.
    func link(_ digest: Digest) async throws {
        guard try await membership(digest) != .held else { return }
        try await store.put(
            [], at: StorageLayout.link(digest, in: repository.name), metadata: ObjectMetadata(), condition: .always)
    }

    /// The blob's object wherever it comes from, visible or not.
    func stored(_ digest: Digest) async throws -> ObjectInfo? {
        guard let info = try await store.head(StorageLayout.blob(digest)) else { return nil }
        return Self.isPlausible(info, digest) ? info : nil
    }

    func membership(_ digest: Digest) async throws -> Membership {
        guard let info = try await store.head(StorageLayout.link(digest, in: repository.name)) else { return .none }
        return info.size == 0 ? .held : .deleted
    }

    private func isVisible(_ digest: Digest) async throws -> Bool {
        switch try await membership(digest) {
        case .held: true
        case .deleted: false
        case .none: repository.visibility == .everyBlob
        }
    }

    /// An empty file under a digest of something else is what a crashed file system leaves: as good as absent.
    private static func isPlausible(_ info: ObjectInfo, _ digest: Digest) -> Bool {
        info.size > 0 || digest == emptyDigests[digest.algorithm]
    }

    private static let emptyDigests = Dictionary(
        uniqueKeysWithValues: Digest.Algorithm.allCases.map { ($0, Digest(of: [], algorithm: $0)) })
}
