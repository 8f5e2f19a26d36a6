import OCI
import ObjectStorage

/// What callers' rights, s3lo's `immutable` and its signatures mean for tags that are set and deleted here.
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

    /// Throws `DENIED` when the condition of one of `tags` does not hold, or it is immutable and holds another manifest.
    func checkSettable(_ tags: [Tag], _ conditions: [Tag: TagCondition], to manifest: Manifest) async throws {
        guard !tags.isEmpty else { return }
        let areImmutable = try await areImmutable
        for tag in tags {
            switch conditions[tag] ?? .always {
            case .always where !areImmutable: break
            case .present:
                let key = StorageLayout.tag(tag, in: repository.name)
                guard try await repository.store.head(key) != nil else {
                    throw RegistryError(
                        .denied, "the tag does not exist and may not be created", detail: .values(["tag": tag.string]))
                }
                if areImmutable { fallthrough }
            case .always, .absent: _ = try await holds(tag, manifest, isImmutable: areImmutable)
            }
        }
    }

    /// Sets a tag that may not change: for the first time, or again to what it holds, which writes nothing. Throws
    /// `DENIED` otherwise, also when two set it at once and the other one was first. `isImmutable`: for everybody.
    func setOnce(
        _ tag: Tag, to manifest: Manifest, metadata: ObjectMetadata, isImmutable: Bool
    ) async throws {
        do {
            try await repository.store.put(
                manifest.bytes, at: StorageLayout.tag(tag, in: repository.name), metadata: metadata, condition: .absent)
        } catch ObjectStoreError.preconditionFailed {
            guard try await holds(tag, manifest, isImmutable: isImmutable) else {
                throw ObjectStoreError.unavailable("the tag \(tag) was deleted while it was set")
            }
        }
    }

    /// Whether a tag that may not change is there; it then must hold the manifest, or this throws `DENIED`.
    private func holds(_ tag: Tag, _ manifest: Manifest, isImmutable: Bool) async throws -> Bool {
        let key = StorageLayout.tag(tag, in: repository.name)
        guard let info = try await repository.store.head(key) else { return false }
        if info.size == manifest.bytes.count {
            let present = try await repository.store.bytes(of: key, limit: Manifest.maximumSize)
            if present?.bytes == manifest.bytes { return true }
        }
        let detail = ["tag": tag.string]
        if isImmutable { throw denied("the tag is there with another manifest", detail) }
        throw RegistryError(
            .denied, "the tag is there with another manifest and may not be overwritten", detail: .values(detail))
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
