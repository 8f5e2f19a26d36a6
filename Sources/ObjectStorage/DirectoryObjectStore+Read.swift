import EventLoop
import Glibc

extension DirectoryObjectStore {
    /// Up to this size, in bytes, an object is read on the caller's thread and kept in memory.
    static let smallSize = 64 << 10

    /// From the cache after one look at the file system, or by opening the file; never waits for another thread.
    package func head(_ key: ObjectKey) async throws -> ObjectInfo? {
        try look(at: key, wantsBytes: false)?.object.info
    }

    /// Small objects as bytes, larger ones as a run of the open file; never waits for another thread.
    package func get(_ key: ObjectKey, range: Range<Int>?) async throws -> StoredObject? {
        guard let found = try look(at: key, wantsBytes: true) else { return nil }
        let info = found.object.info
        let range = range ?? 0..<info.size
        try info.checkRange(range, of: key)
        if let bytes = found.object.bytes {
            return StoredObject(info: info, body: .bytes(range.count == bytes.count ? bytes : Array(bytes[range])))
        }
        return found.file.map { file in
            StoredObject(info: info, body: .file(FileRegion(file: file, offset: range.lowerBound, length: range.count)))
        }
    }

    /// Up to 64 KiB without waiting for another thread; what is larger is read on `BlockingWork`.
    package func bytes(of key: ObjectKey, limit: Int) async throws -> SmallObject? {
        guard let found = try look(at: key, wantsBytes: true) else { return nil }
        let info = found.object.info
        if info.size > limit { throw ObjectStoreError.tooLarge(key, size: info.size) }
        if let bytes = found.object.bytes { return SmallObject(info: info, bytes: bytes) }
        guard let file = found.file else { return nil }
        return SmallObject(info: info, bytes: try await onPool(key) { try Self.read(file) })
    }

    /// What is at a key now, with its bytes if it is small, else with the open file, if `wantsBytes`.
    private func look(at key: ObjectKey, wantsBytes: Bool) throws -> (object: CachedObject, file: OpenFile?)? {
        do {
            let cached = cache[key]
            if let cached, !wantsBytes || cached.bytes != nil {
                // The key of something in the cache was checked before, and the identity is that of a file that was
                // reached without symbolic links.
                if let status = try tree.status(of: key.string), FileIdentity(status) == cached.identity {
                    return (cached, nil)
                }
                cache.remove(key)
            }
            try check(key)
            return try open(key, cached, wantsBytes)
        } catch let error as SystemCallError {
            throw ObjectStoreError(error, key)
        }
    }

    private func open(
        _ key: ObjectKey, _ cached: CachedObject?, _ wantsBytes: Bool
    ) throws(SystemCallError) -> (object: CachedObject, file: OpenFile?)? {
        let now = FileIdentity.now
        guard let (file, status) = try tree.openFile(key.string) else { return nil }
        let identity = FileIdentity(status)
        if let cached, cached.identity == identity, file.size > Self.smallSize { return (cached, file) }
        let object = CachedObject(
            key: key, identity: identity,
            info: ObjectInfo(status, FileAttributes.read(file.number)),
            bytes: wantsBytes && file.size <= Self.smallSize ? try Self.read(file) : nil)
        if identity.isSettled(at: now) { cache.insert(object) }
        return (object, file)
    }

    private static func read(_ file: OpenFile) throws(SystemCallError) -> [UInt8] {
        let bytes = try file.read(at: 0, count: file.size)
        // Only a stranger who writes into the file makes it shorter.
        if bytes.count < file.size { throw SystemCallError("read", code: EIO) }
        return bytes
    }
}
