/// Where the bytes are: a flat space of keys in the sense of S3, offered by every backend in the same dozen verbs.
///
/// What every implementation promises (`ObjectStoreContract` in the tests states each line):
/// - a key shows the whole of one write or nothing, never a part or a mixture;
/// - `put`, `commit` and `compose` return only when the bytes survive the loss of every process and of power;
/// - reads, heads and lists see every write that returned before they began;
/// - several processes may use one store at the same time.
///
/// An absent object is `nil`, never an error. Everything else that goes wrong is an `ObjectStoreError`; a key that breaks
/// the rules of `ObjectKey` is refused by every verb with `unsupportedKey`.
package protocol ObjectStore: Sendable {
    /// Where the bytes are, for a person to read.
    var location: String { get }

    /// Proves that the store can be reached and, unless `readOnly`, written to.
    func probe(readOnly: Bool) async throws

    /// What is known of an object without its bytes; nil when there is none.
    func head(_ key: ObjectKey) async throws -> ObjectInfo?

    /// An object to be read piece by piece; `range` limits the body.
    ///
    /// Throws `ObjectStoreError.unavailable` when the object, perhaps replaced by now, is shorter than `range` says.
    func get(_ key: ObjectKey, range: Range<Int>?) async throws -> StoredObject?

    /// The whole of a small object in memory; `ObjectStoreError.tooLarge` when it is longer than `limit` bytes.
    func bytes(of key: ObjectKey, limit: Int) async throws -> SmallObject?

    /// Stores a small object.
    @discardableResult
    func put(
        _ bytes: [UInt8], at key: ObjectKey, metadata: ObjectMetadata, condition: PutCondition
    ) async throws -> ObjectInfo

    /// Starts an object whose bytes come piece by piece.
    ///
    /// `expecting` is the key it will most likely get, or one of the caller's staging keys: committing to another key may
    /// cost a copy inside the store. `size` is the number of bytes that will come, if it is known.
    func writer(expecting key: ObjectKey, size: Int?) async throws -> any ObjectWriter

    /// Makes one object of the bytes of `sources`, in order, and removes them but those in `keeping`; at least one source.
    ///
    /// Throws `ObjectStoreError.noSuchKey` and leaves `key` alone when a source is absent.
    @discardableResult
    func compose(
        _ sources: [ObjectKey], keeping: [ObjectKey], at key: ObjectKey, metadata: ObjectMetadata,
        condition: PutCondition
    ) async throws -> ObjectInfo

    /// Removes objects; one that is absent is no error.
    func delete(_ keys: [ObjectKey]) async throws

    /// Removes an object if its entity tag still is `etag` (`If-Match`); false when it has been replaced or is gone.
    func delete(_ key: ObjectKey, ifMatch etag: String) async throws -> Bool

    /// A URL from which anybody may GET the object for a while, without credentials; the same one for some minutes, so
    /// that caches can work. Nil where a store has none, or none that would last.
    func presignedURL(for key: ObjectKey) async throws -> String?

    /// Up to `limit` objects whose key begins with `prefix` and sorts after `after`, in byte order of the whole key.
    func list(prefix: String, after: String?, limit: Int) async throws -> ObjectListing
}

/// An object that is being written. Nothing is visible before `commit`; letting go of it without one discards it.
package protocol ObjectWriter: AnyObject {
    /// Bytes appended so far.
    var size: Int { get }

    /// Adds bytes at the end; returns when the caller may reuse their memory.
    func append(_ bytes: RawSpan) async throws

    /// Publishes what was appended under `key`. The writer is of no use afterwards, also when this throws.
    @discardableResult
    func commit(to key: ObjectKey, metadata: ObjectMetadata, condition: PutCondition) async throws -> ObjectInfo

    /// Discards what was appended.
    func abort() async
}

