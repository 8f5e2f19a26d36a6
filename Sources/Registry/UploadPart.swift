import OCI
import ObjectStorage

/// What the key of an upload's part says: where its bytes begin, and the hashes of the content before and after them.
///
/// So a key can only ever hold the same bytes, and a token's hash leads to the bytes it was made of and to no others,
/// whatever requests of the same session have stored or removed at the same time.
struct UploadPartName: Hashable, Sendable {
    let offset: Int
    /// The mark of all content that ends at `offset`.
    let before: String
    /// The mark of all content up to the last byte of the part.
    let after: String

    /// A hash of content: 256 bits in hexadecimal, whatever the algorithm is, to fit into a file name.
    static func mark(_ digest: Digest) -> String { String(digest.hex.prefix(64)) }
}

/// One request's bytes of an upload, as an object of their own.
struct UploadPart: Sendable {
    let key: ObjectKey
    let name: UploadPartName
    /// In bytes; at least one.
    let size: Int

    var end: Int { name.offset + size }

    /// Objects one session may have: more requests than that are no upload but an attack.
    static let maximumCount = 10_000

    /// Everything stored for a session, in order of the offsets; `BLOB_UPLOAD_UNKNOWN` when it was cancelled.
    static func all(of id: UploadID, in store: any ObjectStore) async throws -> [UploadPart] {
        var parts: [UploadPart] = []
        try await store.forEachPage(prefix: StorageLayout.upload(id)) { page in
            for object in page {
                if object.key == StorageLayout.uploadCancelled(id) { throw RegistryError.uploadUnknown }
                guard object.size > 0, let name = StorageLayout.uploadPartName(ofKey: object.key, of: id) else {
                    continue
                }
                parts.append(UploadPart(key: object.key, name: name, size: object.size))
            }
            guard parts.count < maximumCount else { throw tooMany }
        }
        return parts
    }

    /// The parts of `stored` that `token` was made of, after its base, and behind them what later requests have added;
    /// none when some of them are gone.
    static func chain(of token: UploadToken, in stored: [UploadPart]) -> [UploadPart] {
        var chain: [UploadPart] = []
        let mark = UploadPartName.mark(token.hasher.digest)
        let start = token.base?.size ?? 0
        var (offset, wanted) = (token.offset, mark)
        for part in stored.reversed() where offset > start && part.end == offset && part.name.after == wanted {
            chain.append(part)
            (offset, wanted) = (part.name.offset, part.name.before)
        }
        guard offset == start, token.base.map({ UploadPartName.mark($0.digest) == wanted }) ?? true else { return [] }
        chain.reverse()
        (offset, wanted) = (token.offset, mark)
        for part in stored where part.name.offset == offset && part.name.before == wanted {
            chain.append(part)
            (offset, wanted) = (part.end, part.name.after)
        }
        return chain
    }

    private static var tooMany: RegistryError {
        RegistryError(.blobUploadInvalid, "an upload may have at most \(maximumCount) pieces; send larger ones")
    }
}
