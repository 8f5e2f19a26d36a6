package import OCI
import ObjectStorage

extension Manifests {
    /// Tags that are read at once while those of a manifest are looked for.
    private static let parallelReads = 8

    /// Removes a manifest and every tag that points to it.
    package func delete(_ digest: Digest) async throws {
        guard let manifest = try await find(digest) else { throw Self.unknown(.digest(digest)) }
        try await repository.tags.checkRemovable()
        let finding = RecentFindings.Finding.manifest(repository.name, digest)
        repository.registry.findings.forget(finding)
        // Again afterwards: a push that ran meanwhile may have seen what is gone now.
        defer { repository.registry.findings.forget(finding) }
        // A manifest that came in before today's rules may not parse any more; it then has no subject to be listed at.
        let parsed = try? await parse(manifest.bytes, manifest.mediaType, digest)
        if let subject = parsed?.subject {
            // First: who puts the record back because it is gone puts this back as well.
            try await store.delete([StorageLayout.referrer(digest, of: subject.digest, in: repository.name)])
        }
        try await store.delete([
            StorageLayout.digestTag(digest, in: repository.name), StorageLayout.manifest(digest, in: repository.name),
        ])
        guard try await deleteTags(of: manifest) else { return }
        // Whoever read a tag of s3lo's meanwhile has put the record back.
        try await store.delete([StorageLayout.manifest(digest, in: repository.name)])
    }

    /// Only tags that still are what was compared: one that is moved meanwhile stays. Returns whether another tool wrote
    /// one of them.
    private func deleteTags(of manifest: StoredManifest) async throws -> Bool {
        let candidates = try await repository.tags.listed().filter { $0.size == manifest.bytes.count }
        return try await candidates.mapAtOnce(Self.parallelReads) { tag, _ in
            let key = StorageLayout.tag(tag, in: repository.name)
            guard let object = try await store.bytes(of: key, limit: Manifest.maximumSize),
                object.bytes == manifest.bytes,
                // The same bytes pushed under the other algorithm are another manifest.
                Self.pushedDigest(object)?.algorithm ?? manifest.digest.algorithm == manifest.digest.algorithm
            else { return false }
            guard try await store.delete(key, ifMatch: object.info.etag) else { return false }
            try await store.delete(repository.tags.signatures(of: tag))
            return Self.pushedDigest(object) == nil
        }.contains(true)
    }
}
