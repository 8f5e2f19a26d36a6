import EventLoop
import OCI
import ObjectStorage

/// The tags of a repository that it has no records of, because s3lo wrote them: found by digest, and adopted.
///
/// A tag counts as recorded when the repository has a record of its manifest: then whatever that leads to was recorded
/// before, and what is missing has been deleted since.
struct S3loTags: Sendable {
    /// What a tag is known to hold, as long as its object has this version.
    struct Known: Sendable {
        let version: String
        let digest: Digest
        let isRecorded: Bool
        /// nil while nobody has looked, and for a recorded tag.
        let reach: ManifestReach?
        /// Seconds since 1970.
        let time: Int
    }

    /// Seconds for which a tag counts as recorded: the record may go, and the tag come back with the same version.
    private static let trust = 60

    /// From this many tags on, several pages of a listing, a repository in which all were recorded is not listed again
    /// for some seconds: a push of an image for many platforms asks for many digests that are not there yet.
    private static let manyTags = 1000
    private static let patience = 10

    /// Tags read at once when a digest is looked for.
    private static let parallelReads = 8

    let repository: Repository
    private var registry: Repositories { repository.registry }
    private var store: any ObjectStore { repository.store }
    private var memory: S3loMemory { registry.s3lo }

    // MARK: By digest

    /// A manifest that some tag without records leads to, which adopts the tag; nil when there is none.
    ///
    /// One listing of the repository's tags; a tag is read only if it has changed since it was looked at.
    func manifest(_ digest: Digest) async throws -> StoredManifest? {
        guard let entry = try await entry({ $0.manifests.contains(digest) }),
            let root = try await read(entry)
        else { return nil }
        // Another replica has adopted it just now: what it has no record of was deleted since.
        guard !root.isRecorded else { return try await repository.manifests.record(digest) }
        if !root.isOwn { try await adopt(root) }
        if root.manifest.digest == digest { return root.manifest }
        return try await ManifestWalk(repository: repository).child(digest)
    }

    /// Whether some tag without records leads to a blob.
    func hold(_ blob: Digest) async throws -> Bool {
        try await entry { $0.blobs.contains(blob) } != nil
    }

    /// The first tag without records that leads to what is wanted.
    private func entry(_ isWanted: (ManifestReach) -> Bool) async throws -> Tags.Entry? {
        let now = registry.now()
        if let time = memory.recordedRepositories[repository.name], (0..<Self.patience).contains(now - time) {
            return nil
        }
        let entries = try await repository.tags.entries()
        var unread: [Tags.Entry] = []
        var isAllRecorded = entries.count >= Self.manyTags
        for entry in entries {
            guard let known = known(entry.key, entry.version), known.isRecorded || known.reach != nil else {
                unread.append(entry)
                continue
            }
            if let reach = known.reach, isWanted(reach) { return entry }
            if !known.isRecorded { isAllRecorded = false }
        }
        var reaches: [ManifestReach?] = []
        if !unread.isEmpty {
            let records = try await S3loRecords(repository)
            reaches = try await unread.mapAtOnce(Self.parallelReads) { try await reach(of: $0, records) }
        }
        if isAllRecorded, reaches.allSatisfy({ $0 == nil }) {
            memory.recordedRepositories.insert(now, for: repository.name)
        }
        return zip(unread, reaches).first { _, reach in reach.map(isWanted) ?? false }?.0
    }

    /// Finds out what a tag leads to, and remembers it; nil for one that is recorded, is gone or holds no manifest.
    private func reach(of entry: Tags.Entry, _ records: S3loRecords) async throws -> ManifestReach? {
        let before = memory.tags[entry.key].flatMap { $0.version == entry.version ? $0.digest : nil }
        if let digest = records.digest(of: entry) ?? before, records.digests.contains(digest) {
            remember(entry.key, entry.version, digest, isRecorded: true)
            return nil
        }
        guard let root = try await read(entry, records) else {
            // It leads to nothing as long as it is what it is.
            let nothing = ManifestReach(manifests: [], blobs: [])
            remember(entry.key, entry.version, Digest(of: []), isRecorded: false, reach: nothing)
            return nil
        }
        guard !root.isRecorded else { return nil }
        let reach = try await ManifestWalk(repository: repository).reach(from: root.manifest)
        remember(root.key, root.version, root.manifest.digest, isRecorded: false, reach: reach)
        return reach
    }

