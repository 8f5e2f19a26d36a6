package import HTTPClient
import OpenSSL

/// What the service tells of an object.
package struct S3ObjectHead: Sendable {
    /// In bytes, of the whole object also where a range was asked for.
    package let size: Int
    /// Without quotes.
    package let etag: String
    /// Seconds since 1970.
    package let modified: Int
    package let contentType: String?
    /// By names in lower case, without `x-amz-meta-`.
    package let userMetadata: [String: String]
    /// Nil for the standard class, which services do not name.
    package let storageClass: String?
}

/// An object whose bytes, or the range asked for, are still coming.
package struct S3Object: Sendable {
    package let head: S3ObjectHead
    package let download: HTTPDownload
}

extension S3Client {
    /// HeadObject; nil if there is no such key.
    ///
    /// An answer to HEAD has no document, so a bucket that does not exist looks like a key that does not.
    package func headObject(_ key: String) async throws -> S3ObjectHead? {
        var call = S3Call("HeadObject", "HEAD", key: key)
        call.accepted = [404]
        let response = try await perform(call)
        return response.status == 404 ? nil : Self.head(response.fields)
    }

    /// GetObject of the whole object, or of `range`, which must not be empty and begin within it; nil if there is no
    /// such key. `ifMatch` is sent as it is.
    ///
    /// A transfer that breaks off while the bytes come is the reader's to resume.
    package func getObject(
        _ key: String, range: Range<Int>? = nil, ifMatch: String? = nil
    ) async throws -> S3Object? {
        var call = S3Call("GetObject", "GET", key: key)
        call.accepted = [404]
        call.add("Range", range.map { "bytes=\($0.lowerBound)-\($0.upperBound - 1)" })
        call.add("If-Match", ifMatch)
        guard let download = try await open(call) else { return nil }
        guard let length = download.contentLength else {
            throw failure(call, download.status, "MissingContentLength", "the service does not tell the object's size")
        }
        guard let range else { return S3Object(head: Self.head(download.fields, size: length), download: download) }
        guard let (first, size) = Self.contentRange(download.fields), first == range.lowerBound else {
            throw failure(
                call, download.status, "InvalidRange", "the service answered with another range than asked for")
        }
        return S3Object(head: Self.head(download.fields, size: size), download: download)
    }

    /// GetObject into memory; nil if there is no such key. An object of more than `limit` bytes is an error with
    /// `excessiveLength`, and is not read.
    package func getObjectBytes(_ key: String, limit: Int) async throws -> (head: S3ObjectHead, bytes: [UInt8])? {
        var call = S3Call("GetObject", "GET", key: key)
        call.accepted = [404]
        call.limit = limit
        let response = try await perform(call)
        return response.status == 404 ? nil : (Self.head(response.fields, size: response.bytes.count), response.bytes)
    }

    /// PutObject; returns the ETag without quotes.
    ///
    /// - Parameters:
    ///   - sha256: of the body, if the caller knows it: the service then refuses other bytes. If nil it is computed
    ///     over http, and left out over https, where TLS guards the bytes.
    ///   - ifNoneMatch: whether the key must not exist; it does if the error `isPreconditionFailed`.
    ///   - ifMatch: the ETag the object must have, sent as it is.
    package func putObject(
        _ key: String, body: HTTPRequestBody, sha256: [UInt8]? = nil, contentType: String? = nil,
        userMetadata: [String: String] = [:], storageClass: String? = nil, ifNoneMatch: Bool = false,
        ifMatch: String? = nil
    ) async throws -> String {
        var call = S3Call("PutObject", "PUT", key: key)
        call.body = body
        call.sha256 = sha256
        call.add("x-amz-checksum-sha256", sha256.map(Base64.string))
        addDescription(contentType, userMetadata, storageClass, to: &call)
        call.add("If-None-Match", ifNoneMatch ? "*" : nil)
        call.add("If-Match", ifMatch)
        return Self.etag(try await perform(call).fields["etag"])
    }

