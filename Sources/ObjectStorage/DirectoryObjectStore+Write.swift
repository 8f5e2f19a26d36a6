import EventLoop
import Glibc

extension DirectoryObjectStore {
    /// Writes on `BlockingWork`: temporary file, fsync, rename or link, fsync of the directory.
    @discardableResult
    package func put(
        _ bytes: [UInt8], at key: ObjectKey, metadata: ObjectMetadata, condition: PutCondition
    ) async throws -> ObjectInfo {
        try check(key, metadata)
        let tree = tree
        return try await onPool(key) {
            if bytes.isEmpty && metadata.isEmpty, let info = try tree.publishEmpty(key, condition) { return info }
            if condition == .absent { try tree.refuseIfPresent(key) }
            let file = try TemporaryFile(in: tree)
            try file.append(bytes.span.bytes)
            return try file.publish(at: key, metadata, condition)
        }
    }

    /// Starts a temporary file; bytes go to the page cache on the caller's thread.
    package func writer(expecting key: ObjectKey, size: Int?) async throws -> any ObjectWriter {
        do throws(SystemCallError) {
            return DirectoryObjectWriter(store: self, file: try TemporaryFile(in: tree))
        } catch {
            throw ObjectStoreError(error, key)
        }
    }

    /// Renames a single source; copies several inside the file system, where it can do that.
    @discardableResult
    package func compose(
        _ sources: [ObjectKey], keeping: [ObjectKey], at key: ObjectKey, metadata: ObjectMetadata,
        condition: PutCondition
    ) async throws -> ObjectInfo {
        precondition(!sources.isEmpty, "an object is composed of at least one source")
        try check(key, metadata)
        for source in sources { try check(source) }
        let tree = tree
        return try await onPool(key) {
            if sources.count == 1, keeping.isEmpty { return try tree.move(sources[0], to: key, metadata, condition) }
            let file = try TemporaryFile(in: tree)
            for source in sources {
                guard let opened = try tree.openFile(source.string) else { throw ObjectStoreError.noSuchKey(source) }
                try file.append(contentsOf: opened.file)
            }
            let info = try file.publish(at: key, metadata, condition)
            try tree.remove(sources.filter { $0 != key && !keeping.contains($0) })
            return info
        }
    }

    /// Removes files, and the directories they leave empty.
    package func delete(_ keys: [ObjectKey]) async throws {
        for key in keys { try check(key) }
        let tree = tree
        try await onPool(nil) { try tree.remove(keys) }
        for key in keys { cache.remove(key) }
    }

    /// A look and a removal in one go: a replacement has to come in the microseconds between them to be lost.
    package func delete(_ key: ObjectKey, ifMatch etag: String) async throws -> Bool {
        guard try await head(key)?.etag == etag else { return false }
        let tree = tree
        let isRemoved = try await onPool(key) {
            guard let status = try tree.status(of: key.string), ObjectInfo.etag(status) == etag else { return false }
            try tree.remove([key])
            return true
        }
        cache.remove(key)
        return isRemoved
    }

    /// Files have no URL.
    package func presignedURL(for key: ObjectKey) async throws -> String? { nil }
}

/// An object that is being written to a `DirectoryObjectStore`.
private final class DirectoryObjectWriter: ObjectWriter {
    private let store: DirectoryObjectStore
    /// nil after `commit` and `abort`; when the last holder lets go of it unpublished, it is removed.
    private var file: TemporaryFile?
    private(set) var size = 0

    init(store: DirectoryObjectStore, file: TemporaryFile) {
        self.store = store
        self.file = file
    }

    func append(_ bytes: RawSpan) async throws {
        guard let file else { throw Self.over }
        do throws(SystemCallError) {
            try file.append(bytes)
        } catch {
            throw ObjectStoreError(error, nil)
        }
        size += bytes.byteCount
    }

    func commit(to key: ObjectKey, metadata: ObjectMetadata, condition: PutCondition) async throws -> ObjectInfo {
        guard let file else { throw Self.over }
        self.file = nil
        try store.check(key, metadata)
        return try await store.onPool(key) { try file.publish(at: key, metadata, condition) }
    }

    func abort() async {
        guard let file else { return }
        self.file = nil
        // Cannot fail: removing a large file takes its time, so it is not left to the caller's thread.
        try? await store.onPool(nil) { file.discard() }
    }

    private static var over: ObjectStoreError { .unavailable("the object was committed or aborted before") }
}
