import ObjectStorage

extension Repositories {
    /// Removes the bytes of uploads nobody has continued for `age` seconds, and returns how many uploads that were.
    ///
    /// Safe while others upload, and for several processes at once: a session that old has expired.
    @discardableResult
    package func removeAbandonedUploads(olderThan age: Int) async throws -> Int {
        let limit = now() - age
        var removed = 0
        var current: (id: UploadID, keys: [ObjectKey], modified: Int)?
        try await store.forEachPage(prefix: StorageLayout.uploadsPrefix) { page in
            for object in page {
                guard let id = StorageLayout.uploadID(of: object.key) else { continue }
                if let last = current, last.id != id {
                    removed += try await remove(last.keys, modified: last.modified, before: limit)
                    current = nil
                }
                let newest = max(current?.modified ?? object.modified, object.modified)
                if current == nil { current = (id, [], newest) }
                // In place: an upload may have thousands of parts.
                current?.keys.append(object.key)
                current?.modified = newest
            }
        }
        if let last = current { removed += try await remove(last.keys, modified: last.modified, before: limit) }
        return removed
    }

    private func remove(_ keys: [ObjectKey], modified: Int, before limit: Int) async throws -> Int {
        guard modified < limit else { return 0 }
        try await store.delete(keys)
        return 1
    }
}
