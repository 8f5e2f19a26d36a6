/// What the top level of a manifest's JSON says about its kind, before any of it is decoded.
struct ManifestOutline {
    private static let spelling = KeySpelling([
        "schemaVersion", "mediaType", "artifactType", "annotations", "subject", "config", "layers", "manifests",
        "blobs", "fsLayers",
    ])

    private let outline: JSONOutline

    /// Reads the top level; the text must be UTF-8, one JSON object, and not of two kinds at once.
    init(_ bytes: [UInt8]) throws(ManifestError) {
        guard bytes.count <= Manifest.maximumSize else { throw .tooLarge(bytes.count) }
        try Self.checkEncoding(bytes)
        do throws(JSONSyntaxError) {
            outline = try JSONOutline(bytes)
        } catch {
            throw .malformedJSON(reason: error.reason, offset: error.offset)
        }
        for key in outline.members.keys {
            guard let intended = Self.spelling.intended(by: key) else { continue }
            throw .invalid(path: key, problem: "the key is spelled \(intended)")
        }
        if has("manifests"), has("config") || has("layers") { throw .ambiguousKind }
    }

    /// The media type, which body and content type must not contradict; without either, the members tell it.
    func mediaType(contentType: MediaType?) throws(ManifestError) -> MediaType {
        let written = outline.string("mediaType")
        if written == nil, !outline.isNull("mediaType") {
            throw .invalid(path: "mediaType", problem: "expected a string")
        }
        if has("fsLayers") || MediaType.dockerSchema1.contains(where: { $0.string == written || $0 == contentType }) {
            throw .dockerSchema1
        }
        if let contentType, let written, written != contentType.string {
            throw .mediaTypeMismatch(body: written, contentType: contentType.string)
        }
        if let text = contentType?.string ?? written {
            guard let known = MediaType.manifests.first(where: { $0.string == text }) else {
                throw .unsupportedMediaType(text)
            }
            return known
        }
        if has("manifests") { return .ociIndex }
        if has("config"), has("layers") { return .ociManifest }
        throw .unknownMediaType
    }

    /// Requires the members a kind cannot do without. A null counts as an empty list, for that is how Go writes one.
    func checkMembers(of kind: Manifest.Kind) throws(ManifestError) {
        switch kind {
        case .image where outline.isNull("config"): throw .missing("config")
        case .image where !has("layers"): throw .missing("layers")
        case .index where !has("manifests"): throw .missing("manifests")
        case .image, .index, .artifact: break
        }
    }

    private func has(_ key: String) -> Bool { outline.members[key] != nil }

    private static func checkEncoding(_ bytes: [UInt8]) throws(ManifestError) {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { throw .byteOrderMark }
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: bytes.span)
        } catch {
            throw .notUTF8(offset: error.byteOffsets.lowerBound)
        }
    }
}