    // MARK: One tag

    /// A tag as it was read.
    struct Root: Sendable {
        let key: ObjectKey
        let version: String
        let manifest: StoredManifest
        let isRecorded: Bool
        /// Whether Stowage wrote it. That it has no record means that it is just being deleted, or that a copy of the
        /// bucket has no records: it is read, and not adopted.
        let isOwn: Bool
    }

    /// What another tool wrote at a tag's key; nil when the bytes are no manifest.
    ///
    /// `named` is the digest its key says, if it does. `records` spares asking for them.
    func root(
        _ object: SmallObject, at key: ObjectKey, named: Digest? = nil, _ records: S3loRecords? = nil
    ) async throws -> Root? {
        guard let mediaType = Manifest.detectMediaType(object.bytes) else { return nil }
        let version = object.info.etag
        let pushed = Manifests.pushedDigest(object)
        let known = known(key, version)
        var digest = known?.digest ?? Digest(of: object.bytes)
        var isRecorded = known?.isRecorded ?? false
        if !isRecorded {
            // Nobody knows which algorithm it was pushed with: the one the repository has a record of.
            let hashes = Digest.Algorithm.allCases.map { Digest(of: object.bytes, algorithm: $0) }
            let stated = [pushed, named].compactMap(\.self).filter(hashes.contains)
            digest = stated.first ?? digest
            for candidate in stated + hashes where !isRecorded {
                isRecorded = try await has(candidate, records)
                if isRecorded { digest = candidate }
            }
        }
        if known?.isRecorded != isRecorded || known?.digest != digest {
            remember(key, version, digest, isRecorded: isRecorded)
        }
        let manifest = StoredManifest(bytes: object.bytes, mediaType: mediaType, digest: digest)
        return Root(
            key: key, version: version, manifest: manifest, isRecorded: isRecorded, isOwn: pushed == digest)
    }

    private func read(_ entry: Tags.Entry, _ records: S3loRecords? = nil) async throws -> Root? {
        do {
            guard let object = try await store.bytes(of: entry.key, limit: Manifest.maximumSize) else { return nil }
            var named: Digest?
            if case .digest(let digest) = entry.reference { named = digest }
            return try await root(object, at: entry.key, named: named, records)
        } catch ObjectStoreError.tooLarge {
            return nil
        }
    }

    private func has(_ digest: Digest, _ records: S3loRecords?) async throws -> Bool {
        if let records { return records.digests.contains(digest) }
        return try await store.head(StorageLayout.manifest(digest, in: repository.name)) != nil
    }

    // MARK: Memory

    /// What is known of the tag's object of that version.
    private func known(_ key: ObjectKey, _ version: String) -> Known? {
        guard let known = memory.tags[key], known.version == version else { return nil }
        return known.isRecorded && registry.now() - known.time >= Self.trust ? nil : known
    }

    func remember(
        _ key: ObjectKey, _ version: String, _ digest: Digest, isRecorded: Bool, reach: ManifestReach? = nil
    ) {
        let known = Known(
            version: version, digest: digest, isRecorded: isRecorded, reach: reach, time: registry.now())
        let weight = 1 + (reach.map { $0.manifests.count + $0.blobs.count } ?? 0)
        memory.tags.insert(known, for: key, weight: weight)
    }
}

/// The records of a repository's manifests.
struct S3loRecords: Sendable {
    private(set) var digests: Set<Digest> = []
    /// By version and size: where entity tags are hashes of the content, a tag has that of its record.
    private var byVersion: [String: Digest] = [:]

    init(_ repository: Repository) async throws {
        try await repository.store.forEachPage(prefix: StorageLayout.manifests(of: repository.name)) { page in
            for object in page {
                guard let digest = StorageLayout.manifestDigest(ofKey: object.key, in: repository.name) else {
                    continue
                }
                digests.insert(digest)
                if let etag = object.etag { byVersion["\(etag) \(object.size)"] = digest }
            }
        }
    }

    /// The record that has the bytes of a tag, as far as the listings tell.
    func digest(of entry: Tags.Entry) -> Digest? {
        if case .digest(let digest) = entry.reference, digests.contains(digest) { return digest }
        return byVersion["\(entry.version) \(entry.size)"]
    }
}
