package import EventLoop
import Glibc

/// Objects as files of a local directory: a key is a path below the root, metadata an extended attribute.
///
/// Needs no lock, in this process or between processes: names appear by rename or link, whole or not at all. Reading asks
/// the file system each time whether what it remembers is still there, and works on any tree of files, such as a copy of
/// a bucket. Below the root `.stowage` is the store's own, and symbolic links are nothing.
package final class DirectoryObjectStore: ObjectStore {
    /// The root as it was given.
    package let location: String
    let tree: DirectoryTree
    let cache: ObjectCache
    private let blockingWork: BlockingWork

    /// Opens the directory `root`, which is made, with its parents, unless `readOnly`. Blocks.
    ///
    /// `cacheLimit`: memory for small objects and for metadata, in bytes.
    package init(
        root: String, blockingWork: BlockingWork, cacheLimit: Int = 32 << 20, readOnly: Bool = false
    ) throws(SystemCallError) {
        tree = try DirectoryTree(path: root, readOnly: readOnly)
        location = root
        cache = ObjectCache(limit: cacheLimit)
        self.blockingWork = blockingWork
    }

    /// Proves that the root can be read and, unless `readOnly`, that a file can be made in it.
    package func probe(readOnly: Bool) async throws {
        let tree = tree
        try await onPool(nil) { try tree.probe(readOnly: readOnly) }
    }

    /// One page of a walk over the tree; see `TreeWalk`.
    package func list(prefix: String, after: String?, limit: Int) async throws -> ObjectListing {
        let tree = tree
        return try await onPool(nil) {
            var walk = TreeWalk(tree, prefix: prefix, after: after, limit: limit)
            return try walk.page()
        }
    }

    /// Removes what writers that are gone have left: temporary files not written to for `seconds`. Returns how many.
    @discardableResult
    package func removeStaleTemporaryFiles(olderThan seconds: Int) async throws -> Int {
        let tree = tree
        return try await onPool(nil) { try tree.removeTemporaryFiles(modifiedBefore: time(nil) - seconds) }
    }

    /// Runs `body` where it may block; failed system calls become store errors about `key`.
    func onPool<Value: Sendable>(
        _ key: ObjectKey?, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        do {
            return try await blockingWork.run(body)
        } catch let error as SystemCallError {
            throw ObjectStoreError(error, key)
        }
    }

    /// Throws `unsupportedKey` for what no store takes, and for the store's own names.
    func check(_ key: ObjectKey, _ metadata: ObjectMetadata = ObjectMetadata()) throws(ObjectStoreError) {
        try ObjectStoreError.check(key, metadata)
        if key.isPrivate {
            throw .unsupportedKey(key, reason: "\(DirectoryTree.privatePrefix) is the store's own")
        }
    }
}

extension ObjectKey {
    /// Whether a component begins as only the store's own names do.
    var isPrivate: Bool {
        var rest = string.utf8[...]
        while !rest.starts(with: DirectoryTree.privatePrefix.utf8) {
            guard let slash = rest.firstIndex(of: UInt8(ascii: "/")) else { return false }
            rest = rest[slash...].dropFirst()
        }
        return true
    }
}
