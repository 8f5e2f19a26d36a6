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

    /// Up to `limit` tags after `last` in byte order; `NAME_UNKNOWN` for a repository that does not exist.
    package func list(after last: String?, limit: Int) async throws -> Page {
        let all = try await listed()
        if all.isEmpty, try await !repository.exists() {
            throw RegistryError(
                .nameUnknown, "repository name not known to the registry",
                detail: .values(["name": repository.name.string]))
        }
        var tags = all.map(\.tag).sorted()
        if let last {
            tags.removeFirst(tags.firstIndex { last.utf8.lexicographicallyPrecedes($0.string.utf8) } ?? tags.count)
        }
        return Page(tags: Array(tags.prefix(limit)), hasMore: tags.count > limit)
    }

    /// Removes a tag; the manifest stays.
    package func delete(_ tag: Tag) async throws {
        let key = StorageLayout.tag(tag, in: repository.name)
        guard try await repository.store.head(key) != nil else {
            throw RegistryError(
                .manifestUnknown, "manifest unknown to the repository", detail: .values(["tag": tag.string]))
        }
        try await repository.store.delete([key])
    }

    /// Where to go on inside a nested repository or what other tools keep beside a tag: at the tag itself if it is
    /// still to come, otherwise behind everything.
    private static func skip(_ component: Substring, at key: ObjectKey, prefix: String) -> String {
        let nearlyTag = "\(prefix)\(component)/manifest.jsom\u{7f}"
        if key < ObjectKey(nearlyTag) { return nearlyTag }
        // Whatever sorts between the two, the tag itself is not skipped.
        return key < ObjectKey("\(prefix)\(component)/manifest.json") ? key.string : "\(prefix)\(component)/\u{7f}"
    }

    /// Every tag with the size of its manifest, in the order of the keys, which is not that of the tags: `1.0-x` comes
    /// before `1.0` because `-` sorts before the `/` that follows a tag.
    func listed() async throws -> [(tag: Tag, size: Int)] {
        let prefix = StorageLayout.tags(of: repository.name)
        var tags: [(tag: Tag, size: Int)] = []
        var position: String?
        while true {
            let page = try await repository.store.list(prefix: prefix, after: position, limit: 1000)
            var last = page.objects.last?.key.string
            for object in page.objects {
                guard let (component, isTag) = StorageLayout.tagComponent(of: object.key, in: repository.name) else {
                    continue
                }
                if isTag {
                    // A component that is no tag was put there by somebody else and cannot be asked for.
                    if let tag = try? Tag(String(component)) { tags.append((tag, object.size)) }
                } else if object.key.string == last {
                    last = Self.skip(component, at: object.key, prefix: prefix)
                }
            }
            guard page.isTruncated, let next = last else { return tags }
            position = next
        }
    }
}
