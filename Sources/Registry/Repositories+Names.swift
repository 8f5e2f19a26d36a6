package import OCI
import ObjectStorage

extension Repositories {
    /// Up to `limit` names after `last`, sorted, and whether more follow: the catalog's, and those of tags that s3lo
    /// wrote and nobody has read here yet.
    ///
    /// Costs listings of the catalog's and of all tags between the first and the last name of the page.
    package func names(after last: String?, limit: Int) async throws -> (names: [RepositoryName], hasMore: Bool) {
        let start = last ?? ""
        var page = NamePage(limit: limit + 1)
        try await addCatalog(after: last, to: &page)
        try await addTagged(after: start, to: &page)
        try await addHidden(after: start, to: &page)
        return (Array(page.names.prefix(limit)), page.names.count > limit)
    }

    private func addCatalog(after last: String?, to page: inout NamePage) async throws {
        // The key of `last` need not exist, nor `last` be a name.
        var position = last.map { "\(StorageLayout.catalogPrefix)\($0)!" }
        while true {
            let listing = try await store.list(
                prefix: StorageLayout.catalogPrefix, after: position, limit: min(page.limit - page.names.count, 1000))
            for object in listing.objects {
                if let name = StorageLayout.repository(ofCatalogKey: object.key) { page.insert(name) }
            }
            guard listing.isTruncated, !page.isFull, let key = listing.objects.last?.key else { return }
            position = key.string
        }
    }

    /// Adds the names of tags up to the page's last one. The keys of `a` sort behind those of `a-b`, which its name
    /// comes before, so that names the last one begins with may be missed.
    private func addTagged(after last: String, to page: inout NamePage) async throws {
        // Every name after `last` has keys after this one, because no character of a name sorts before "-".
        var position = last.isEmpty ? nil : "\(StorageLayout.tagsPrefix)\(last),"
        while true {
            let listing = try await store.list(prefix: StorageLayout.tagsPrefix, after: position, limit: 1000)
            for object in listing.objects {
                guard let (name, _) = StorageLayout.tag(ofKey: object.key), Self.follows(name, last) else { continue }
                page.insert(name)
            }
            guard listing.isTruncated, let key = listing.objects.last?.key else { return }
            if let name = page.lastIfFull, ObjectKey(StorageLayout.tags(of: name)) < key { return }
            position = key.string
        }
    }

    /// Adds those names that were missed: what the page's last name begins with, up to a dash or dot.
    private func addHidden(after last: String, to page: inout NamePage) async throws {
        guard let end = page.lastIfFull?.string else { return }
        for index in end.indices where end[index] == "-" || end[index] == "." {
            // A beginning that is no name has no repository.
            guard let name = try? RepositoryName(String(end[..<index])), Self.follows(name, last), !page.contains(name),
                try await repository(name).tags.any()
            else { continue }
            page.insert(name)
        }
    }

    /// Byte order, whatever text `last` is.
    private static func follows(_ name: RepositoryName, _ last: String) -> Bool {
        last.utf8.lexicographicallyPrecedes(name.string.utf8)
    }
}

/// The first names of those that are inserted, sorted.
private struct NamePage {
    let limit: Int
    private(set) var names: [RepositoryName] = []

    init(limit: Int) {
        self.limit = limit
    }

    var isFull: Bool { names.count >= limit }
    var lastIfFull: RepositoryName? { isFull ? names.last : nil }

    func contains(_ name: RepositoryName) -> Bool {
        let index = index(of: name)
        return index < names.count && names[index] == name
    }

    mutating func insert(_ name: RepositoryName) {
        let index = index(of: name)
        guard index < limit, index == names.count || names[index] != name else { return }
        names.insert(name, at: index)
        if names.count > limit { names.removeLast() }
    }

    private func index(of name: RepositoryName) -> Int {
        var (low, high) = (0, names.count)
        while low < high {
            let middle = (low + high) / 2
            if names[middle] < name { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
