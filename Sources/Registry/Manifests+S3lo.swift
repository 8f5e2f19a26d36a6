import OCI
import ObjectStorage

/// What keeps pushed manifests within reach of s3lo, whose collection removes every blob that no
/// `manifests/**/manifest.json` leads to.
///
/// Promised is that it leaves alone: what a tag leads to; and what was pushed by digest, referrers among it, until it
/// becomes a child of an index, which leads to it from then on. What has lost its tag or its index may go, as it does in
/// s3lo's own buckets.
extension Manifests {
    private static let parallelWrites = 8

    /// Done before the first tag is set. `isTagged`: whether a tag will lead to the manifest.
    ///
    /// For an image pushed by tag this does nothing; one pushed by digest costs one write.
    func makeReachableForS3lo(_ manifest: Manifest, isTagged: Bool) async throws {
        let children = Set(manifest.manifests.map(\.digest))
        let areFollowed = children.isEmpty || manifest.isIndexForS3lo
        try await children.forEachAtOnce(Self.parallelWrites) { child in
            try await storeAsChild(child)
            if !areFollowed { try await storeDigestTag(of: child) }
        }
        if !isTagged { try await storeDigestTag(manifest.bytes, manifest.mediaType, manifest.digest) }
    }

    /// Done when the manifest can be reached: its children need no keys of their own any more, which s3lo would list
    /// and count as tags.
    func releaseChildrenForS3lo(_ manifest: Manifest) async throws {
        guard manifest.isIndexForS3lo else { return }
        let keys = Set(manifest.manifests.map(\.digest)).map { StorageLayout.digestTag($0, in: repository.name) }
        if !keys.isEmpty { try await store.delete(keys) }
    }

    /// A child that was pushed by tag is not among the blobs yet; one that is missing stops all of s3lo's collection.
    private func storeAsChild(_ digest: Digest) async throws {
        if digest.algorithm == .sha256, repository.registry.findings.has(.content(digest)) { return }
        let key = StorageLayout.s3loChild(digest)
        guard try await store.head(key)?.size ?? 0 == 0, let child = try await record(digest) else { return }
        let metadata = ObjectMetadata(contentType: child.mediaType.string)
        try await store.put(child.bytes, at: key, metadata: metadata, condition: .always)
    }

    private func storeDigestTag(of digest: Digest) async throws {
        guard try await store.head(StorageLayout.digestTag(digest, in: repository.name)) == nil,
            let child = try await record(digest)
        else { return }
        try await storeDigestTag(child.bytes, child.mediaType, digest)
    }

    private func storeDigestTag(_ bytes: [UInt8], _ mediaType: MediaType, _ digest: Digest) async throws {
        let metadata = ObjectMetadata(
            contentType: mediaType.string, userMetadata: [Self.digestKey: digest.string])
        do {
            try await store.put(
                bytes, at: StorageLayout.digestTag(digest, in: repository.name), metadata: metadata, condition: .absent)
        } catch ObjectStoreError.preconditionFailed {
            // It is there; writing it again would make it younger for s3lo's retention.
        }
    }
}

extension Manifest {
    /// Whether s3lo follows the children: without a media type in the body it wants a platform for the first of them.
    fileprivate var isIndexForS3lo: Bool {
        guard kind == .index else { return false }
        return statesMediaType || manifests.first?.platform != nil
    }
}
