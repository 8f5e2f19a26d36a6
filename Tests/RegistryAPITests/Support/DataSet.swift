import OCI
import Registry
import TestSupport
import Testing

/// What one repository is filled with: blobs and the manifests that refer to them (conformance 3.4).
struct DataSet: Sendable {
    /// A manifest with what the tests need to know about it.
    struct Member: Sendable {
        let content: Content
        let mediaType: String
        var tags: [String] = []
        /// The digest of what it says something about, and what a list of referrers shows beside the digest.
        var subject: Digest?
        var artifactType: String?
        var annotations: [String: String]?
    }

    let name: String
    var algorithm = Digest.Algorithm.sha256
    /// Whether tags are set by `?tag=` of the push by digest.
    var tagsByQuery = false
    /// Whether something that is referred to is never pushed.
    var isSparse = false
    private(set) var blobs: [Content] = []
    /// Children before parents.
    private(set) var manifests: [Member] = []

    init(_ name: String, algorithm: Digest.Algorithm = .sha256) {
        self.name = name
        self.algorithm = algorithm
    }

    /// The subjects of its referrers, each once.
    var subjects: [Digest] { Set(manifests.compactMap(\.subject)).sorted() }

    // MARK: Building

    static let layer = "application/vnd.oci.image.layer.v1.tar"

    /// Adds a blob unless it is there already.
    @discardableResult
    mutating func blob(_ bytes: [UInt8]) -> Content {
        let content = Content(bytes, algorithm)
        if !blobs.contains(where: { $0.digest == content.digest }) { blobs.append(content) }
        return content
    }

    /// A config blob that differs with `seed`.
    mutating func config(_ seed: Int, _ more: [(String, JSON)] = []) -> JSON {
        let config: JSON = [
            "architecture": "amd64", "os": "linux", "created": .string("2026-01-01T00:00:\(10 + seed)Z"),
            "rootfs": ["type": "layers", "diff_ids": []],
        ]
        return blob(config.adding(more).bytes).descriptor(MediaType.ociConfig.string)
    }

    /// A layer blob of `size` bytes.
    mutating func layer(_ seed: Int, type: String = DataSet.layer, size: Int = 1500) -> JSON {
        blob(sampleBytes(size, seed: seed)).descriptor(type)
    }

    /// Adds an image manifest. `more` members come behind the usual ones.
    @discardableResult
    mutating func image(
        config: JSON, layers: [JSON], tags: [String] = [], artifactType: String? = nil, subject: Member? = nil,
        annotations: [String: String]? = nil, more: [(String, JSON)] = [], listedAs: String? = nil
    ) -> Member {
        let type = MediaType.ociManifest.string
        let manifest: JSON = [
            "schemaVersion": 2, "mediaType": .string(type), "config": config, "layers": .array(layers),
        ]
        let members = Self.members(artifactType, subject, annotations)
        return add(
            Member(
                content: Content(manifest.adding(members + more).bytes, algorithm), mediaType: type, tags: tags,
                subject: subject?.content.digest, artifactType: artifactType ?? listedAs, annotations: annotations))
    }

    /// Adds an index manifest.
    @discardableResult
    mutating func index(
        _ children: [Member], tags: [String] = [], artifactType: String? = nil, subject: Member? = nil,
        annotations: [String: String]? = nil, more: [(String, JSON)] = []
    ) -> Member {
        let type = MediaType.ociIndex.string
        let manifest: JSON = [
            "schemaVersion": 2, "mediaType": .string(type),
            "manifests": .array(children.map { $0.content.descriptor($0.mediaType) }),
        ]
        let members = Self.members(artifactType, subject, annotations)
        return add(
            Member(
                content: Content(manifest.adding(members + more).bytes, algorithm), mediaType: type, tags: tags,
                subject: subject?.content.digest, artifactType: artifactType, annotations: annotations))
    }

    /// A manifest that can be referred to and is never pushed.
    func unpushed(_ seed: Int) -> Member {
        Member(content: Content(sampleBytes(600, seed: seed), algorithm), mediaType: MediaType.ociManifest.string)
    }

    private mutating func add(_ member: Member) -> Member {
        manifests.append(member)
        return member
    }

    private static func members(
        _ artifactType: String?, _ subject: Member?, _ annotations: [String: String]?
    ) -> [(String, JSON)] {
        var members: [(String, JSON)] = []
        if let artifactType { members.append(("artifactType", .string(artifactType))) }
        if let subject { members.append(("subject", subject.content.descriptor(subject.mediaType))) }
        if let annotations {
            let sorted = annotations.sorted { $0.key < $1.key }.map { ($0.key, JSON.string($0.value)) }
            members.append(("annotations", .object(sorted)))
        }
        return members
    }
}

extension DataSet: CustomTestStringConvertible {
    var testDescription: String { name }
}
