/// The answer to `GET /v2/<name>/referrers/<digest>`: an image index of the manifests with that subject.
package struct ReferrersIndex: Encodable, Equatable, Sendable {
    /// One descriptor for each referrer, in the order they are listed.
    package var manifests: [Descriptor]

    private enum CodingKeys: String, CodingKey {
        case schemaVersion, mediaType, manifests
    }

    /// An index of the given referrers.
    package init(manifests: [Descriptor]) {
        self.manifests = manifests
    }

    /// Writes the members every image index has beside `manifests`.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(2, forKey: .schemaVersion)
        try container.encode(MediaType.ociIndex.string, forKey: .mediaType)
        try container.encode(manifests, forKey: .manifests)
    }

    /// The JSON text.
    package func encoded() -> [UInt8] { encodeJSON(self) }
}

/// The answer to `GET /v2/<name>/tags/list`.
package struct TagList: Equatable, Sendable {
    /// The repository.
    package var name: RepositoryName
    /// Its tags, in the order they are listed.
    package var tags: [Tag]

    /// A list of the given tags.
    package init(name: RepositoryName, tags: [Tag]) {
        self.name = name
        self.tags = tags
    }

    /// The JSON text.
    package func encoded() -> [UInt8] {
        var writer = JSONWriter()
        writer.write(raw: #"{"name":"#)
        writer.write(name.string)
        writer.write(raw: #","tags":"#)
        writer.write(tags.lazy.map(\.string))
        writer.write(raw: "}")
        return writer.bytes
    }
}

/// The answer to `GET /v2/_catalog`.
package struct Catalog: Equatable, Sendable {
    /// The repositories, in the order they are listed.
    package var repositories: [RepositoryName]

    /// A list of the given repositories.
    package init(repositories: [RepositoryName]) {
        self.repositories = repositories
    }

    /// The JSON text.
    package func encoded() -> [UInt8] {
        var writer = JSONWriter()
        writer.write(raw: #"{"repositories":"#)
        writer.write(repositories.lazy.map(\.string))
        writer.write(raw: "}")
        return writer.bytes
    }
}
