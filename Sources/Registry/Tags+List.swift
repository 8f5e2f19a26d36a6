import OCI
import ObjectStorage

extension Tags {
    /// Up to `limit` tags after `last` in byte order; `NAME_UNKNOWN` for a repository that does not exist.
    ///
    /// Lists the keys from those of `last` on, and only as many as the page needs.
    package func list(after last: String?, limit: Int) async throws -> Page {
        let last = last ?? ""
        // One more than the page shows, to know whether there are others.
        let wanted = limit == .max ? .max : limit + 1
        var tags: [Tag] = []
        var end: Tag?
        // Whatever tag follows `last`, its key follows this, and no store has to take a key that `last` makes.
        try await forEachEntry(after: Self.beginning(of: last)) { entry in
            guard let tag = Self.tag(entry), Self.follows(tag, last) else { return true }
            tags.append(tag)
            end = tags.count == wanted ? tag : nil
            return end == nil
        }
        if let end { tags += try await hidden(behind: end).filter { Self.follows($0, last) } }
        if tags.isEmpty { try await requireExistence(isWhole: last.isEmpty) }
        return Page(tags: Array(tags.sorted().prefix(limit)), hasMore: tags.count > limit)
    }

    /// The tags whose keys are behind that of `end`, but which themselves come before it or before others whose keys
    /// are not: they are what `end` begins with, up to a dash or dot, because only these sort before the `/` that
    /// follows a tag in its key.
    private func hidden(behind end: Tag) async throws -> [Tag] {
        let text = end.string
        let beginnings = text.indices.filter { text[$0] == "-" || text[$0] == "." }.compactMap { index in
            // A beginning always is a tag, for `end` is one.
            try? Tag(String(text[..<index]))
        }
        return try await beginnings.mapAtOnce(Self.parallelLooks) { tag in
            try await repository.store.head(StorageLayout.tag(tag, in: repository.name)) == nil ? nil : tag
        }.compactMap(\.self)
    }

    private static let parallelLooks = 16

    /// Throws `NAME_UNKNOWN` for a repository that has no tags and is not in the catalog; `isWhole` says that there was
    /// no tag at all.
    private func requireExistence(isWhole: Bool) async throws {
        if try await repository.exists() { return }
        if !isWhole, try await any() { return }
        throw RegistryError(
            .nameUnknown, "repository name not known to the registry",
            detail: .values(["name": repository.name.string]))
    }

    /// What `text` begins with that a tag could begin with as well.
    private static func beginning(of text: String) -> String {
        var beginning = ""
        for character in text.unicodeScalars {
            guard beginning.utf8.count < Tag.maximumLength,
                // Behind a first letter it is the whole grammar of a tag.
                (try? Tag("a\(character)")) != nil
            else { break }
            beginning.unicodeScalars.append(character)
        }
        return beginning
    }

    /// Byte order, whatever text `last` is.
    private static func follows(_ tag: Tag, _ last: String) -> Bool {
        last.utf8.lexicographicallyPrecedes(tag.string.utf8)
    }
}