/// What is stored beside the bytes. It may get lost when a bucket is copied by other tools: reading must do without.
///
/// A write refuses what some store could not keep (see `flaw`) with `ObjectStoreError.unsupportedKey`.
package struct ObjectMetadata: Equatable, Sendable {
    /// The media type, as in the `Content-Type` header.
    package var contentType: String?
    /// User metadata in the sense of S3: lower-case names, short printable ASCII values.
    package var userMetadata: [String: String]

    package init(contentType: String? = nil, userMetadata: [String: String] = [:]) {
        self.contentType = contentType
        self.userMetadata = userMetadata
    }
}

/// What is known of an object without its bytes.
package struct ObjectInfo: Equatable, Sendable {
    /// In bytes.
    package let size: Int
    /// Changes whenever the bytes change, and in some stores with every replacement; opaque.
    package let etag: String
    /// Seconds since 1970, by the store's clock; what a write returns may be a little off.
    package let modified: Int
    package let metadata: ObjectMetadata

    package init(size: Int, etag: String, modified: Int, metadata: ObjectMetadata) {
        self.size = size
        self.etag = etag
        self.modified = modified
        self.metadata = metadata
    }
}

/// An object whose bytes are read where they are.
package struct StoredObject: Sendable {
    package let info: ObjectInfo
    package let body: ObjectBody

    package init(info: ObjectInfo, body: ObjectBody) {
        self.info = info
        self.body = body
    }
}

/// A small object, wholly in memory.
package struct SmallObject: Sendable {
    package let info: ObjectInfo
    package let bytes: [UInt8]

    package init(info: ObjectInfo, bytes: [UInt8]) {
        self.info = info
        self.bytes = bytes
    }
}

/// When a write may happen.
package enum PutCondition: Sendable {
    /// Whatever is there: replaced atomically.
    case always
    /// Only when the key has no object yet (`If-None-Match: *`); otherwise `ObjectStoreError.preconditionFailed`, and
    /// the object that is there is as durable then as if the refused write had made it.
    case absent
}

/// One line of a listing.
package struct ListedObject: Equatable, Sendable {
    package let key: ObjectKey
    package let size: Int
    /// The same as in `ObjectInfo`; nil where a listing does not say.
    package let etag: String?
    /// Seconds since 1970, by the store's clock.
    package let modified: Int
    /// The storage class in S3's terms, for example `STANDARD`; nil where there are none.
    package let storageClass: String?

    package init(key: ObjectKey, size: Int, etag: String? = nil, modified: Int, storageClass: String? = nil) {
        self.key = key
        self.size = size
        self.etag = etag
        self.modified = modified
        self.storageClass = storageClass
    }
}

/// A page of a listing; `isTruncated` says that more keys follow the last one.
package struct ObjectListing: Equatable, Sendable {
    package var objects: [ListedObject]
    package var isTruncated: Bool

    package init(objects: [ListedObject], isTruncated: Bool) {
        self.objects = objects
        self.isTruncated = isTruncated
    }
}

/// Why a store could not do what was asked.
package enum ObjectStoreError: Error, Equatable, CustomStringConvertible {
    /// The condition of a write did not hold.
    case preconditionFailed(ObjectKey)
    /// A source of `compose` is absent.
    case noSuchKey(ObjectKey)
    /// The object is longer than the caller's limit.
    case tooLarge(ObjectKey, size: Int)
    /// This backend cannot hold the key or its metadata, for example because a component is too long for a file name.
    case unsupportedKey(ObjectKey, reason: String)
    /// The store has no room left.
    case full(String)
    /// The store failed; worth another try later.
    case unavailable(String)

    package var description: String {
        switch self {
        case .preconditionFailed(let key): "\(key): the condition of the write does not hold"
        case .noSuchKey(let key): "\(key): no such object"
        case .tooLarge(let key, let size): "\(key): \(size) bytes are more than expected"
        case .unsupportedKey(let key, let reason): "\(key): \(reason)"
        case .full(let reason): "the store is full: \(reason)"
        case .unavailable(let reason): "the store failed: \(reason)"
        }
    }
}
