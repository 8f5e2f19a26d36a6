package import OCI
package import ObjectStorage

/// What a key of a store is for. Reads what `StorageLayout` and s3lo spell.
package enum BucketKey: Equatable, Sendable {
    case blob(Digest)
    case tag(RepositoryName, Tag)
    case manifest(RepositoryName, Digest)
    /// A manifest pushed by digest, kept where s3lo looks for it.
    case digestTag(RepositoryName, Digest)
    case link(RepositoryName, Digest)
    case referrer(Digest, of: Digest, RepositoryName)
    case catalog(RepositoryName)
    case upload
    /// The secret, the collector's state, and probes of the store.
    case service
    /// s3lo's layer in chunks: the list of its chunks.
    case recipe(Digest)
    /// A chunk, by the digest of what is compressed in it.
    case chunk(Digest)
    /// Whatever else s3lo has written, in this version of it or before.
    case s3lo
    /// In a place where only keys of another form belong.
    case lookalike
    /// Nothing Stowage or s3lo writes.
    case foreign

    /// Reads any key.
    package init(_ key: ObjectKey) {
        let parts = key.string.split(separator: "/", omittingEmptySubsequences: false)
        switch parts[0] {
        case "blobs": self = Self.digest(parts.dropFirst()).map(Self.blob) ?? Self.child(parts.dropFirst())
        case "recipes": self = Self.digest(parts.dropFirst()).map(Self.recipe) ?? .lookalike
        case "chunks": self = Self.digest(parts.dropFirst()).map(Self.chunk) ?? .lookalike
        case "indexes": self = Self.digest(parts.dropFirst()) == nil ? .lookalike : .s3lo
        case "manifests": self = Self.tagged(parts.dropFirst())
        case "registry": self = Self.record(parts.dropFirst())
        case "s3lo.yaml" where parts.count == 1: self = .s3lo
        default: self = Self.isFirstLayout(parts) ? .s3lo : .foreign
        }
    }

    private static func digest(_ parts: ArraySlice<Substring>) -> Digest? {
        guard parts.count == 2, let algorithm = parts.first, let hex = parts.last else { return nil }
        // Anything else is what the caller asks about.
        return try? Digest("\(algorithm):\(hex)")
    }

    /// A manifest pushed by its SHA-512 digest, kept where s3lo looks for the children of an index.
    private static func child(_ parts: ArraySlice<Substring>) -> BucketKey {
        guard parts.first == "sha256", let hex = parts.last, digest(["sha512", hex]) != nil, parts.count == 2 else {
            return .lookalike
        }
        return .s3lo
    }

    private static func name(_ parts: ArraySlice<Substring>) -> RepositoryName? {
        // As above.
        try? RepositoryName(parts.joined(separator: "/"))
    }

    // MARK: manifests/

    /// What old versions of s3lo kept beside a tag.
    private static let sidecars: Set<Substring> = ["config.json", "index.json", "oci-layout", "history.json"]

    /// `<name>/<tag>/manifest.json` and s3lo's files beside it.
    private static func tagged(_ parts: ArraySlice<Substring>) -> BucketKey {
        guard let last = parts.last, parts.count >= 3, !parts.contains("") else { return .lookalike }
        let path = parts.dropLast()
        if last == "manifest.json" {
            guard let tag = path.last, isImage(path) else { return .lookalike }
            guard let name = name(path.dropLast()) else { return .s3lo }
            // One of the two at most: no tag has a colon.
            if let digest = try? Digest(String(tag)) { return .digestTag(name, digest) }
            guard let tag = try? Tag(String(tag)) else { return .s3lo }
            return .tag(name, tag)
        }
        if sidecars.contains(last) { return .s3lo }
        return path.last == "signatures" && parts.count >= 4 && last.hasSuffix(".json") ? .s3lo : .lookalike
    }

    /// Names that s3lo takes: any components, and OCI's are among them.
    private static func isImage(_ path: ArraySlice<Substring>) -> Bool {
        path.count >= 2 && path.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." && !$0.contains("\\") }
    }

    /// `<image>/<tag>/manifest.json` and `<image>/<tag>/blobs/sha256/<hex>`, as s3lo had it at first.
    private static func isFirstLayout(_ parts: [Substring]) -> Bool {
        if parts.count >= 3, parts.last == "manifest.json" { return true }
        return parts.count >= 5 && parts[parts.count - 3] == "blobs" && digest(parts.suffix(2)) != nil
    }

    // MARK: registry/

    private static func record(_ parts: ArraySlice<Substring>) -> BucketKey {
        guard let marker = parts.firstIndex(where: { $0.hasPrefix("_") }) else { return .lookalike }
        let rest = parts[(marker + 1)...]
        guard marker > parts.startIndex else { return service(parts[marker], rest) }
        guard let name = name(parts[..<marker]) else { return .lookalike }
        switch parts[marker] {
        case "_manifests": return digest(rest).map { .manifest(name, $0) } ?? .lookalike
        case "_blobs": return digest(rest).map { .link(name, $0) } ?? .lookalike
        case "_referrers":
            guard let subject = digest(rest.prefix(2)), let referrer = digest(rest.dropFirst(2)) else {
                return .lookalike
            }
            return .referrer(referrer, of: subject, name)
        default: return .lookalike
        }
    }

    private static func service(_ marker: Substring, _ rest: ArraySlice<Substring>) -> BucketKey {
        guard !rest.isEmpty else { return .lookalike }
        switch marker {
        case "_catalog":
            let key = ObjectKey("\(StorageLayout.catalogPrefix)\(rest.joined(separator: "/"))")
            return StorageLayout.repository(ofCatalogKey: key).map(Self.catalog) ?? .lookalike
        case "_uploads":
            return rest.count == 2 && UploadID(hex: String(rest[rest.startIndex])) != nil ? .upload : .lookalike
        case "_keys", "_gc", "_probe": return .service
        default: return .lookalike
        }
    }
}
