/// A manifest: the exact bytes that were received, and what they refer to.
package struct Manifest: Sendable {
    /// The largest manifest in bytes, the least a registry must take by the distribution-spec, "Pushing Manifests".
    package static let maximumSize = 4 << 20
    /// The most descriptors in config, layers and manifests together; each costs a look into the store.
    package static let maximumReferences = 10_000

    /// What a manifest stands for.
    package enum Kind: Equatable, Sendable {
        /// A config and layers.
        case image
        /// A list of manifests.
        case index
        /// The blobs of an artifact manifest, as the image-spec's 1.1 release candidates had it.
        case artifact
    }

    /// The bytes as received; their hash is the digest.
    package let bytes: [UInt8]
    /// One of the five types of manifest.
    package let mediaType: MediaType
    /// The address, which whoever makes the value has checked against the bytes.
    package let digest: Digest
    /// What the media type says the manifest is.
    package let kind: Kind
    /// The config of an image.
    package let config: Descriptor?
    /// The layers of an image, or the blobs of an artifact.
    package let layers: [Descriptor]
    /// The manifests of an index.
    package let manifests: [Descriptor]
    /// The manifest this one says something about.
    package let subject: Descriptor?
    /// The artifact type as written.
    package let artifactType: String?
    /// Free-form facts.
    package let annotations: [String: String]

    /// What must be there for the manifest to be complete: config, layers and manifests. A subject need not exist.
    package var references: [Descriptor] { (config.map { [$0] } ?? []) + layers + manifests }

    /// The artifact type a list of referrers shows: the manifest's own, else the config's media type for an image
    /// (distribution-spec, "Listing Referrers").
    package var referrerArtifactType: String? {
        if let artifactType, !artifactType.isEmpty { return artifactType }
        return kind == .image ? config?.mediaType : nil
    }

    /// How a list of referrers shows this manifest.
    package func referrerDescriptor() -> Descriptor {
        Descriptor(
            mediaType: mediaType.string, digest: digest, size: bytes.count,
            annotations: annotations.isEmpty ? nil : annotations, artifactType: referrerArtifactType)
    }

    /// Reads a manifest; the content type is the one it was sent or stored with, nil when nobody knows.
    ///
    /// Bodies that another program could take for something else are refused (advisory GHSA-qq97-vm5h-rrhg): those of
    /// two kinds at once, with contradicting media types, with a repeated key, or with a key that differs from a known
    /// one in case only. Unknown members are ignored.
    package init(bytes: [UInt8], contentType: MediaType?, digest: Digest) throws(ManifestError) {
        let outline = try ManifestOutline(bytes)
        let mediaType = try outline.mediaType(contentType: contentType)
        let kind = Kind(mediaType)
        try outline.checkMembers(of: kind)
        let body = try ManifestBody(bytes)
        try body.checkVersion(kind)
        self.bytes = bytes
        self.mediaType = mediaType
        self.digest = digest
        self.kind = kind
        config = kind == .image ? body.config : nil
        layers = (kind == .artifact ? body.blobs : kind == .image ? body.layers : nil) ?? []
        manifests = (kind == .index ? body.manifests : nil) ?? []
        subject = body.subject
        artifactType = body.artifactType
        annotations = body.annotations ?? [:]
        let count = references.count
        guard count <= Self.maximumReferences else { throw .tooManyReferences(count) }
    }

    /// The media type of a manifest by its body alone, for one whose metadata were lost; nil if the body does not tell.
    package static func detectMediaType(_ bytes: [UInt8]) -> MediaType? {
        // Whatever is wrong with the bytes, the answer is that they do not tell.
        try? ManifestOutline(bytes).mediaType(contentType: nil)
    }

    /// Whether the body itself says of which type it is; without that, programs tell it by the other members.
    package var statesMediaType: Bool {
        // The bytes were read once before: nothing is wrong with them.
        guard let written = try? JSONOutline(bytes).string("mediaType") else { return false }
        return !written.isEmpty
    }
}

extension Manifest.Kind {
    /// The kind that one of the five types of manifest stands for.
    fileprivate init(_ mediaType: MediaType) {
        self = mediaType.isIndex ? .index : mediaType == .ociArtifactManifest ? .artifact : .image
    }
}
