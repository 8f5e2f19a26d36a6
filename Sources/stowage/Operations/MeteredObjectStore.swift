import ObjectStorage

/// The verbs of an object store, as metrics name them.
enum StoreOperation: String {
    case probe, head, get, put, writer, commit, compose, delete, list
}

/// How a verb ended.
enum StoreResult: String {
    case ok, absent, refused, error
}

/// An object store that counts what another one is asked.
struct MeteredObjectStore: ObjectStore {
    let base: any ObjectStore
    let metrics: Metrics

    var location: String { base.location }

    func probe(readOnly: Bool) async throws {
        try await metrics.counting(.probe) { try await base.probe(readOnly: readOnly) }
    }

    func head(_ key: ObjectKey) async throws -> ObjectInfo? {
        try await metrics.countingLookup(.head) { try await base.head(key) }
    }

    func get(_ key: ObjectKey, range: Range<Int>?) async throws -> StoredObject? {
        let object = try await metrics.countingLookup(.get) { try await base.get(key, range: range) }
        if let object { metrics.count(read: range?.count ?? object.info.size) }
        return object
    }

    func bytes(of key: ObjectKey, limit: Int) async throws -> SmallObject? {
        let object = try await metrics.countingLookup(.get) { try await base.bytes(of: key, limit: limit) }
        metrics.count(read: object?.bytes.count ?? 0)
        return object
    }

    func put(
        _ bytes: [UInt8], at key: ObjectKey, metadata: ObjectMetadata, condition: PutCondition
    ) async throws -> ObjectInfo {
        let info = try await metrics.counting(.put) {
            try await base.put(bytes, at: key, metadata: metadata, condition: condition)
        }
        metrics.count(written: bytes.count)
        return info
    }

    func writer(expecting key: ObjectKey, size: Int?) async throws -> any ObjectWriter {
        MeteredObjectWriter(
            base: try await metrics.counting(.writer) { try await base.writer(expecting: key, size: size) },
            metrics: metrics)
    }

    func compose(
        _ sources: [ObjectKey], keeping: [ObjectKey], at key: ObjectKey, metadata: ObjectMetadata,
        condition: PutCondition
    ) async throws -> ObjectInfo {
        try await metrics.counting(.compose) {
            try await base.compose(sources, keeping: keeping, at: key, metadata: metadata, condition: condition)
        }
    }

    func delete(_ keys: [ObjectKey]) async throws {
        try await metrics.counting(.delete) { try await base.delete(keys) }
    }

    func delete(_ key: ObjectKey, ifMatch etag: String) async throws -> Bool {
        try await metrics.counting(.delete) { try await base.delete(key, ifMatch: etag) }
    }

    func presignedURL(for key: ObjectKey) async throws -> String? {
        try await base.presignedURL(for: key)
    }

    func list(prefix: String, after: String?, limit: Int) async throws -> ObjectListing {
        try await metrics.counting(.list) { try await base.list(prefix: prefix, after: after, limit: limit) }
    }
}

/// A writer whose commit is counted.
private final class MeteredObjectWriter: ObjectWriter {
    private let base: any ObjectWriter
    private let metrics: Metrics

    init(base: any ObjectWriter, metrics: Metrics) {
        self.base = base
        self.metrics = metrics
    }

    var size: Int { base.size }

    func append(_ bytes: RawSpan) async throws { try await base.append(bytes) }

    func commit(to key: ObjectKey, metadata: ObjectMetadata, condition: PutCondition) async throws -> ObjectInfo {
        let info = try await metrics.counting(.commit) {
            try await base.commit(to: key, metadata: metadata, condition: condition)
        }
        metrics.count(written: info.size)
        return info
    }

    func abort() async { await base.abort() }
}

extension Metrics {
    /// Runs `body` and counts how it ended.
    fileprivate func counting<Value>(
        _ operation: StoreOperation, _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            let value = try await body()
            count(operation, .ok)
            return value
        } catch {
            countFailure(operation, error)
            throw error
        }
    }

    /// As `counting`, for a verb that may find nothing.
    fileprivate func countingLookup<Value>(
        _ operation: StoreOperation, _ body: () async throws -> Value?
    ) async throws -> Value? {
        do {
            let value = try await body()
            count(operation, value == nil ? .absent : .ok)
            return value
        } catch {
            countFailure(operation, error)
            throw error
        }
    }

    private func countFailure(_ operation: StoreOperation, _ error: any Error) {
        if case ObjectStoreError.preconditionFailed = error {
            count(operation, .refused)
        } else {
            count(operation, .error)
        }
    }
}
