import OCI
import ObjectStorage

/// The keys of s3lo's that Stowage reads, and those below `manifests/` that it keeps for s3lo.
///
///     recipes/sha256/<hex>                           how a layer is put together from chunks: read only
///     chunks/sha256/<hex>                            one compressed chunk, by the hash of the raw one: read only
///     s3lo.yaml                                      the bucket's settings: read only
///     manifests/<name>/<tag>/signatures/<id>.json    s3lo's signatures of a tag: removed together with it
///     manifests/<name>/<alg>:<hex>/manifest.json     a manifest that was pushed by digest and has no tag: s3lo's
///                                                    collection keeps what it reaches from such keys, and looks here
///                                                    for a digest
///     blobs/sha256/<128 digits>                      a manifest pushed by its SHA-512 digest: s3lo looks for the
///                                                    children of an index by their hex, whatever the algorithm is
extension StorageLayout {
    static let s3loSettings = ObjectKey("s3lo.yaml")

    /// nil for what s3lo has no recipes for: it knows SHA-256 only.
    static func recipe(_ digest: Digest) -> ObjectKey? {
        digest.algorithm == .sha256 ? ObjectKey("recipes/sha256/\(digest.hex)") : nil
    }

    /// `hex` is that of the chunk before it was compressed.
    static func chunk(_ hex: String) -> ObjectKey { ObjectKey("chunks/sha256/\(hex)") }

    /// Where a manifest without a tag is reachable for s3lo. No tag of OCI's grammar has a colon.
    static func digestTag(_ digest: Digest, in name: RepositoryName) -> ObjectKey {
        ObjectKey("\(tags(of: name))\(digest.string)/manifest.json")
    }

    /// Where s3lo looks for a child of an index.
    static func s3loChild(_ digest: Digest) -> ObjectKey { ObjectKey("blobs/sha256/\(digest.hex)") }

    static func signatures(of tag: Tag, in name: RepositoryName) -> String {
        "\(tags(of: name))\(tag.string)/signatures/"
    }

    static func manifests(of name: RepositoryName) -> String { "registry/\(name.string)/_manifests/" }

    /// The digest a record is stored under; nil for junk.
    static func manifestDigest(ofKey key: ObjectKey, in name: RepositoryName) -> Digest? {
        let path = key.string.dropFirst(manifests(of: name).count).split(
            separator: "/", omittingEmptySubsequences: false)
        guard path.count == 2 else { return nil }
        // Junk is passed over.
        return try? Digest("\(path[0]):\(path[1])")
    }
}
