import Glibc
import S3

extension S3ObjectStore {
    /// Up to this size, in bytes, `get` gives the object's bytes instead of a stream.
    static let smallSize = 64 << 10

    /// A question for a small object.
    struct SmallRead: Hashable, Sendable {
        let key: ObjectKey
        let limit: Int
    }

    /// One HEAD; callers that ask for the same at once share it.
    package func head(_ key: ObjectKey) async throws -> ObjectInfo? {
        try check(key)
        return try await heads.value(for: key) { [self] in
            try await mapping { try await client.headObject(key.string).map(ObjectInfo.init) }
        }
    }

    /// One GET; callers that ask for the same at once share it.
    package func bytes(of key: ObjectKey, limit: Int) async throws -> SmallObject? {
        try check(key)
        return try await smallObjects.value(for: SmallRead(key: key, limit: limit)) { [self] in
            do {
                guard let found = try await client.getObjectBytes(key.string, limit: limit) else { return nil }
                return SmallObject(info: ObjectInfo(found.head), bytes: found.bytes)
            } catch {
                if let error = error as? S3Error, let size = error.excessiveLength {
                    throw ObjectStoreError.tooLarge(key, size: size)
                }
                throw Self.storeError(error, key)
            }
        }
    }

    /// One GET: what is small comes at once, the rest of a larger object while it is read.
    package func get(_ key: ObjectKey, range: Range<Int>?) async throws -> StoredObject? {
        try check(key)
        if let range, range.isEmpty {
            // No request can ask for nothing.
            guard let info = try await head(key) else { return nil }
            try info.checkRange(range, of: key)
            return StoredObject(info: info, body: .bytes([]))
        }
        let found = try await mapping { try await self.open(key, range) }
        guard let found else { return nil }
        let info = ObjectInfo(found.head)
        if let range { try info.checkRange(range, of: key) }
        let range = range ?? 0..<info.size
        let stream = S3ObjectStream(store: self, key: key, etag: info.etag, range: range, download: found.download)
        guard range.count <= Self.smallSize else { return StoredObject(info: info, body: .stream(stream)) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(range.count)
        try await stream.forEachChunk { chunk in chunk.withUnsafeBytes { bytes.append(contentsOf: $0) } }
        return StoredObject(info: info, body: .bytes(bytes))
    }

    private func open(_ key: ObjectKey, _ range: Range<Int>?) async throws -> S3Object? {
        do {
            return try await client.getObject(key.string, range: range, ifMatch: nil)
        } catch let error as S3Error where error.status == 416 {
            throw ObjectStoreError.unavailable("\(key): bytes \(range ?? 0..<0) were asked for, but there are fewer")
        }
    }

    /// The same URL for all who ask within some minutes; nil where it is switched off, and when the credentials are about
    /// to expire.
    package func presignedURL(for key: ObjectKey) async throws -> String? {
        try await presignedURL(for: key, at: time(nil))
    }

    /// `now`: seconds since 1970.
    func presignedURL(for key: ObjectKey, at now: Int) async throws -> String? {
        guard let presigning = options.presigning else { return nil }
        try check(key)
        let (date, validity) = presigning.window(at: now)
        return try await mapping {
            try await client.presignedURL(key.string, validity: validity, at: date, answerFields: Self.answerFields)
        }
    }

    /// Whatever type an object was given by another tool: no browser may run it from the bucket's host.
    private static let answerFields = [(name: "response-content-type", value: "application/octet-stream")]

    /// As many LISTs as it takes, of 1000 keys each.
    package func list(prefix: String, after: String?, limit: Int) async throws -> ObjectListing {
        var listing = ObjectListing(objects: [], isTruncated: false)
        // No key has a NUL or is longer: nothing begins with such a prefix.
        guard !prefix.utf8.contains(0), prefix.utf8.count <= Self.longestKey else { return listing }
        var last = after.map(Self.startAfter)
        repeat {
            // With a limit of 0 the question is only whether there is anything.
            let count = max(1, min(limit - listing.objects.count, 1000))
            let start = last
            let page = try await mapping {
                try await client.listObjects(prefix: prefix, startAfter: start, maxKeys: count)
            }
            listing.isTruncated = page.isTruncated
            last = page.objects.last?.key
            listing.objects += page.objects.map(ListedObject.init)
            // A page that is empty and yet not the last would be asked for again and again.
            if page.objects.isEmpty { break }
        } while listing.isTruncated && listing.objects.count < limit
        if limit <= 0, !listing.objects.isEmpty { return ObjectListing(objects: [], isTruncated: true) }
        return listing
    }

    /// The start of a listing as S3 takes it: no longer than a key, and without NUL, after which nothing matters.
    private static func startAfter(_ text: String) -> String {
        var start = text.prefix { $0 != "\0" }
        while start.utf8.count > longestKey { start.removeLast() }
        return String(start)
    }
}

extension ObjectInfo {
    init(_ head: S3ObjectHead) {
        self.init(
            size: head.size, etag: head.etag, modified: head.modified,
            metadata: ObjectMetadata(stored: head.contentType, userMetadata: head.userMetadata))
    }
}

extension ObjectMetadata {
    /// What an object without a media type has: S3's own word for it, sent so that no server guesses another one.
    static let untyped = "binary/octet-stream"

    init(stored contentType: String?, userMetadata: [String: String]) {
        self.init(contentType: contentType == Self.untyped ? nil : contentType, userMetadata: userMetadata)
    }

    /// The `Content-Type` to send.
    var storedContentType: String { contentType ?? Self.untyped }
}

extension ListedObject {
    init(_ object: S3Listing.Entry) {
        self.init(
            key: ObjectKey(object.key), size: object.size, etag: object.etag, modified: object.modified,
            storageClass: object.storageClass)
    }
}
