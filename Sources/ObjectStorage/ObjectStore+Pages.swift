extension ObjectStore {
    /// Gives every object whose key begins with `prefix`, at most `limit` at a time, in byte order of the whole key.
    package func forEachPage(
        prefix: String, limit: Int = 1000, _ use: ([ListedObject]) async throws -> Void
    ) async throws {
        var position: String?
        while true {
            let page = try await list(prefix: prefix, after: position, limit: limit)
            try await use(page.objects)
            guard page.isTruncated, let last = page.objects.last else { return }
            position = last.key.string
        }
    }
}
