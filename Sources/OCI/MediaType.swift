/// A media type without parameters; equality is that of the exact text, as clients compare it.
package struct MediaType: Hashable, CustomStringConvertible, Sendable {
    /// `type/subtype` in the case it was received in.
    package let string: String

    package var description: String { string }

    /// Reads the value of a Content-Type field: parameters and the spaces around the type are dropped, the rest must be
    /// two restricted names of at most 127 characters each (RFC 6838, section 4.2).
    package init?(_ headerValue: String) {
        let utf8 = headerValue.utf8
        let essence = utf8[..<(utf8.firstIndex(of: UInt8(ascii: ";")) ?? utf8.endIndex)].trimmingSpaces()
        let names = essence.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard names.count == 2, names.allSatisfy(Self.isRestrictedName) else { return nil }
        string = String(Substring(essence))
    }

    private init(known string: String) {
        self.string = string
    }

    private static func isRestrictedName(_ name: Substring.UTF8View) -> Bool {
        guard let first = name.first, isAlphanumeric(first), name.count <= 127 else { return false }
        return name.allSatisfy { isAlphanumeric($0) || "!#$&-^_.+".utf8.contains($0) }
    }
}

extension MediaType {
    /// An OCI image manifest.
    package static let ociManifest = MediaType(known: "application/vnd.oci.image.manifest.v1+json")
    /// An OCI image index.
    package static let ociIndex = MediaType(known: "application/vnd.oci.image.index.v1+json")
    /// The artifact manifest of the image-spec's 1.1 release candidates, which older clients still push.
    package static let ociArtifactManifest = MediaType(known: "application/vnd.oci.artifact.manifest.v1+json")
    /// Docker's image manifest, version 2, schema 2.
    package static let dockerManifest = MediaType(known: "application/vnd.docker.distribution.manifest.v2+json")
    /// Docker's counterpart of an index.
    package static let dockerManifestList = MediaType(
        known: "application/vnd.docker.distribution.manifest.list.v2+json")
    /// The configuration of an OCI image.
    package static let ociConfig = MediaType(known: "application/vnd.oci.image.config.v1+json")
    /// The blob `{}` that stands where an artifact has nothing to say.
    package static let emptyJSON = MediaType(known: "application/vnd.oci.empty.v1+json")
    /// Bytes of no stated type; what blobs are served as.
    package static let octetStream = MediaType(known: "application/octet-stream")

    /// Every type of manifest this registry takes.
    static let manifests = [ociManifest, ociIndex, dockerManifest, dockerManifestList, ociArtifactManifest]

    /// Docker's manifests of schema 1, bare and signed, which no current client needs.
    static let dockerSchema1 = [
        MediaType(known: "application/vnd.docker.distribution.manifest.v1+json"),
        MediaType(known: "application/vnd.docker.distribution.manifest.v1+prettyjws"),
    ]

    /// Layers that may live at their URLs only (image-spec, "Non-Distributable Layers"; Docker's foreign layers).
    private static let nonDistributable: Set<String> = [
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ]

    /// Whether it is a manifest that lists other manifests.
    package var isIndex: Bool { self == .ociIndex || self == .dockerManifestList }
    /// Whether it is one of the five types of manifest this registry takes.
    package var isManifest: Bool { Self.manifests.contains(self) }
    /// Whether it is a layer that need not be in the registry.
    package var isNonDistributable: Bool { Self.nonDistributable.contains(string) }
}

extension Substring.UTF8View {
    /// The bytes without spaces and tabs at either end.
    fileprivate func trimmingSpaces() -> Substring.UTF8View {
        let isSpace = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        guard let first = firstIndex(where: { !isSpace($0) }), let last = lastIndex(where: { !isSpace($0) }) else {
            return self[endIndex...]
        }
        return self[first...last]
    }
}
