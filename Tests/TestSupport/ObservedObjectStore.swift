package import ObjectStorage
import Synchronization

/// A store that tells of each operation before it is done: to count them, to let something happen in between, or to
/// fail by throwing.
package final class ObservedObjectStore: ObjectStore {
    /// One use of a verb of `ObjectStore`.
    package struct Operation: Equatable, Sendable {
        package enum Verb: Sendable {
            case head, get, bytes, put, writer, commit, compose, delete, list
        }

        package let verb: Verb
        /// The key, or the prefix of a listing; empty where there is none yet.
        package let key: String
    }

    private let base: any ObjectStore
    private let done = Mutex<[Operation]>([])
    private let hook = Mutex<Hook?>(nil)
    private let every = Mutex<(@Sendable (Operation) async throws -> Void)?>(nil)
    private let listing = Mutex<(@Sendable (_ prefix: String, _ after: String?) -> ObjectListing)?>(nil)

    private struct Hook: Sendable {
        let isMeant: @Sendable (Operation) -> Bool
        let body: @Sendable () async throws -> Void
    }

    package init(_ base: any ObjectStore) {
        self.base = base
    }

    /// What was asked for since the start or the last `reset`.
    package var operations: [Operation] { done.withLock { $0 } }

    /// Forgets the operations so far.
    package func reset() {
        done.withLock { $0 = [] }
    }

    /// Runs `body` before the first operation for which `isMeant` holds, and only then.
    package func once(
        before isMeant: @escaping @Sendable (Operation) -> Bool, _ body: @escaping @Sendable () async throws -> Void
    ) {
        hook.withLock { $0 = Hook(isMeant: isMeant, body: body) }
    }

    /// Runs `body` before each operation from now on; nil ends that.
    package func each(_ body: (@Sendable (Operation) async throws -> Void)?) {
        every.withLock { $0 = body }
    }

    /// Has listings answered by `body` from now on, whatever is there.
    package func list(_ body: @escaping @Sendable (_ prefix: String, _ after: String?) -> ObjectListing) {
        listing.withLock { $0 = body }
    }

    /// Drops what `once` was given and did not come to.
    package func disarm() {
        hook.withLock { $0 = nil }
    }

    private func note(_ verb: Operation.Verb, _ key: String) async throws {
        let operation = Operation(verb: verb, key: key)
        done.withLock { $0.append(operation) }
        let due = hook.withLock { hook -> Hook? in
            guard let found = hook, found.isMeant(operation) else { return nil }
            hook = nil
            return found
        }
        try await due?.body()
        try await every.withLock { $0 }?(operation)
    }

    // MARK: ObjectStore

    package var location: String { base.location }

    package func probe(readOnly: Bool) async throws {
        try await base.probe(readOnly: readOnly)
    }

    package func head(_ key: ObjectKey) async throws -> ObjectInfo? {
        try await note(.head, key.string)
        return try await base.head(key)
    }

    package func get(_ key: ObjectKey, range: Range<Int>?) async throws -> StoredObject? {
        try await note(.get, key.string)
        return try await base.get(key, range: range)
    }

    package func bytes(of key: ObjectKey, limit: Int) async throws -> SmallObject? {
        try await note(.bytes, key.string)
        return try await base.bytes(of: key, limit: limit)
    }

    @discardableResult
    package func put(
        _ bytes: [UInt8], at key: ObjectKey, metadata: ObjectMetadata, condition: PutCondition
    ) async throws -> ObjectInfo {
        try await note(.put, key.string)
        return try await base.put(bytes, at: key, metadata: metadata, condition: condition)
    }

    package func writer(expecting key: ObjectKey, size: Int?) async throws -> any ObjectWriter {
        try await note(.writer, key.string)
        return Writer(store: self, base: try await base.writer(expecting: key, size: size))
    }

    @discardableResult
    package func compose(
        _ sources: [ObjectKey], keeping: [ObjectKey], at key: ObjectKey, metadata: ObjectMetadata,
        condition: PutCondition
    ) async throws -> ObjectInfo {
        try await note(.compose, key.string)
        return try await base.compose(sources, keeping: keeping, at: key, metadata: metadata, condition: condition)
    }

    package func delete(_ keys: [ObjectKey]) async throws {
        for key in keys {
            try await note(.delete, key.string)
            try await base.delete([key])
        }
    }

    package func delete(_ key: ObjectKey, ifMatch etag: String) async throws -> Bool {
        try await note(.delete, key.string)
        return try await base.delete(key, ifMatch: etag)
    }

    package func presignedURL(for key: ObjectKey) async throws -> String? {
        try await base.presignedURL(for: key)
    }

    package func list(prefix: String, after: String?, limit: Int) async throws -> ObjectListing {
        try await note(.list, prefix)
        if let answer = listing.withLock({ $0 }) { return answer(prefix, after) }
        return try await base.list(prefix: prefix, after: after, limit: limit)
    }

    private final class Writer: ObjectWriter {
        private let store: ObservedObjectStore
        private let base: any ObjectWriter

        init(store: ObservedObjectStore, base: any ObjectWriter) {
            self.store = store
            self.base = base
        }

        var size: Int { base.size }

        func append(_ bytes: RawSpan) async throws {
            try await base.append(bytes)
        }

        func commit(to key: ObjectKey, metadata: ObjectMetadata, condition: PutCondition) async throws -> ObjectInfo {
            try await store.note(.commit, key.string)
            return try await base.commit(to: key, metadata: metadata, condition: condition)
        }

        func abort() async {
            await base.abort()
        }
    }
}
