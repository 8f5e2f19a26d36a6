import HTTPClient
import OpenSSL

/// A page of a listing, in byte order of the keys.
package struct S3Listing: Sendable {
    /// One object of a listing.
    package struct Entry: Sendable {
        /// Without the prefix of the settings.
        package var key = ""
        package var size = 0
        /// Without quotes.
        package var etag = ""
        /// Seconds since 1970.
        package var modified = 0
        /// As the service spells it; the standard class is `STANDARD` here.
        package var storageClass: String?
    }

    package var objects: [Entry] = []
    /// Whether there are more after the last one.
    package var isTruncated = false
}

extension S3Client {
    /// The most keys of one DeleteObjects.
    private static let deleteBatch = 1000
    /// How often the keys of a batch that the service was too busy for are sent again.
    private static let deleteRounds = 4

    /// ListObjectsV2: at most `maxKeys` (1000 is the service's own bound) objects whose keys begin with `prefix` and
    /// come after `startAfter`.
    package func listObjects(prefix: String, startAfter: String? = nil, maxKeys: Int = 1000) async throws -> S3Listing {
        var call = S3Call("ListObjectsV2", "GET")
        call.query = [
            ("list-type", "2"), ("encoding-type", "url"), ("max-keys", String(maxKeys)),
            ("prefix", settings.prefix + prefix),
        ]
        if let startAfter { call.query.append(("start-after", settings.prefix + startAfter)) }
        call.root = "ListBucketResult"
        call.limit = 8 << 20
        return try await perform(call) { bytes throws(XMLError) in
            try S3Documents.listing(in: bytes, prefix: settings.prefix)
        }
    }

    /// DeleteObjects, 1000 keys at a time; keys that do not exist are a success.
    ///
    /// Throws the service's first refusal of a key, with what it did not refuse deleted.
    package func deleteObjects(_ keys: [String]) async throws {
        var rest = keys[...]
        while !rest.isEmpty {
            try await deleteBatch(Array(rest.prefix(Self.deleteBatch)))
            rest = rest.dropFirst(Self.deleteBatch)
        }
    }

    private func deleteBatch(_ keys: [String]) async throws {
        var keys = keys
        for round in 1...Self.deleteRounds {
            let call = deleteCall(keys)
            let refused = try await perform(call) { bytes throws(XMLError) in
                try S3Documents.refusals(in: bytes, prefix: settings.prefix)
            }
            if refused.isEmpty { return }
            if let refusal = refused.first(where: { !$0.isBusy || round == Self.deleteRounds }) {
                var call = call
                call.key = refusal.key
                throw failure(call, 200, refusal.code, refusal.message)
            }
            keys = refused.map(\.key)
            var generator = SystemRandomNumberGenerator()
            try await Task.sleep(for: .milliseconds(Backoff.delay(after: round, using: &generator)))
        }
    }

    private func deleteCall(_ keys: [String]) -> S3Call {
        var call = S3Call("DeleteObjects", "POST")
        call.query = [("delete", "")]
        call.root = "DeleteResult"
        var document = "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>"
        for key in keys { document += "<Object><Key>\(S3Documents.escape(settings.prefix + key))</Key></Object>" }
        document += "</Delete>"
        let bytes = Array(document.utf8)
        call.body = .bytes(bytes)
        call.sha256 = SHA256.hash(bytes)
        call.add("Content-Type", "application/xml")
        if let md5 = MD5.hash(bytes) {
            call.add("Content-MD5", Base64.string(md5))
        } else {
            // Where MD5 is forbidden, the newer of the two checksums that services take.
            call.add("x-amz-checksum-sha256", Base64.string(SHA256.hash(bytes)))
        }
        return call
    }
}
