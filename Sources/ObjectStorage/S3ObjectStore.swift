import Glibc
package import S3
import Synchronization

/// Objects in an S3 bucket.
///
/// What differs from a directory: the entity tag of an object tells its bytes, so that the same bytes again have the same
/// one; `compose` and `delete(ifMatch:)` are several requests, of which others may see the effects one by one; and a
/// multipart upload, unlike a PUT, does not check `PutCondition.absent` in one step with appearing (see `capabilities`).
package final class S3ObjectStore: ObjectStore {
    /// How the store uses the bucket.
    package struct Options: Sendable {
        /// The size of a part of a multipart upload, and of the longest object that is sent whole; in bytes, at least
        /// 5 MiB.
        package var partSize = 8 << 20
        /// Parts of one object that may be on their way at once, while another one is filled.
        package var partsInFlight = 4
        /// The memory for everything that is on its way into the bucket, in bytes.
        package var memoryLimit = 128 << 20
        /// Objects that are longer are copied inside the bucket in ranges, several at once; in bytes, at most 5 GiB.
        /// Nil for what suits the endpoint: Amazon copies ranges faster, Ceph copies whole objects without their bytes.
        package var wholeCopyLimit: Int?
        /// The storage class an object at a key gets; nil for the bucket's default.
        package var storageClass: @Sendable (ObjectKey) -> String? = { _ in nil }
        /// How long presigned URLs are valid; nil when there are to be none.
        package var presigning: Presigning? = Presigning()

        package init() {}
    }

    /// How presigned URLs are made, in seconds.
    package struct Presigning: Sendable {
        /// From the signing time on; a URL is handed out when at most `step` of it are gone.
        package var validity = 1200
        /// The signing time is rounded down to a multiple, so that for so long everybody gets the same URL.
        package var step = 300
        /// A URL that would end earlier, because the credentials do, is not handed out: clients may keep a redirect for a
        /// minute.
        package var least = 120

        package init(validity: Int = 1200, step: Int = 300) {
            self.validity = validity
            self.step = step
        }

        /// The signing time of a URL that is handed out `now`, and how long it may and has to be valid from then on.
        func window(at now: Int) -> (date: Int, validity: ClosedRange<Int>) {
            let date = now - now % max(1, step)
            let most = min(max(1, validity), SigV4Signer.maximumValidity)
            return (date, min(now - date + least, most)...most)
        }
    }

    /// The longest key S3 takes, in bytes.
    static let longestKey = 1024

    package let options: Options
    package let client: S3Client
    /// The memory of everything on its way into the bucket.
    package let budget: PartBudget
    let heads = KeyedFlights<ObjectKey, ObjectInfo?>()
    let smallObjects = KeyedFlights<SmallRead, SmallObject?>()
    let isKnownWritable = Atomic(false)
    private let knownCapabilities = Mutex(S3Capabilities())

    /// Makes no request.
    package init(client: S3Client, options: Options = Options()) {
        self.client = client
        self.options = options
        budget = PartBudget(limit: options.memoryLimit, partSize: options.partSize)
    }

    /// The bucket and prefix as a URL: `s3://bucket/prefix`.
    package var location: String {
        let prefix = client.settings.prefix
        return "s3://\(client.settings.bucket)\(prefix.isEmpty ? "" : "/\(prefix.dropLast())")"
    }

    /// What the bucket was found to be able to do by `probeCapabilities`; what AWS can do until then.
    package var capabilities: S3Capabilities {
        get { knownCapabilities.withLock { $0 } }
        set { knownCapabilities.withLock { $0 = newValue } }
    }

    /// Whether bytes arrive as they were sent: over TLS, or without leaving the machine.
    var keepsBytesIntact: Bool { client.settings.effectiveEndpoint.keepsBytesIntact }
    /// Whether parts are sent with their hash, which costs as much as that of the content: only where they need it.
    var hashesParts: Bool { !keepsBytesIntact }

    /// The longest object that is copied in one request, in bytes.
    var wholeCopyLimit: Int { options.wholeCopyLimit ?? (client.settings.endpoint == nil ? 256 << 20 : 5 << 30) }

    /// Lists one key and, unless `readOnly`, writes an object and removes it.
    ///
    /// Writes only until that has succeeded once: a bucket with versions would keep each of those objects.
    package func probe(readOnly: Bool) async throws {
        _ = try await list(prefix: S3Capabilities.prefix, after: nil, limit: 1)
        if readOnly || isKnownWritable.load(ordering: .relaxed) { return }
        let key = S3Capabilities.newKey()
        try await put([], at: key, metadata: ObjectMetadata(), condition: .always)
        try await delete([key])
        isKnownWritable.store(true, ordering: .relaxed)
    }

    /// Throws `unsupportedKey` for what S3 does not take.
    func check(_ key: ObjectKey, _ metadata: ObjectMetadata = ObjectMetadata()) throws(ObjectStoreError) {
        try ObjectStoreError.check(key, metadata)
        if key.string.utf8.count + client.settings.prefix.utf8.count > Self.longestKey {
            throw .unsupportedKey(key, reason: "S3 keys have at most \(Self.longestKey) bytes, with the prefix")
        }
    }

    /// Runs `body`, whose errors become a store's.
    func mapping<Value>(
        _ key: ObjectKey? = nil, _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch {
            throw Self.storeError(error, key)
        }
    }

    /// What went wrong in the terms of a store; cancellation stays what it is.
    static func storeError(_ error: any Error, _ key: ObjectKey?) -> any Error {
        switch error {
        case is ObjectStoreError, is CancellationError: return error
        case let error as S3Error:
            if error.isPreconditionFailed, let key { return ObjectStoreError.preconditionFailed(key) }
            return error.isStorageFull
                ? ObjectStoreError.full(error.description) : ObjectStoreError.unavailable(error.description)
        default:
            return ObjectStoreError.unavailable("\(error)")
        }
    }

    /// Waits for room in the memory for parts.
    func reserve(_ count: Int, from share: PartBudget.Share) async throws -> PartMemory {
        try await budget.reserve(count, from: share)
    }
}

extension S3Error {
    /// Whether there is no room: a quota of the bucket, or full disks behind it.
    fileprivate var isStorageFull: Bool { status == 507 || code == "QuotaExceeded" || code == "XMinioStorageFull" }
}
