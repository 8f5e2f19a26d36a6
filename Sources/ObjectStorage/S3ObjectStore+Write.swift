import EventLoop
import Glibc
import HTTPClient
import OpenSSL
import S3

extension S3ObjectStore {
    /// One PUT, whose payload hash S3 checks; with the condition `absent` a conditional one where the bucket can do that.
    @discardableResult
    package func put(
        _ bytes: [UInt8], at key: ObjectKey, metadata: ObjectMetadata, condition: PutCondition
    ) async throws -> ObjectInfo {
        try check(key, metadata)
        return try await put(.bytes(bytes), size: bytes.count, sha256: SHA256.hash(bytes), at: key, metadata, condition)
    }

    /// Starts an object; nothing is sent before it is known whether it is longer than a part.
    package func writer(expecting key: ObjectKey, size: Int?) async throws -> any ObjectWriter {
        try check(key)
        return try S3ObjectWriter(store: self, key: key, expectedSize: size)
    }

    /// Removes objects: one with a DELETE, several with requests for 1000 each.
    package func delete(_ keys: [ObjectKey]) async throws {
        for key in keys { try check(key) }
        let names = Set(keys).map(\.string)
        try await mapping {
            switch names.count {
            case 0: break
            case 1: try await client.deleteObject(names[0], ifMatch: nil)
            default: try await client.deleteObjects(names)
            }
        }
    }

    /// A conditional DELETE where the bucket can do that. Elsewhere a HEAD and a DELETE: what replaces the object between
    /// the two is lost.
    package func delete(_ key: ObjectKey, ifMatch etag: String) async throws -> Bool {
        try check(key)
        guard try await head(key)?.etag == etag else { return false }
        let isConditional = capabilities.works(.conditionalDelete)
        do {
            try await client.deleteObject(key.string, ifMatch: isConditional ? etag : nil)
            return true
        } catch let error as S3Error where error.isPreconditionFailed || error.isNoSuchKey {
            return false
        } catch {
            throw Self.storeError(error, key)
        }
    }

    // MARK: Whole objects

    func put(
        _ body: HTTPRequestBody, size: Int, sha256: [UInt8], at key: ObjectKey, _ metadata: ObjectMetadata,
        _ condition: PutCondition
    ) async throws -> ObjectInfo {
        let isConditional = try await prepare(condition, key, .createOnce)
        do {
            let etag = try await client.putObject(
                key.string, body: body, sha256: sha256, contentType: metadata.storedContentType,
                userMetadata: metadata.userMetadata, storageClass: options.storageClass(key),
                ifNoneMatch: isConditional, ifMatch: nil)
            return ObjectInfo(size: size, etag: etag, modified: time(nil), metadata: metadata)
        } catch let error as S3Error where error.isPreconditionFailed && error.mayHaveSucceeded {
            // A lost answer may have been a success: then the condition failed because of this very object.
            if let info = try await head(key), info.etag == Self.md5(of: body) { return info }
            throw ObjectStoreError.preconditionFailed(key)
        } catch {
            throw Self.storeError(error, key)
        }
    }

    /// Whether a request is to carry the condition; where the bucket ignores it, a look has to do, which is no
    /// protection against another writer at the same moment.
    func prepare(
        _ condition: PutCondition, _ key: ObjectKey, _ feature: S3Capabilities.Feature
    ) async throws -> Bool {
        guard condition == .absent else { return false }
        if capabilities.works(feature) && feature == .createOnce { return true }
        // Also where the condition works, it is checked only after everything was sent.
        if try await head(key) != nil { throw ObjectStoreError.preconditionFailed(key) }
        return capabilities.works(feature)
    }

    /// The entity tag of an object that was sent whole, where that is its MD5; nil where MD5 is forbidden.
    private static func md5(of body: HTTPRequestBody) -> String? {
        var bytes: [UInt8] = []
        body.forEachRun { run in run.withUnsafeBytes { bytes.append(contentsOf: $0) } }
        return MD5.hash(bytes).map(Hexadecimal.string)
    }

    // MARK: Multipart uploads

    /// Starts a multipart upload in the background. The media type has to be given now: that of a blob.
    func beginUpload(to key: ObjectKey, metadata: ObjectMetadata = .ofMultipartUploads) -> S3MultipartUpload {
        S3MultipartUpload(
            key: key.string, contentType: metadata.storedContentType, userMetadata: metadata.userMetadata,
            storageClass: options.storageClass(key), client: client, partsInFlight: options.partsInFlight)
    }

    /// Makes an object of a writer's parts at the key they were sent to, and moves it if it is to be another one.
    func complete(
        _ upload: S3MultipartUpload, size: Int, from key: ObjectKey, to target: ObjectKey, metadata: ObjectMetadata,
        condition: PutCondition
    ) async throws -> ObjectInfo {
        if key == target && metadata == .ofMultipartUploads {
            return try await complete(upload, at: key, size: size, metadata: metadata, condition: condition)
        }
        if key != target && condition == .absent, try await head(target) != nil {
            throw ObjectStoreError.preconditionFailed(target)
        }
        let made = try await complete(
            upload, at: key, size: size, metadata: .ofMultipartUploads, condition: key == target ? condition : .always)
        if key == target {
            return try await copy(key, made, to: key, metadata: metadata, condition: .always)
        }
        do {
            let info = try await copy(key, made, to: target, metadata: metadata, condition: condition)
            try await delete([key])
            return info
        } catch {
            // The caller learns why it could not be moved; what stays behind is a staging object, which gets old.
            try? await delete([key])
            throw error
        }
    }

    /// Completes an upload once all its parts have arrived.
    func complete(
        _ upload: S3MultipartUpload, at key: ObjectKey, size: Int, metadata: ObjectMetadata, condition: PutCondition
    ) async throws -> ObjectInfo {
        let (uploadID, parts) = try await mapping { try await upload.finish() }
        let isConditional = try await prepare(condition, key, .conditionalComplete)
        var etag: String?
        do {
            etag = try await client.completeMultipartUpload(
                key.string, uploadID: uploadID, parts: parts, ifNoneMatch: isConditional)
        } catch let error as S3Error
            where error.mayHaveSucceeded && (error.isNoSuchUpload || error.isPreconditionFailed)
        {
            // An attempt before, whose answer was lost, has completed it: the object tells.
        } catch {
            throw Self.storeError(error, key)
        }
        upload.end()
        if let etag, !etag.isEmpty {
            return ObjectInfo(size: size, etag: etag, modified: time(nil), metadata: metadata)
        }
        guard let info = try await head(key), info.size == size else {
            throw ObjectStoreError.unavailable("\(key): what was uploaded is not there")
        }
        return info
    }
}

extension ObjectMetadata {
    /// What multipart uploads begin with, because most of them become blobs.
    static let ofMultipartUploads = ObjectMetadata(contentType: "application/octet-stream")
}

extension HTTPRequestBody {
    /// Gives the bytes in order.
    fileprivate func forEachRun(_ use: (RawSpan) -> Void) {
        switch self {
        case .none: break
        case .bytes(let bytes): use(bytes.span.bytes)
        case .pieces(let pieces, let count):
            var rest = count
            for piece in pieces {
                piece.withSpan(0..<min(rest, piece.capacity), use)
                rest -= min(rest, piece.capacity)
            }
        }
    }
}
