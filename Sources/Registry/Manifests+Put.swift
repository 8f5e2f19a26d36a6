import EventLoop
package import OCI
import ObjectStorage

extension Manifests {
    /// What a manifest was stored as.
    package struct PutResult: Sendable {
        package let digest: Digest
        /// The manifest it refers to by `subject`.
        package let subject: Digest?
    }

    /// Stores a manifest under its digest and under `tags`.
    ///
    /// `conditions` say what setting a tag may change, where that is not everything; nothing is stored when one of them
    /// does not hold. `expected` is the digest the client pushes under; without one it is SHA-256. Throws
    /// `DIGEST_INVALID` when the bytes have another one, `MANIFEST_INVALID`, or `MANIFEST_BLOB_UNKNOWN` with every
    /// missing digest.
    ///
    /// Everything a reader needs is stored before anything that leads to it, and what does not lead to each other at the
    /// same time: first everything the manifest refers to is checked, then the record, the blob and the catalog entry
    /// are stored, then the tags and the entry among the subject's referrers, which lead to the record. A delete of the
    /// same manifest removes entry, record and tags in that order. So at last, where there are tags, the record is
    /// looked at again: gone, both are put back, and the push counts as the later one; still there, a delete is yet to
    /// look for tags, and finds these. A new image that is no referrer needs none of this order, see `storeAtOnce`.
    package func put(
        _ bytes: [UInt8], contentType: MediaType?, expected: Digest?, tags: [Tag],
        conditions: [Tag: TagCondition] = [:]
    ) async throws -> PutResult {
        let digest = Digest(of: bytes, algorithm: expected?.algorithm ?? .sha256)
        if let expected, expected != digest {
            throw RegistryError(
                .digestInvalid, "the manifest does not have the digest it was pushed under",
                detail: .values(["expected": expected.string, "actual": digest.string]))
        }
        let manifest = try await parse(bytes, contentType, digest)
        try await repository.tags.checkSettable(tags, conditions, to: manifest)
        try await linkReferences(of: manifest)
        let isKnown = findings.has(.manifest(repository.name, digest))
        if !isKnown, !tags.isEmpty, manifest.kind == .image, manifest.subject == nil {
            try await storeAtOnce(manifest, tags, conditions, isBlob: expected != nil)
            return PutResult(digest: digest, subject: nil)
        }
        async let reachable: Void = makeReachableForS3lo(manifest, isTagged: !tags.isEmpty)
        try await storeContent(manifest, isBlob: expected != nil, isKnown: isKnown)
        try await reachable
        try await publish(manifest, tags, conditions, isKnown: isKnown)
        if !tags.isEmpty { try await restore(manifest) }
        try await releaseChildrenForS3lo(manifest)
        return PutResult(digest: digest, subject: manifest.subject?.digest)
    }

    /// The manifest in `bytes`. A large one is read off the event loop, few at a time: hostile ones cost the most
    /// time and memory here.
    func parse(_ bytes: [UInt8], _ contentType: MediaType?, _ digest: Digest) async throws -> Manifest {
        do {
            if bytes.count <= Self.inlineSize {
                return try Manifest(bytes: bytes, contentType: contentType, digest: digest)
            }
            return try await repository.registry.parsing.run {
                try Manifest(bytes: bytes, contentType: contentType, digest: digest)
            }
        } catch let error as ManifestError {
            throw RegistryError(.manifestInvalid, "\(error)")
        }
    }

    /// Up to this size, in bytes, a manifest is parsed where the request is served.
    private static let inlineSize = 256 << 10

    // MARK: References

    /// References that are looked up at once.
    private static let parallelChecks = 32

    /// Makes the repository hold what the manifest refers to, or throws what is missing.
    private func linkReferences(of manifest: Manifest) async throws {
        var seen: Set<Digest> = []
        let unknown = manifest.references.filter { descriptor in
            guard seen.insert(descriptor.digest).inserted else { return false }
            return !findings.has(.held(repository.name, descriptor.digest))
        }
        let isIndex = manifest.kind == .index
        let missing = try await unknown.mapAtOnce(Self.parallelChecks) { descriptor in
            try await isPresent(descriptor, isIndex: isIndex) ? nil : descriptor.digest
        }.compactMap(\.self)
        guard !missing.isEmpty, repository.registry.options.missingReferences == .reject else { return }
        throw MissingReferencesError(digests: missing)
    }

    /// Whether what `descriptor` names is there, or need not be; a blob that is gets linked.
    private func isPresent(_ descriptor: Descriptor, isIndex: Bool) async throws -> Bool {
        if isIndex, try await has(descriptor.digest) { return true }
        if try await repository.blobs.hold(descriptor.digest) { return true }
        let isElsewhere = MediaType(descriptor.mediaType)?.isNonDistributable ?? false
        return isElsewhere || !(descriptor.urls ?? []).isEmpty
    }

    /// Whether the repository has a manifest of that digest.
    private func has(_ digest: Digest) async throws -> Bool {
        if findings.has(.manifest(repository.name, digest)) { return true }
        return try await store.head(StorageLayout.manifest(digest, in: repository.name)) != nil
    }

    // MARK: Writing

