/// What a manifest says about content it refers to (image-spec, "OCI Content Descriptors").
package struct Descriptor: Codable, Equatable, Sendable {
    /// The type of the content, as written.
    package var mediaType: String
    /// The address of the content.
    package var digest: Digest
    /// The length of the content in bytes, never negative.
    package var size: Int
    /// Where else the content can be had.
    package var urls: [String]?
    /// Free-form facts.
    package var annotations: [String: String]?
    /// The content itself in base64, not checked here.
    package var data: String?
    /// The type of the artifact, if the content is a manifest.
    package var artifactType: String?
    /// What the content runs on, if it is an image.
    package var platform: Platform?

    /// A descriptor of the given parts; the size must not be negative.
    package init(
        mediaType: String, digest: Digest, size: Int, urls: [String]? = nil, annotations: [String: String]? = nil,
        data: String? = nil, artifactType: String? = nil, platform: Platform? = nil
    ) {
        precondition(size >= 0, "a size is never negative")
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        self.urls = urls
        self.annotations = annotations
        self.data = data
        self.artifactType = artifactType
        self.platform = platform
    }

    /// Reads a JSON object; a malformed digest, a negative size, or a key that differs from one of these in case only
    /// is a `DecodingError`, unknown members are ignored.
    package init(from decoder: any Decoder) throws {
        try Self.checkSpelling(decoder)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        mediaType = try container.decode(String.self, forKey: .mediaType)
        digest = try container.decode(Digest.self, forKey: .digest)
        size = try container.decode(Int.self, forKey: .size)
        guard size >= 0 else {
            throw DecodingError.dataCorruptedError(
                forKey: .size, in: container, debugDescription: "expected a length in bytes, found \(size)")
        }
        urls = try container.decodeIfPresent([String].self, forKey: .urls)
        annotations = try container.decodeIfPresent([String: String].self, forKey: .annotations)
        data = try container.decodeIfPresent(String.self, forKey: .data)
        artifactType = try container.decodeIfPresent(String.self, forKey: .artifactType)
        platform = try container.decodeIfPresent(Platform.self, forKey: .platform)
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case mediaType, digest, size, urls, annotations, data, artifactType, platform
    }

    /// Any key, to see those that `CodingKeys` does not know.
    private struct AnyKey: CodingKey {
        let stringValue: String
        let intValue: Int? = nil

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    private static let spelling = KeySpelling(CodingKeys.allCases.map(\.rawValue))

    private static func checkSpelling(_ decoder: any Decoder) throws {
        for key in try decoder.container(keyedBy: AnyKey.self).allKeys {
            guard CodingKeys(stringValue: key.stringValue) == nil else { continue }
            guard let intended = spelling.intended(by: key.stringValue) else { continue }
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath + [key], debugDescription: "the key is spelled \(intended)"))
        }
    }
}
