package import HTTPClient

/// A part of a multipart upload that the service has.
package struct S3Part: Sendable {
    /// From 1 to 10 000.
    package let number: Int
    /// Without quotes.
    package let etag: String

    package init(number: Int, etag: String) {
        self.number = number
        self.etag = etag
    }
}

/// A page of the multipart uploads that are neither completed nor aborted.
package struct S3UploadListing: Sendable {
    /// One unfinished upload.
    package struct Entry: Sendable {
        /// Without the prefix of the settings.
        package var key = ""
        package var uploadID = ""
        /// Seconds since 1970.
        package var initiated = 0
    }

    package var uploads: [Entry] = []
    /// Whether there are more after the last one.
    package var isTruncated = false
}

extension S3Client {
    /// CreateMultipartUpload; returns the upload's id.
    package func createMultipartUpload(
        _ key: String, contentType: String? = nil, userMetadata: [String: String] = [:], storageClass: String? = nil
    ) async throws -> String {
        var call = S3Call("CreateMultipartUpload", "POST", key: key)
        call.query = [("uploads", "")]
        // Not every service calls the document as S3 does: its UploadId says enough.
        addDescription(contentType, userMetadata, storageClass, to: &call)
        return try await perform(call) { bytes throws(XMLError) in try S3Documents.uploadID(in: bytes) }
    }

    /// UploadPart; returns the part's ETag without quotes. `sha256` as for `putObject`.
    package func uploadPart(
        _ key: String, uploadID: String, number: Int, body: HTTPRequestBody, sha256: [UInt8]? = nil
    ) async throws -> String {
        var call = S3Call("UploadPart", "PUT", key: key)
        call.query = [("partNumber", String(number)), ("uploadId", uploadID)]
        call.body = body
        call.sha256 = sha256
        return Self.etag(try await perform(call).fields["etag"])
    }

    /// UploadPartCopy of a range of another object, the whole of it if nil; returns the part's ETag without quotes.
    package func uploadPartCopy(
        from source: String, range: Range<Int>? = nil, to key: String, uploadID: String, number: Int
    ) async throws -> String {
        var call = S3Call("UploadPartCopy", "PUT", key: key)
        call.query = [("partNumber", String(number)), ("uploadId", uploadID)]
        call.root = "CopyPartResult"
        call.isSlow = true
        call.add("x-amz-copy-source", copySource(source))
        call.add("x-amz-copy-source-range", range.map { "bytes=\($0.lowerBound)-\($0.upperBound - 1)" })
        return try await perform(call) { bytes throws(XMLError) in try S3Documents.etag(in: bytes) }
    }

    /// CompleteMultipartUpload of all parts that were uploaded, in order of their numbers.
    ///
    /// Returns the object's ETag without quotes, empty where the service does not tell it. `ifNoneMatch` is ignored by
    /// services that know no conditional completion. When the upload is gone after an attempt that may have been carried
    /// out, an object under the key counts as its success.
    package func completeMultipartUpload(
        _ key: String, uploadID: String, parts: [S3Part], ifNoneMatch: Bool = false
    ) async throws -> String {
        var call = S3Call("CompleteMultipartUpload", "POST", key: key)
        call.query = [("uploadId", uploadID)]
        call.root = "CompleteMultipartUploadResult"
        call.isSlow = true
        var document = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        for part in parts {
            document +=
                "<Part><PartNumber>\(part.number)</PartNumber><ETag>\"\(S3Documents.escape(part.etag))\"</ETag></Part>"
        }
        document += "</CompleteMultipartUpload>"
        call.body = .bytes(Array(document.utf8))
        call.add("Content-Type", "application/xml")
        call.add("If-None-Match", ifNoneMatch ? "*" : nil)
        do {
            return try await perform(call) { bytes throws(XMLError) in try S3Documents.etag(in: bytes) }
        } catch let error as S3Error where error.isNoSuchUpload && error.mayHaveSucceeded {
            guard let head = try await headObject(key) else { throw error }
            return head.etag
        }
    }

    /// AbortMultipartUpload; an upload that does not exist is a success.
    package func abortMultipartUpload(_ key: String, uploadID: String) async throws {
        var call = S3Call("AbortMultipartUpload", "DELETE", key: key)
        call.query = [("uploadId", uploadID)]
        call.accepted = [404]
        _ = try await perform(call)
    }

    /// ListMultipartUploads of keys that begin with `prefix`, after `last`.
    package func listMultipartUploads(
        prefix: String, after last: S3UploadListing.Entry? = nil, maxUploads: Int = 1000
    ) async throws -> S3UploadListing {
        var call = S3Call("ListMultipartUploads", "GET")
        call.query = [
            ("uploads", ""), ("encoding-type", "url"), ("max-uploads", String(maxUploads)),
            ("prefix", settings.prefix + prefix),
        ]
        if let last {
            call.query.append(("key-marker", settings.prefix + last.key))
            call.query.append(("upload-id-marker", last.uploadID))
        }
        call.root = "ListMultipartUploadsResult"
        call.limit = 8 << 20
        return try await perform(call) { bytes throws(XMLError) in
            try S3Documents.uploads(in: bytes, prefix: settings.prefix)
        }
    }
}
