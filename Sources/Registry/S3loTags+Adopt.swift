import OCI
import ObjectStorage
import Synchronization

extension S3loTags {
    /// Seconds without another attempt after the store refused one.
    private static let pauseLength = 60
    private static let parallelWrites = 8

    /// Gives the repository the records it would have if the tag had been pushed here: the manifest and those it leads
    /// to, links for their blobs, referrers, its entry in the catalog.
    ///
    /// May run any number of times, and beside pushes and deletions. Where nothing may be written nothing is: reading
    /// works without records.
    func adopt(_ root: Root) async throws {
        let registry = repository.registry
        guard registry.adoptsTags else { return }
        do {
            try await writeRecords(of: root)
        } catch is ObjectStoreError {
            // Whoever reads needs no records; another read tries again.
            let end = registry.now() + Self.pauseLength
            registry.s3lo.pause.withLock { $0 = end }
        }
    }

    private func writeRecords(of root: Root) async throws {
        let walk = ManifestWalk(repository: repository)
        guard let manifest = try await walk.parse(root.manifest) else { return }
        _ = try await walk.reach(from: root.manifest) { child in
            try await link(child)
            try await record(child)
        }
        try await link(manifest)
        try await repository.enterCatalog()
        // Somebody may have deleted the tag and its manifest meanwhile: the record would bring that back.
        guard try await repository.store.head(root.key)?.etag == root.version else { return }
        // Last: where it is, everything else is.
        try await record(manifest)
        remember(root.key, root.version, manifest.digest, isRecorded: true)
    }

    /// The tag's writer has made the blobs part of the repository, also those that were deleted from it before.
    private func link(_ manifest: Manifest) async throws {
        let blobs = Set(((manifest.config.map { [$0] } ?? []) + manifest.layers).map(\.digest))
        try await blobs.forEachAtOnce(Self.parallelWrites) { digest in
            let key = StorageLayout.link(digest, in: repository.name)
            try await repository.store.put([], at: key, metadata: ObjectMetadata(), condition: .always)
        }
    }

    private func record(_ manifest: Manifest) async throws {
        if let subject = manifest.subject {
            let key = StorageLayout.referrer(manifest.digest, of: subject.digest, in: repository.name)
            try await repository.store.put([], at: key, metadata: ObjectMetadata(), condition: .always)
        }
        do {
            try await repository.store.put(
                manifest.bytes, at: StorageLayout.manifest(manifest.digest, in: repository.name),
                metadata: ObjectMetadata(contentType: manifest.mediaType.string), condition: .absent)
        } catch ObjectStoreError.preconditionFailed {
            // A push was first.
        }
    }
}

extension Repositories {
    /// Whether tags that s3lo wrote get records when they are read: not where nothing may be written, and not for a
    /// while after the store refused it.
    var adoptsTags: Bool { !options.readOnly && s3lo.pause.withLock { $0 } <= now() }
}
