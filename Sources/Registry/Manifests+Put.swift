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
    /// `expected` is the digest the client pushes under; without one it is SHA-256. Throws `DIGEST_INVALID` when the
    /// bytes have another one, `MANIFEST_INVALID`, or `MANIFEST_BLOB_UNKNOWN` with every missing digest. Everything
    /// a reader needs is stored before anything that leads to it, the tags last.
    package func put(
        _ bytes: [UInt8], contentType: MediaType?, expected: Digest?, tags: [Tag]
    ) async throws -> PutResult {
        let digest = Digest(of: bytes, algorithm: expected?.algorithm ?? .sha256)
        if let expected, expected != digest {
            throw RegistryError(
                .digestInvalid, "the manifest does not have the digest it was pushed under",
                detail: .values(["expected": expected.string, "actual": digest.string]))
        }
        let manifest = try await parse(bytes, contentType, digest)
        try await linkReferences(of: manifest)
        try await repository.enterCatalog()
        try await storeReferrer(manifest)
        if expected != nil { try await storeBlob(manifest) }
        try await storeRecord(manifest)
        for tag in tags { try await set(tag, to: manifest) }
        try await restore(manifest)
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

    /// Makes the repository hold what the manifest refers to, or throws what is missing.
    private func linkReferences(of manifest: Manifest) async throws {
        var missing: [Digest] = []
        var seen: Set<Digest> = []
        for descriptor in manifest.references where seen.insert(descriptor.digest).inserted {
            guard try await !isPresent(descriptor, in: manifest) else { continue }
            missing.append(descriptor.digest)
        }
        guard !missing.isEmpty, repository.registry.options.missingReferences == .reject else { return }
        throw MissingReferencesError(digests: missing)
    }

    /// Whether what `descriptor` names is there, or need not be; a blob that is gets linked.
    private func isPresent(_ descriptor: Descriptor, in manifest: Manifest) async throws -> Bool {
        if manifest.kind == .index, try await has(descriptor.digest) { return true }
        if try await repository.blobs.find(descriptor.digest) != nil {
            try await repository.blobs.link(descriptor.digest)
            return true
        }
        let isElsewhere = MediaType(descriptor.mediaType)?.isNonDistributable ?? false
        return isElsewhere || !(descriptor.urls ?? []).isEmpty
    }

    /// Whether the repository has a manifest of that digest.
    private func has(_ digest: Digest) async throws -> Bool {
        try await store.head(StorageLayout.manifest(digest, in: repository.name)) != nil
    }

    // MARK: Writing

    private func storeReferrer(_ manifest: Manifest) async throws {
        guard let subject = manifest.subject else { return }
        let key = StorageLayout.referrer(manifest.digest, of: subject.digest, in: repository.name)
        guard try await store.head(key) == nil else { return }
        try await store.put([], at: key, metadata: ObjectMetadata(), condition: .always)
    }

    /// s3lo looks for the children of an index among the blobs.
    private func storeBlob(_ manifest: Manifest) async throws {
        let key = StorageLayout.blob(manifest.digest)
        guard try await store.head(key)?.size != manifest.bytes.count else { return }
        try await store.put(manifest.bytes, at: key, metadata: metadata(of: manifest), condition: .always)
    }

    private func storeRecord(_ manifest: Manifest) async throws {
        let key = StorageLayout.manifest(manifest.digest, in: repository.name)
        let metadata = metadata(of: manifest)
        let present = try await store.bytes(of: key, limit: .max)
        // The same bytes may be pushed again as another type, and the last push counts; and a push mends what is broken.
        if present?.bytes != manifest.bytes || present?.info.metadata != metadata {
            try await store.put(manifest.bytes, at: key, metadata: metadata, condition: .always)
        }
    }

    private func metadata(of manifest: Manifest) -> ObjectMetadata {
        ObjectMetadata(contentType: manifest.mediaType.string)
    }

    private func set(_ tag: Tag, to manifest: Manifest) async throws {
        let metadata = ObjectMetadata(
            contentType: manifest.mediaType.string,
            userMetadata: [Self.digestKey: manifest.digest.string])
        try await store.put(
            manifest.bytes, at: StorageLayout.tag(tag, in: repository.name), metadata: metadata, condition: .always)
    }

    /// A delete of the same digest may have run meanwhile: the push counts as the later one. In the other order than
    /// before, because a delete takes the referrer first.
    private func restore(_ manifest: Manifest) async throws {
        if try await !has(manifest.digest) { try await storeRecord(manifest) }
        try await storeReferrer(manifest)
    }
}

/// A manifest refers to content the repository does not have: one error of the specification for each digest.
package struct MissingReferencesError: Error, Sendable {
    package let digests: [Digest]
}
