package import OCI
package import ObjectStorage

/// Every key Stowage writes, and the only place that spells one.
///
///     blobs/<alg>/<hex>                                   content: layers, configs, manifests pushed by digest
///     manifests/<name>/<tag>/manifest.json                a tag: the manifest's exact bytes, replaced atomically
///     registry/<name>/_manifests/<alg>/<hex>              a manifest of this repository, exact bytes
///     registry/<name>/_blobs/<alg>/<hex>                  a link: empty when the repository holds the blob,
///                                                         `deleted` when it was deleted from the repository
///     registry/<name>/_referrers/<alg>/<hex>/<alg>/<hex>  empty: subject, then referrer
///     registry/_catalog/<name>!                           empty: this repository has or had a manifest
///     registry/_uploads/<id>/<offset>-<before>-<after>    bytes of an unfinished upload from that offset on, and the
///                                                         hashes of all content before them and up to their end
///     registry/_uploads/<id>/<the same>-last              such bytes of a closing request
///     registry/_uploads/<id>/staging-<random>             bytes of a request before their hash is known
///     registry/_uploads/<id>/cancelled                    empty: the client gave the upload up
///     registry/_keys/uploads                              the secret that signs upload sessions
///     registry/_keys/tokens/<number>                      a secret that signs tokens, and the time from which it does
///
/// `blobs/` and `manifests/` are shared with s3lo; what is there for s3lo alone is drawn in `StorageLayout+S3lo`. `<alg>`
/// is sha256 or sha512. A component of a repository name cannot begin with `_`, so nothing a client names can collide
/// with the private keys. The `!` of the catalog sorts before every character of a name, so that a listing of keys is in
/// the order of the names, and lets a directory hold both `a` and `a/b`.
package enum StorageLayout {
    package static func blob(_ digest: Digest) -> ObjectKey {
        ObjectKey("blobs/\(path(digest))")
    }

    package static func tag(_ tag: Tag, in name: RepositoryName) -> ObjectKey {
        ObjectKey("\(tags(of: name))\(tag.string)\(tagSuffix)")
    }

    package static func manifest(_ digest: Digest, in name: RepositoryName) -> ObjectKey {
        ObjectKey("registry/\(name.string)/_manifests/\(path(digest))")
    }

    package static func link(_ digest: Digest, in name: RepositoryName) -> ObjectKey {
        ObjectKey("registry/\(name.string)/_blobs/\(path(digest))")
    }

    package static func referrer(_ referrer: Digest, of subject: Digest, in name: RepositoryName) -> ObjectKey {
        ObjectKey("\(referrers(of: subject, in: name))\(path(referrer))")
    }

    package static func catalog(_ name: RepositoryName) -> ObjectKey {
        ObjectKey("\(catalogPrefix)\(name.string)\(catalogSuffix)")
    }

    static func uploadPart(_ name: UploadPartName, of id: UploadID) -> ObjectKey {
        let digits = String(name.offset)
        let zeros = String(repeating: "0", count: max(0, offsetLength - digits.count))
        return ObjectKey("\(upload(id))\(zeros)\(digits)-\(name.before)-\(name.after)")
    }

    /// Apart from the others, because a closing request that is sent again brings the bytes again.
    static func lastUploadPart(_ name: UploadPartName, of id: UploadID) -> ObjectKey {
        ObjectKey("\(uploadPart(name, of: id).string)-last")
    }

    /// Where a request's bytes may be gathered until their hash is known; a key of its own for every request.
    static func uploadStaging(_ id: UploadID) -> ObjectKey {
        ObjectKey("\(upload(id))staging-\(UploadID().hex)")
    }

    package static func uploadCancelled(_ id: UploadID) -> ObjectKey {
        ObjectKey("\(upload(id))cancelled")
    }

    package static let uploadSecret = ObjectKey("registry/_keys/uploads")

    /// Numbers have as many digits as let a listing be in their order.
    static func tokenKey(_ number: Int) -> ObjectKey {
        let digits = String(number)
        let zeros = String(repeating: "0", count: max(0, tokenKeyDigits - digits.count))
        return ObjectKey(tokenKeysPrefix + zeros + digits)
    }

    // MARK: Prefixes of listings

    static func tags(of name: RepositoryName) -> String { "manifests/\(name.string)/" }

    static func referrers(of subject: Digest, in name: RepositoryName) -> String {
        "registry/\(name.string)/_referrers/\(path(subject))/"
    }

    static func upload(_ id: UploadID) -> String { "\(uploadsPrefix)\(id.hex)/" }

    static let blobsPrefix = "blobs/"
    static let chunksPrefix = "chunks/"
    static let tagsPrefix = "manifests/"
    static let catalogPrefix = "registry/_catalog/"
    static let uploadsPrefix = "registry/_uploads/"
    static let tokenKeysPrefix = "registry/_keys/tokens/"
    private static let catalogSuffix = "!"
    private static let offsetLength = 20
    private static let tokenKeyDigits = 8
    private static let tagSuffix = "/manifest.json"

    // MARK: Reading keys back; nil for a key that is not ours

    /// The component below `tags(of:)` and whether the key is a tag of that very repository.
    static func tagComponent(of key: ObjectKey, in name: RepositoryName) -> (component: Substring, isTag: Bool)? {
        let prefix = tags(of: name)
        guard key.string.hasPrefix(prefix) else { return nil }
        let rest = key.string.dropFirst(prefix.count)
        guard let slash = rest.firstIndex(of: "/") else { return nil }
        return (rest[..<slash], rest[slash...] == tagSuffix)
    }

    /// The repository and tag whose manifest the key holds.
    static func tag(ofKey key: ObjectKey) -> (name: RepositoryName, tag: Tag)? {
        guard key.string.hasPrefix(tagsPrefix), key.string.hasSuffix(tagSuffix) else { return nil }
        let path = key.string.dropFirst(tagsPrefix.count).dropLast(tagSuffix.count)
        // Images of s3lo may have names that OCI's grammar cannot address: they are nobody's repository here.
        guard let slash = path.lastIndex(of: "/"), let name = try? RepositoryName(String(path[..<slash])),
            let tag = try? Tag(String(path[path.index(after: slash)...]))
        else { return nil }
        return (name, tag)
    }

    static func digest(ofBlobKey key: ObjectKey) -> Digest? {
        guard key.string.hasPrefix(blobsPrefix) else { return nil }
        let path = key.string.dropFirst(blobsPrefix.count).split(separator: "/", omittingEmptySubsequences: false)
        guard path.count == 2 else { return nil }
        // As above: junk is passed over.
        return try? Digest("\(path[0]):\(path[1])")
    }

    static func repository(ofCatalogKey key: ObjectKey) -> RepositoryName? {
        guard key.string.hasPrefix(catalogPrefix), key.string.hasSuffix(catalogSuffix) else { return nil }
        // A key that is no name is junk somebody else put there: a listing passes over it.
        return try? RepositoryName(String(key.string.dropFirst(catalogPrefix.count).dropLast(catalogSuffix.count)))
    }

    static func referrer(ofKey key: ObjectKey, below prefix: String) -> Digest? {
        let path = key.string.dropFirst(prefix.count).split(separator: "/", omittingEmptySubsequences: false)
        guard path.count == 2 else { return nil }
        // As above: junk is passed over.
        return try? Digest("\(path[0]):\(path[1])")
    }

    static func uploadPartName(ofKey key: ObjectKey, of id: UploadID) -> UploadPartName? {
        let pieces = key.string.dropFirst(upload(id).count).split(separator: "-", omittingEmptySubsequences: false)
        guard pieces.count == 3, pieces[0].utf8.count == offsetLength, let offset = Int(pieces[0]) else { return nil }
        return UploadPartName(offset: offset, before: String(pieces[1]), after: String(pieces[2]))
    }

    static func tokenKeyNumber(of key: ObjectKey) -> Int? {
        let digits = key.string.dropFirst(tokenKeysPrefix.count)
        guard key.string.hasPrefix(tokenKeysPrefix), let number = Int(digits), number > 0,
            tokenKey(number) == key
        else { return nil }
        return number
    }

    static func uploadID(of key: ObjectKey) -> UploadID? {
        guard key.string.hasPrefix(uploadsPrefix) else { return nil }
        return UploadID(hex: String(key.string.dropFirst(uploadsPrefix.count).prefix { $0 != "/" }))
    }

    private static func path(_ digest: Digest) -> String { "\(digest.algorithm.rawValue)/\(digest.hex)" }
}
