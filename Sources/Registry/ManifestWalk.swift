import OCI
import ObjectStorage

/// Everything a manifest leads to.
struct ManifestReach: Sendable {
    /// The manifest itself, and those below it that could be read.
    var manifests: Set<Digest>
    /// Configs and layers.
    var blobs: Set<Digest>
}

/// Reads what a manifest leads to where s3lo keeps it: the children of an index among the blobs.
struct ManifestWalk: Sendable {
    /// Manifests of one tree; what comes after them is left out.
    private static let maximumCount = 10_000
    private static let parallelReads = 8

    /// What is kept of a manifest while the tree is read.
    private struct Node: Sendable {
        let digest: Digest
        let blobs: [Digest]
        let children: [Digest]

        init(_ manifest: Manifest) {
            digest = manifest.digest
            blobs = ((manifest.config.map { [$0] } ?? []) + manifest.layers).map(\.digest)
            children = manifest.manifests.map(\.digest)
        }
    }

    let repository: Repository

    /// Reads the tree level by level; `visit` is told of every manifest below the root, of several at once.
    func reach(
        from root: StoredManifest, _ visit: @escaping @Sendable (Manifest) async throws -> Void = { _ in }
    ) async throws -> ManifestReach {
        var reach = ManifestReach(manifests: [root.digest], blobs: [])
        guard let manifest = try await parse(root) else { return reach }
        var level = [Node(manifest)]
        var seen: Set<Digest> = [root.digest]
        while !level.isEmpty {
            var next: [Digest] = []
            for node in level {
                reach.blobs.formUnion(node.blobs)
                for child in node.children where seen.count < Self.maximumCount && seen.insert(child).inserted {
                    next.append(child)
                }
            }
            level = try await next.mapAtOnce(Self.parallelReads) { digest -> Node? in
                guard let child = try await child(digest), let manifest = try await parse(child) else { return nil }
                try await visit(manifest)
                return Node(manifest)
            }.compactMap(\.self)
            reach.manifests.formUnion(level.map(\.digest))
        }
        return reach
    }

    /// A child of an index; nil when it is missing, or is no manifest of that digest.
    func child(_ digest: Digest) async throws -> StoredManifest? {
        do {
            let key = StorageLayout.blob(digest)
            guard let object = try await repository.store.bytes(of: key, limit: Manifest.maximumSize),
                Digest(of: object.bytes, algorithm: digest.algorithm) == digest,
                let mediaType = Manifest.detectMediaType(object.bytes)
            else { return nil }
            return StoredManifest(bytes: object.bytes, mediaType: mediaType, digest: digest)
        } catch ObjectStoreError.tooLarge {
            return nil
        }
    }

    /// nil for what today's rules refuse: it can be read as it is, but leads to nothing.
    func parse(_ stored: StoredManifest) async throws -> Manifest? {
        do {
            return try await repository.manifests.parse(stored.bytes, stored.mediaType, stored.digest)
        } catch is RegistryError {
            return nil
        }
    }
}
