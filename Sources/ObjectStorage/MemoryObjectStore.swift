import Glibc
import Synchronization

/// A store in memory, for tests: what is in it is gone with it.
package final class MemoryObjectStore: ObjectStore {
    fileprivate struct State {
        var objects: [ObjectKey: SmallObject] = [:]
        var writes = 0
    }

    private let state = Mutex(State())

    /// Makes an empty store.
    package init() {}

    package var location: String { "memory" }

    package func probe(readOnly: Bool) async throws {}

    package func head(_ key: ObjectKey) async throws -> ObjectInfo? {
        try find(key)?.info
    }

    package func get(_ key: ObjectKey, range: Range<Int>?) async throws -> StoredObject? {
        guard let object = try find(key) else { return nil }
        guard let range else { return StoredObject(info: object.info, body: .bytes(object.bytes)) }
        try object.info.checkRange(range, of: key)
        return StoredObject(info: object.info, body: .bytes(Array(object.bytes[range])))
    }

    package func bytes(of key: ObjectKey, limit: Int) async throws -> SmallObject? {
        guard let object = try find(key) else { return nil }
        guard object.bytes.count <= limit else { throw ObjectStoreError.tooLarge(key, size: object.bytes.count) }
        return object
    }

    @discardableResult
    package func put(
        _ bytes: [UInt8], at key: ObjectKey, metadata: ObjectMetadata, condition: PutCondition
    ) async throws -> ObjectInfo {
        try ObjectStoreError.check(key, metadata)
        return try state.withLock { try $0.store(bytes, key, metadata, condition) }
    }

    package func writer(expecting key: ObjectKey, size: Int?) async throws -> any ObjectWriter {
        MemoryObjectWriter(store: self)
    }

    @discardableResult
    package func compose(
        _ sources: [ObjectKey], keeping: [ObjectKey], at key: ObjectKey, metadata: ObjectMetadata,
        condition: PutCondition
    ) async throws -> ObjectInfo {
        precondition(!sources.isEmpty, "an object is composed of at least one source")
        try ObjectStoreError.check(key, metadata)
        return try state.withLock { state in
            var bytes: [UInt8] = []
            for source in sources {
                try ObjectStoreError.check(source)
                guard let object = state.objects[source] else { throw ObjectStoreError.noSuchKey(source) }
                bytes += object.bytes
            }
            let info = try state.store(bytes, key, metadata, condition)
            for source in sources where source != key && !keeping.contains(source) { state.objects[source] = nil }
            return info
        }
    }

    package func delete(_ keys: [ObjectKey]) async throws {
        for key in keys { try ObjectStoreError.check(key) }
        state.withLock { state in
            for key in keys { state.objects[key] = nil }
        }
    }

    package func delete(_ key: ObjectKey, ifMatch etag: String) async throws -> Bool {
        try ObjectStoreError.check(key)
        return state.withLock { state in
            guard state.objects[key]?.info.etag == etag else { return false }
            state.objects[key] = nil
            return true
        }
    }

    package func presignedURL(for key: ObjectKey) async throws -> String? { nil }

    package func list(prefix: String, after: String?, limit: Int) async throws -> ObjectListing {
        let objects = state.withLock { $0.objects }
        let keys = objects.keys.filter { key in
            key.string.utf8.starts(with: prefix.utf8) && after.map { ObjectKey($0) < key } ?? true
        }.sorted()
        let page = keys.prefix(limit).compactMap { key in
            objects[key].map {
                ListedObject(key: key, size: $0.bytes.count, etag: $0.info.etag, modified: $0.info.modified)
            }
        }
        return ObjectListing(objects: page, isTruncated: keys.count > limit)
    }

    private func find(_ key: ObjectKey) throws -> SmallObject? {
        try ObjectStoreError.check(key)
        return state.withLock { $0.objects[key] }
    }
}

extension MemoryObjectStore.State {
    fileprivate mutating func store(
        _ bytes: [UInt8], _ key: ObjectKey, _ metadata: ObjectMetadata, _ condition: PutCondition
    ) throws -> ObjectInfo {
        if condition == .absent, objects[key] != nil { throw ObjectStoreError.preconditionFailed(key) }
        writes += 1
        let info = ObjectInfo(size: bytes.count, etag: String(writes), modified: time(nil), metadata: metadata)
        objects[key] = SmallObject(info: info, bytes: bytes)
        return info
    }
}

/// An object that is being written to a `MemoryObjectStore`.
private final class MemoryObjectWriter: ObjectWriter {
    private let store: MemoryObjectStore
    private var buffer: [UInt8] = []

    init(store: MemoryObjectStore) {
        self.store = store
    }

    var size: Int { buffer.count }

    func append(_ bytes: RawSpan) async throws {
        bytes.withUnsafeBytes { buffer.append(contentsOf: $0) }
    }

    func commit(to key: ObjectKey, metadata: ObjectMetadata, condition: PutCondition) async throws -> ObjectInfo {
        try await store.put(buffer, at: key, metadata: metadata, condition: condition)
    }

    func abort() async {
        buffer = []
    }
}

extension ObjectInfo {
    /// Throws when a range, chosen by what the caller last knew of the object, is not within it.
    func checkRange(_ range: Range<Int>, of key: ObjectKey) throws(ObjectStoreError) {
        guard range.lowerBound < 0 || range.upperBound > size else { return }
        throw .unavailable("\(key): bytes \(range) were asked for, but there are \(size)")
    }
}