    /// Stores an image that most likely is new, and its tags, at the same time.
    ///
    /// A tag holds the manifest's bytes and is found by their digest where there is no record, so it may be there before
    /// the record, or without it: when a delete takes a record made just now and does not see the tag yet. Only where the
    /// record is an older one is it looked at again, to spare readers that search.
    private func storeAtOnce(
        _ manifest: Manifest, _ tags: [Tag], _ conditions: [Tag: TagCondition], isBlob: Bool
    ) async throws {
        // First, and mostly known: a store that cannot hold the name must not get a tag of it.
        try await repository.enterCatalog()
        async let published: Void = publish(manifest, tags, conditions, isKnown: false)
        let isNew = try await storeContent(manifest, isBlob: isBlob, isKnown: false)
        try await published
        if !isNew { try await restore(manifest) }
    }

    /// Stores what tags and referrers lead to; returns whether there was no record yet. What this replica has not met
    /// lately (`isKnown`) is most likely new, and stored without a look.
    @discardableResult
    private func storeContent(_ manifest: Manifest, isBlob: Bool, isKnown: Bool) async throws -> Bool {
        let moment = findings.moment
        async let catalog: Void = repository.enterCatalog()
        async let blob: Void = isBlob ? storeBlob(manifest, isKnown: isKnown) : ()
        let isNew = try await storeRecord(manifest, isKnown: isKnown)
        _ = try await (catalog, blob)
        findings.note(.manifest(repository.name, manifest.digest), asOf: moment)
        if isBlob { findings.note(.content(manifest.digest), asOf: moment) }
        return isNew
    }

    /// Stores what leads to the manifest.
    private func publish(
        _ manifest: Manifest, _ tags: [Tag], _ conditions: [Tag: TagCondition], isKnown: Bool
    ) async throws {
        async let referrer: Void = storeReferrer(manifest, isKnown: isKnown)
        try await tags.forEachAtOnce(Self.parallelTags) { try await set($0, conditions[$0], to: manifest) }
        try await referrer
    }

    /// Tags that are written at once.
    private static let parallelTags = 8

    private func storeReferrer(_ manifest: Manifest, isKnown: Bool) async throws {
        guard let subject = manifest.subject else { return }
        let key = StorageLayout.referrer(manifest.digest, of: subject.digest, in: repository.name)
        try await storeUnlessThere([], at: key, ObjectMetadata(), isKnown: isKnown) {
            try await store.head(key) != nil
        }
    }

    /// s3lo looks for the children of an index among the blobs.
    private func storeBlob(_ manifest: Manifest, isKnown: Bool) async throws {
        let key = StorageLayout.blob(manifest.digest)
        try await storeUnlessThere(manifest.bytes, at: key, metadata(of: manifest), isKnown: isKnown) {
            try await store.head(key)?.size == manifest.bytes.count
        }
    }

    /// Returns whether there was no record yet.
    @discardableResult
    private func storeRecord(_ manifest: Manifest, isKnown: Bool) async throws -> Bool {
        let key = StorageLayout.manifest(manifest.digest, in: repository.name)
        let metadata = metadata(of: manifest)
        return try await storeUnlessThere(manifest.bytes, at: key, metadata, isKnown: isKnown) {
            // The same bytes may be pushed again as another type, and the last push counts; and a push mends what is
            // broken.
            let present = try await store.bytes(of: key, limit: .max)
            return present?.bytes == manifest.bytes && (keepsTypes || present?.info.metadata == metadata)
        }
    }

    /// Stores an object that most likely is there if `isKnown`, and most likely is not otherwise; `isRight` looks at what
    /// is there. Returns whether nothing was.
    @discardableResult
    private func storeUnlessThere(
        _ bytes: [UInt8], at key: ObjectKey, _ metadata: ObjectMetadata, isKnown: Bool, isRight: () async throws -> Bool
    ) async throws -> Bool {
        if !isKnown {
            do {
                try await store.put(bytes, at: key, metadata: metadata, condition: .absent)
                return true
            } catch ObjectStoreError.preconditionFailed {
                // There after all.
            }
        }
        if try await isRight() { return false }
        try await store.put(bytes, at: key, metadata: metadata, condition: .always)
        return false
    }

    private func metadata(of manifest: Manifest) -> ObjectMetadata {
        ObjectMetadata(contentType: manifest.mediaType.string)
    }

    private func set(_ tag: Tag, _ condition: TagCondition?, to manifest: Manifest) async throws {
        let metadata = ObjectMetadata(
            contentType: manifest.mediaType.string,
            userMetadata: [Self.digestKey: manifest.digest.string])
        if try await repository.tags.areImmutable {
            return try await repository.tags.setOnce(tag, to: manifest, metadata: metadata, isImmutable: true)
        }
        if condition == .absent {
            return try await repository.tags.setOnce(tag, to: manifest, metadata: metadata, isImmutable: false)
        }
        try await store.put(
            manifest.bytes, at: StorageLayout.tag(tag, in: repository.name), metadata: metadata, condition: .always)
    }

    /// Puts back what a delete that ran meanwhile has removed; in this order, because it takes the referrer first.
    private func restore(_ manifest: Manifest) async throws {
        guard try await store.head(StorageLayout.manifest(manifest.digest, in: repository.name)) == nil else { return }
        try await storeRecord(manifest, isKnown: false)
        try await storeReferrer(manifest, isKnown: false)
    }

    private var findings: RecentFindings { repository.registry.findings }
}

/// A manifest refers to content the repository does not have: one error of the specification for each digest.
package struct MissingReferencesError: Error, Sendable {
    package let digests: [Digest]
}
