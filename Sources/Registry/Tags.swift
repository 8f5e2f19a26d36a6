package import OCI
import ObjectStorage

/// The tags of a repository.
package struct Tags: Sendable {
    /// A page of tags; `hasMore` says that others follow.
    package struct Page: Sendable {
        package let tags: [Tag]
        package let hasMore: Bool
    }

    let repository: Repository

    /// Removes a tag; the manifest stays.
    package func delete(_ tag: Tag) async throws {
        try await checkRemovable()
        let key = StorageLayout.tag(tag, in: repository.name)
        guard try await repository.store.head(key) != nil else {
            throw RegistryError(
                .manifestUnknown, "manifest unknown to the repository", detail: .values(["tag": tag.string]))
        }
        try await repository.store.delete([key] + signatures(of: tag))
    }

    /// Where to go on inside a nested repository or what other tools keep beside a tag: at the tag itself if it is
    /// still to come, otherwise behind everything.
    private static func skip(_ component: Substring, at key: ObjectKey, prefix: String) -> String {
        let nearlyTag = "\(prefix)\(component)/manifest.jsom\u{7f}"
        if key < ObjectKey(nearlyTag) { return nearlyTag }
        // Whatever sorts between the two, the tag itself is not skipped.
        return key < ObjectKey("\(prefix)\(component)/manifest.json") ? key.string : "\(prefix)\(component)/\u{7f}"
    }

    /// A manifest below `manifests/<name>/`: a tag, or what has no tag at the key of its digest.
    struct Entry: Sendable {
        let reference: Reference
        let key: ObjectKey
        /// In bytes.
        let size: Int
        /// Changes with the object.
        let version: String
    }

    /// Every tag with the size of its manifest, in the order of the keys, which is not that of the tags: `1.0-x` comes
    /// before `1.0` because `-` sorts before the `/` that follows a tag.
    func listed() async throws -> [(tag: Tag, size: Int)] {
        try await entries().compactMap { entry in Self.tag(entry).map { ($0, entry.size) } }
    }

    /// Whether there is a tag.
    func any() async throws -> Bool {
        var found = false
        try await forEachEntry { entry in
            found = Self.tag(entry) != nil
            return !found
        }
        return found
    }

    /// Every tag and every digest that has a key among the tags, in the order of the keys.
    func entries() async throws -> [Entry] {
        var entries: [Entry] = []
        try await forEachEntry { entry in
            entries.append(entry)
            return true
        }
        return entries
    }

    /// nil for a manifest that has no tag.
    static func tag(_ entry: Entry) -> Tag? {
        if case .tag(let tag) = entry.reference { tag } else { nil }
    }

    /// Gives the entries in the order of the keys, until `body` says that it has enough; those whose keys below
    /// `tags(of:)` sort after `start`.
    func forEachEntry(after start: String = "", _ body: (Entry) -> Bool) async throws {
        let prefix = StorageLayout.tags(of: repository.name)
        var position = start.isEmpty ? nil : prefix + start
        while true {
            let page = try await repository.store.list(prefix: prefix, after: position, limit: 1000)
            var last = page.objects.last?.key.string
            for object in page.objects {
                guard let (component, isTag) = StorageLayout.tagComponent(of: object.key, in: repository.name) else {
                    continue
                }
                if isTag {
                    // A component that is neither tag nor digest was put there by somebody else and cannot be asked for.
                    guard let reference = try? Reference(String(component)) else { continue }
                    let version = object.etag ?? "\(object.size) \(object.modified)"
                    let entry = Entry(reference: reference, key: object.key, size: object.size, version: version)
                    guard body(entry) else { return }
                } else if object.key.string == last {
                    last = Self.skip(component, at: object.key, prefix: prefix)
                }
            }
            guard page.isTruncated, let next = last else { return }
            position = next
        }
    }
}
