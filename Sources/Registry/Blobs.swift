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
    private var findings: RecentFindings { repository.registry.findings }

    init(repository: Repository) {
        self.repository = repository
    }

    /// What is known of a visible blob; nil when there is none.
    ///
    /// Whatever relies on a blob being there (HEAD, mount, links, manifests) asks here, `hold` or `presence`, and so all
    /// of it this type: collection needs one such place.
    package func find(_ digest: Digest) async throws -> ObjectInfo? {
        async let visibility = isVisible(digest)
        let info = try await storedWhole(digest)
        // Both are waited for, and nothing else is asked for before: how long it takes tells nothing of a blob the
        // caller may not see.
        guard try await visibility else { return nil }
        return if let info { info } else { try await storedInChunks(digest) }
    }

    /// A visible blob's bytes, or those in `range`; nil when there is none.
    package func get(_ digest: Digest, range: Range<Int>? = nil) async throws -> StoredObject? {
        // At the same time; what is not visible is let go of unread, whatever came of it.
        async let object = open(digest, range: range)
        guard try await isVisible(digest) else { return nil }
        return try await object
    }

    /// A blob's bytes, or those in `range`, wherever they come from, visible or not.
    func open(_ digest: Digest, range: Range<Int>?) async throws -> StoredObject? {
        if let object = try await store.get(StorageLayout.blob(digest), range: range),
            Self.isPlausible(object.info, digest)
        {
            return object
        }
        return try await S3loLayers(registry: repository.registry).open(digest, range: range)
    }

    /// Takes the blob from this repository; other repositories and the bytes are not touched.
    package func delete(_ digest: Digest) async throws {
        guard try await find(digest) != nil else { throw RegistryError.blobUnknown(digest) }
        let finding = RecentFindings.Finding.held(repository.name, digest)
        findings.forget(finding)
        // Again afterwards: a push that runs meanwhile may have seen what is gone now.
        defer { findings.forget(finding) }
        // A mark and no removal: without it a caller who sees every blob would go on seeing this one here.
        try await store.put(
            Self.deletedMark, at: StorageLayout.link(digest, in: repository.name), metadata: ObjectMetadata(),
            condition: .always)
    }

    /// Links a blob of `source`, or without one any blob the caller may see; false when there is no such blob.
    package func mount(_ digest: Digest, from source: RepositoryName?) async throws -> Bool {
        let origin = source.map { repository.registry.repository($0, visibility: repository.visibility).blobs } ?? self
        async let membership = source == nil && repository.visibility == .everyBlob ? .held : origin.membership(digest)
        let info = try await storedWhole(digest)
        guard try await membership == .held else { return false }
        if info == nil, try await storedInChunks(digest) == nil { return false }
        try await link(digest)
        return true
    }

    // MARK: Holding

    /// Whether the repository holds a blob the caller may see; one that it does not hold yet gets linked.
    func hold(_ digest: Digest) async throws -> Bool {
        if findings.has(.held(repository.name, digest)) { return true }
        let moment = findings.moment
        async let found = storedWhole(digest)
        let membership = try await membership(digest)
        let info = try await found
        // What the caller may not see is asked for no further, or the time it takes would tell that it is there.
        guard membership == .held || (membership == .none && repository.visibility == .everyBlob) else { return false }
        if info == nil, try await storedInChunks(digest) == nil { return false }
        if membership == .held {
            findings.note(.held(repository.name, digest), asOf: moment)
        } else {
            try await link(digest)
        }
        return true
    }

    /// Records that the repository holds the blob, while `publish` puts its content there or makes sure of it. The
    /// caller has proved possession or access; a link alone shows nothing.
    ///
    /// Written without a look whether it is there, for it seldom is; and its date tells a collector that it is in use.
    func link(_ digest: Digest, while publish: () async throws -> Void = {}) async throws {
        let moment = findings.moment
        async let linking = store.put(
            [], at: StorageLayout.link(digest, in: repository.name), metadata: ObjectMetadata(), condition: .always)
        try await publish()
        _ = try await linking
        findings.note(.held(repository.name, digest), .content(digest), asOf: moment)
    }

    /// Links a blob that is there and most likely linked.
    func relink(_ digest: Digest) async throws {
        guard try await membership(digest) != .held else { return }
        try await link(digest)
    }

    /// The blob's object wherever it comes from, visible or not.
    func stored(_ digest: Digest) async throws -> ObjectInfo? {
        if let info = try await storedWhole(digest) { return info }
        return try await storedInChunks(digest)
    }

    /// The blob as one object; one request, whether it is there or not.
    private func storedWhole(_ digest: Digest) async throws -> ObjectInfo? {
        guard let info = try await lookUp(digest), Self.isPlausible(info, digest) else { return nil }
        return info
    }

    /// The blob in the pieces s3lo made of it.
    private func storedInChunks(_ digest: Digest) async throws -> ObjectInfo? {
        try await S3loLayers(registry: repository.registry).find(digest)?.info
    }

    /// What is at the blob's key, whole or not.
    private func lookUp(_ digest: Digest) async throws -> ObjectInfo? {
        let info = try await store.head(StorageLayout.blob(digest))
        if info == nil { findings.note(.noBlob(digest), asOf: findings.moment) }
        return info
    }

    /// What the store has of a blob that is being pushed.
    enum Presence {
        case absent
        /// The whole of it, as far as its size says.
        case whole
        /// An object of another size.
        case damaged
    }

    /// What the store has of a blob of `size` bytes; nothing is asked for that this replica has found absent just now.
    func presence(of digest: Digest, size: Int) async throws -> Presence {
        if findings.has(.noBlob(digest)) { return .absent }
        guard let info = try await lookUp(digest) else { return .absent }
        return info.size == size && Self.isPlausible(info, digest) ? .whole : .damaged
    }

    func membership(_ digest: Digest) async throws -> Membership {
        guard let info = try await store.head(StorageLayout.link(digest, in: repository.name)) else { return .none }
        return info.size == 0 ? .held : .deleted
    }

    func isVisible(_ digest: Digest) async throws -> Bool {
        switch try await membership(digest) {
        case .held: true
        case .deleted: false
        case .none where repository.visibility == .everyBlob: true
        case .none where repository.registry.adoptsTags: false
        // Nobody could link what tags of s3lo's lead to.
        case .none: try await S3loTags(repository: repository).hold(digest)
        }
    }

    /// An empty file under a digest of something else is what a crashed file system leaves: as good as absent.
    private static func isPlausible(_ info: ObjectInfo, _ digest: Digest) -> Bool {
        info.size > 0 || digest == emptyDigests[digest.algorithm]
    }

    private static let emptyDigests = Dictionary(
        uniqueKeysWithValues: Digest.Algorithm.allCases.map { ($0, Digest(of: [], algorithm: $0)) })
}
