import EventLoop
package import ObjectStorage
package import Testing

/// One promise of `ObjectStore`, as a check that every implementation has to pass on an empty store of its own.
package struct ObjectStoreContract: Sendable, CustomStringConvertible {
    /// In words.
    package let description: String
    private let body: @Sendable (any ObjectStore) async throws -> Void

    init(_ description: String, _ body: @escaping @Sendable (any ObjectStore) async throws -> Void) {
        self.description = description
        self.body = body
    }

    /// Records an issue for every way in which `store`, which must be empty, breaks the promise.
    package func check(_ store: any ObjectStore) async throws {
        try await body(store)
    }

    /// Every promise; a conformance runs them as the arguments of one test.
    package static let all =
        reading + writing + refusing + composing + listing + racing + deletingOnCondition + addressing
    /// What stores promise besides whose verbs are one step each, without requests in between.
    package static let stepwise = replacementTags + exclusiveComposing
}

extension ObjectInfo {
    /// Whether two answers speak of the same object: the time a write returns may be late on a busy machine.
    package func isSame(as other: ObjectInfo?) -> Bool {
        guard let other else { return false }
        return size == other.size && etag == other.etag && metadata == other.metadata
            && abs(modified - other.modified) <= 300
    }
}

extension ObjectStore {
    /// `put` with the usual arguments.
    @discardableResult
    func put(
        _ bytes: [UInt8], at key: ObjectKey, _ metadata: ObjectMetadata = ObjectMetadata(),
        _ condition: PutCondition = .always
    ) async throws -> ObjectInfo {
        try await put(bytes, at: key, metadata: metadata, condition: condition)
    }

    /// The bytes of an object as `get` gives them; nil when there is none.
    func contents(_ key: ObjectKey, _ range: Range<Int>? = nil) async throws -> [UInt8]? {
        try await get(key, range: range)?.body.allBytes
    }

    /// Every key, in the order of the listing.
    package func keys() async throws -> [String] {
        try await list(prefix: "", after: nil, limit: .max).objects.map(\.key.string)
    }
}

extension ObjectBody {
    /// Reads the file, if it is one, here and now.
    var allBytes: [UInt8] {
        get async throws {
            switch self {
            case .bytes(let bytes): bytes
            case .file(let region): try region.file.read(at: region.offset, count: region.length)
            case .stream(let stream): try await stream.allBytes
            }
        }
    }
}

extension ObjectStream {
    fileprivate var allBytes: [UInt8] {
        get async throws {
            var bytes: [UInt8] = []
            try await forEachChunk { chunk in chunk.withUnsafeBytes { bytes.append(contentsOf: $0) } }
            return bytes
        }
    }
}

extension ObjectKey: ExpressibleByStringLiteral {
    /// For the tests' tables.
    package init(stringLiteral value: String) {
        self.init(value)
    }
}

/// Bytes that differ with length and seed, and repeat at no power of two, so that misplaced pieces show.
func pattern(_ count: Int, seed: Int = 0) -> [UInt8] {
    let unit = (0..<min(count, 4093)).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8 &+ seed &* 7 &+ count) }
    var bytes = unit
    bytes.reserveCapacity(count)
    while bytes.count < count { bytes += unit.prefix(count - bytes.count) }
    return bytes
}

/// What `body` throws as a store's error; records an issue when it throws something else or nothing.
package func storeError(
    _ body: () async throws -> Void, sourceLocation: SourceLocation = #_sourceLocation
) async -> ObjectStoreError? {
    do {
        try await body()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
    } catch let error as ObjectStoreError {
        return error
    } catch {
        Issue.record(error, sourceLocation: sourceLocation)
    }
    return nil
}
