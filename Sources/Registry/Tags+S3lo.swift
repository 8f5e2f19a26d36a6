import OCI
import ObjectStorage

/// What s3lo's `immutable` and its signatures mean for tags that are set and deleted here.
extension Tags {
    /// Whether `s3lo.yaml` makes the repository's tags immutable.
    var areImmutable: Bool {
        get async throws { try await repository.registry.s3loSettings().isImmutable(repository.name) }
    }

    /// Throws `DENIED` where `s3lo.yaml` makes the repository's tags immutable: none of them is removed.
    func checkRemovable() async throws {
        guard try await areImmutable else { return }
        throw denied("its tags cannot be deleted", [:])
    }

    /// Throws `DENIED` when one of `tags` is immutable and holds another manifest.
    func checkSettable(_ tags: [Tag], to manifest: Manifest) async throws {
        guard !tags.isEmpty, try await areImmutable else { return }
        for tag in tags { _ = try await holds(tag, manifest) }
    }

    /// Sets an immutable tag: for the first time, or again to what it holds, which writes nothing. Throws `DENIED`
    /// otherwise, also when two set it at once and the other one was first.
    func setOnce(_ tag: Tag, to manifest: Manifest, metadata: ObjectMetadata) async throws {
        do {
            try await repository.store.put(
                manifest.bytes, at: StorageLayout.tag(tag, in: repository.name), metadata: metadata, condition: .absent)
        } catch ObjectStoreError.preconditionFailed {
            guard try await holds(tag, manifest) else {
                throw ObjectStoreError.unavailable("the immutable tag \(tag) was deleted while it was set")
            }
        }
    }

    /// Whether an immutable tag is there; it then must hold the manifest, or this throws `DENIED`.
    private func holds(_ tag: Tag, _ manifest: Manifest) async throws -> Bool {
        let key = StorageLayout.tag(tag, in: repository.name)
        guard let info = try await repository.store.head(key) else { return false }
        if info.size == manifest.bytes.count {
            let present = try await repository.store.bytes(of: key, limit: Manifest.maximumSize)
            if present?.bytes == manifest.bytes { return true }
        }
        throw denied("the tag is there with another manifest", ["tag": tag.string])
    }

    /// s3lo's signatures of a tag, which go with it.
    func signatures(of tag: Tag) async throws -> [ObjectKey] {
        let prefix = StorageLayout.signatures(of: tag, in: repository.name)
        var keys: [ObjectKey] = []
        try await repository.store.forEachPage(prefix: prefix) { page in
            // What lies deeper belongs to a repository whose name begins so.
            keys += page.map(\.key).filter { key in
                key.string.hasSuffix(".json") && !key.string.dropFirst(prefix.count).contains("/")
            }
        }
        return keys
    }

    private func denied(_ reason: String, _ detail: [String: String]) -> RegistryError {
        RegistryError(
            .denied, "s3lo.yaml makes the image \(repository.name) immutable: \(reason)",
            detail: detail.isEmpty ? nil : .values(detail))
    }
}