    /// CopyObject within the bucket, at most 5 GiB; returns the ETag without quotes.
    ///
    /// The copy keeps content type and metadata of the source unless `contentType` is given: then it has that and
    /// `userMetadata`. Services that know no conditional copy ignore `ifNoneMatch`.
    package func copyObject(
        from source: String, to key: String, contentType: String? = nil, userMetadata: [String: String] = [:],
        storageClass: String? = nil, ifNoneMatch: Bool = false
    ) async throws -> String {
        var call = S3Call("CopyObject", "PUT", key: key)
        call.root = "CopyObjectResult"
        call.isSlow = true
        call.add("x-amz-copy-source", copySource(source))
        call.add("x-amz-metadata-directive", contentType == nil ? nil : "REPLACE")
        addDescription(contentType, userMetadata, storageClass, to: &call)
        call.add("If-None-Match", ifNoneMatch ? "*" : nil)
        return try await perform(call) { bytes throws(XMLError) in try S3Documents.etag(in: bytes) }
    }

    /// DeleteObject; a key that does not exist is a success. `ifMatch`, sent as it is, is ignored by services that know
    /// no conditional delete.
    package func deleteObject(_ key: String, ifMatch: String? = nil) async throws {
        var call = S3Call("DeleteObject", "DELETE", key: key)
        call.accepted = [404]
        call.add("If-Match", ifMatch)
        _ = try await perform(call)
    }

    // MARK: Fields

    func addDescription(
        _ contentType: String?, _ userMetadata: [String: String], _ storageClass: String?, to call: inout S3Call
    ) {
        call.add("Content-Type", contentType)
        for (name, value) in userMetadata { call.add("x-amz-meta-\(name)", value) }
        call.add("x-amz-storage-class", storageClass)
        switch settings.encryption {
        case .bucketDefault: break
        case .s3: call.add("x-amz-server-side-encryption", "AES256")
        case .kms(let keyID):
            call.add("x-amz-server-side-encryption", "aws:kms")
            call.add("x-amz-server-side-encryption-aws-kms-key-id", keyID)
        }
    }

    func copySource(_ key: String) -> String {
        URIEncoding.path("\(settings.bucket)/\(settings.prefix)\(key)")
    }

    static func head(_ fields: HTTPFields, size: Int? = nil) -> S3ObjectHead {
        let metadata = fields.fields(withPrefix: "x-amz-meta-")
        return S3ObjectHead(
            size: size ?? fields.contentLength ?? 0, etag: etag(fields["etag"]),
            modified: fields["last-modified"].flatMap(HTTPTime.seconds) ?? 0, contentType: fields["content-type"],
            userMetadata: Dictionary(metadata.map { ($0.name, $0.value) }) { first, _ in first },
            storageClass: fields["x-amz-storage-class"])
    }

    static func etag(_ quoted: String?) -> String {
        guard var etag = quoted else { return "" }
        if etag.hasPrefix("\""), etag.hasSuffix("\""), etag.utf8.count > 1 {
            etag = String(etag.dropFirst().dropLast())
        }
        return etag
    }

    /// The first byte and the size of the whole in `Content-Range: bytes 0-9/100`.
    private static func contentRange(_ fields: HTTPFields) -> (first: Int, size: Int)? {
        guard let text = fields["content-range"], text.hasPrefix("bytes "), let slash = text.firstIndex(of: "/"),
            let dash = text.firstIndex(of: "-"), dash < slash, let first = Int(text[..<dash].dropFirst(6)),
            let size = Int(text[text.index(after: slash)...])
        else { return nil }
        return (first, size)
    }

    func failure(_ call: S3Call, _ status: Int, _ code: String, _ message: String) -> S3Error {
        S3Error(
            operation: call.operation, bucket: settings.bucket, key: call.key.map { settings.prefix + $0 },
            status: status, code: code, message: message, requestID: nil, advice: nil, isRetryable: false)
    }
}
