import Foundation
import Testing

/// The OCI image layout that make-images.py makes: the images all tests push.
struct Layout {
    /// The layout of the running suite; see `ImageLayoutTrait`.
    @TaskLocal static var current = Layout(path: "/nonexistent", tags: [:])

    /// The media types of manifests, in the order in which clients accept them.
    static let manifestTypes = [
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    ]

    let path: String
    /// The descriptor of each tagged manifest.
    let tags: [String: Descriptor]

    /// Makes the images in the directory `path`; takes about two seconds.
    static func make(in path: String) throws -> Layout {
        let command = ["python3", Locations.tool("make-images.py"), path]
        let output = try Shell.run(command, timeout: 120, environment: [:])
        guard output.status == 0 else { throw CommandFailed(command: command, output: output) }
        return try Layout(reading: path)
    }

    private init(path: String, tags: [String: Descriptor]) {
        self.path = path
        self.tags = tags
    }

    /// Reads a layout that a client or a script wrote.
    init(reading path: String) throws {
        let index = try Manifest(json: Array(Data(contentsOf: URL(filePath: path + "/index.json"))))
        let named = (index.manifests ?? []).map { ($0.annotations?["org.opencontainers.image.ref.name"] ?? "", $0) }
        self.init(path: path, tags: Dictionary(named) { _, last in last })
    }

    /// The descriptor of the manifest that `tag` names.
    func manifest(_ tag: String) throws -> Descriptor {
        try #require(tags[tag], "no tag \(tag) in \(path)")
    }

    /// The file that holds the content of `digest`.
    func file(_ digest: String) -> String { path + "/blobs/" + digest.replacing(":", with: "/") }

    /// The content a descriptor describes.
    func bytes(_ descriptor: Descriptor) throws -> [UInt8] {
        try Array(Data(contentsOf: URL(filePath: file(descriptor.digest))))
    }

    /// What a descriptor refers to, children first, itself last; every digest once, subjects not followed.
    func reachable(from descriptor: Descriptor) throws -> [Descriptor] {
        guard Self.manifestTypes.contains(descriptor.mediaType) else { return [descriptor] }
        let children = try Manifest(json: bytes(descriptor)).children
        var seen: Set<String> = []
        return try (children.flatMap(reachable) + [descriptor]).filter { seen.insert($0.digest).inserted }
    }

    /// The blobs a tag's manifests refer to.
    func blobs(of tag: String) throws -> [Descriptor] {
        try reachable(from: manifest(tag)).filter { !Self.manifestTypes.contains($0.mediaType) }
    }

    /// The manifests of a tag, children first.
    func manifests(of tag: String) throws -> [Descriptor] {
        try reachable(from: manifest(tag)).filter { Self.manifestTypes.contains($0.mediaType) }
    }

    /// Expects that another layout names the same manifest by `tag`, and holds the same bytes of all it refers to.
    func expectSame(in other: Layout, tag: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let expected = try manifest(tag)
        #expect(try other.manifest(tag).digest == expected.digest, sourceLocation: sourceLocation)
        for descriptor in try reachable(from: expected) {
            let same = FileManager.default.contentsEqual(
                atPath: file(descriptor.digest), andPath: other.file(descriptor.digest))
            #expect(same, "\(tag): \(descriptor.mediaType) \(descriptor.digest)", sourceLocation: sourceLocation)
        }
    }
}

/// A descriptor, as far as the tests read it.
struct Descriptor: Decodable {
    let mediaType: String
    let digest: String
    let size: Int
    let annotations: [String: String]?
}

/// A manifest or an index, as far as the tests read it.
struct Manifest: Decodable {
    let config: Descriptor?
    let layers: [Descriptor]?
    let manifests: [Descriptor]?

    init(json: [UInt8]) throws {
        self = try JSONDecoder().decode(Manifest.self, from: Data(json))
    }

    /// All descriptors but the subject.
    var children: [Descriptor] { (manifests ?? []) + (layers ?? []) + (config.map { [$0] } ?? []) }
}

/// An image's config, as far as the tests read it.
struct ImageConfig: Decodable {
    struct RootFileSystem: Decodable {
        let diffIDs: [String]

        enum CodingKeys: String, CodingKey {
            case diffIDs = "diff_ids"
        }
    }

    let rootfs: RootFileSystem
}

extension Layout {
    /// The digest of the largest layer of an image.
    func largestLayer(of tag: String) throws -> String {
        let layers = try Manifest(json: bytes(manifest(tag))).layers ?? []
        return try #require(layers.max { $0.size < $1.size }).digest
    }

    /// The digests of the uncompressed layers of an image.
    func diffIDs(of tag: String) throws -> [String] {
        let config = try #require(try Manifest(json: bytes(manifest(tag))).config)
        return try JSONDecoder().decode(ImageConfig.self, from: Data(bytes(config))).rootfs.diffIDs
    }
}
