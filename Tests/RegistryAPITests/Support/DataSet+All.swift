import OCI
import TestSupport

extension DataSet {
    /// Every data set of conformance 3.4 that a registry has to take whatever its settings are.
    static let complete = [
        image, imageUncompressed, largeManifest, index, nestedIndex, emptyIndex, artifact, artifactIndex,
        artifactWithoutLayers, artifactsWithSubject, indexWithSubject, missingSubject, dataField,
        nonDistributableLayers, customFields, noLayers, sha512, tagParameter(.sha256), tagParameter(.sha512),
    ]

    private static let gzip = layer + "+gzip"
    private static let exampleType = "application/vnd.example.thing.v1"

    // MARK: Images

    private static var image: DataSet {
        var set = DataSet("image")
        set.image(config: set.config(1), layers: [set.layer(1, type: gzip), set.layer(2, type: gzip)], tags: ["image"])
        return set
    }

    private static var imageUncompressed: DataSet {
        var set = DataSet("image-uncompressed")
        set.image(config: set.config(1), layers: [set.layer(1), set.layer(2)], tags: ["image-uncompressed"])
        return set
    }

    /// 390 annotations of 10,000 characters; 3,910,601 bytes altogether, like the official suite's.
    private static var largeManifest: DataSet {
        var set = DataSet("large-manifest")
        let value = String(repeating: "a", count: 10_000)
        var annotations = Dictionary(uniqueKeysWithValues: (0..<390).map { ("key\(100 + $0)", value) })
        let (config, layer) = (set.config(1), set.layer(1))
        var probe = set
        let size = probe.image(config: config, layers: [layer], annotations: annotations).content.bytes.count
        // One more annotation, `,"pad":"…"`, fills up to the exact size.
        annotations["pad"] = String(repeating: "p", count: 3_910_601 - size - 9)
        set.image(config: config, layers: [layer], tags: ["large"], annotations: annotations)
        return set
    }

    private static var noLayers: DataSet {
        var set = DataSet("no-layers")
        set.image(config: set.config(1), layers: [], tags: ["no-layers"])
        return set
    }

    private static var nonDistributableLayers: DataSet {
        var set = DataSet("non-distributable-layers")
        let type = "application/vnd.oci.image.layer.nondistributable.v1.tar"
        let elsewhere = [("urls", ["https://store.example.com/layers/1"] as JSON)]
        let layers = [
            Content(sampleBytes(900, seed: 71)).descriptor(type + "+gzip", elsewhere),
            Content(sampleBytes(900, seed: 72)).descriptor(type, elsewhere),
            set.layer(3, type: gzip),
        ]
        set.image(config: set.config(1), layers: layers, tags: ["non-distributable"])
        return set
    }

    private static var dataField: DataSet {
        var set = DataSet("data-field")
        let config = set.blob(Array("{}".utf8)).descriptor(MediaType.emptyJSON.string, [("data", "e30=")])
        let layer = set.blob(Array("example data".utf8)).descriptor(
            "text/plain", [("data", "ZXhhbXBsZSBkYXRh")])
        set.image(config: config, layers: [layer], tags: ["data-field"], artifactType: exampleType)
        return set
    }

    private static var customFields: DataSet {
        var set = DataSet("custom-fields")
        let custom: [(String, JSON)] = [
            ("org.example.custom", ["nested": ["value", 1, .null]]), ("x", "y"),
        ]
        let image = set.image(config: set.config(1, custom), layers: [set.layer(1)], more: custom)
        set.index([image], tags: ["custom-fields"], more: custom)
        return set
    }

    // MARK: Indexes

    private static func addImages(to set: inout DataSet, _ seeds: Range<Int>, tags: [String?] = []) -> [Member] {
        seeds.enumerated().map { number, seed in
            let tag = number < tags.count ? tags[number] : nil
            return set.image(
                config: set.config(seed), layers: [set.layer(seed), set.layer(seed + 100)],
                tags: tag.map { [$0] } ?? [])
        }
    }

    private static var index: DataSet {
        var set = DataSet("index")
        set.index(addImages(to: &set, 0..<2), tags: ["index"])
        return set
    }

    private static var nestedIndex: DataSet {
        var set = DataSet("nested-index")
        let first = set.index(addImages(to: &set, 0..<2))
        let second = set.index(addImages(to: &set, 2..<4), tags: ["inner"])
        set.index([first, second], tags: ["nested-index"])
        return set
    }

    private static var emptyIndex: DataSet {
        var set = DataSet("empty-index")
        set.index([], tags: ["empty-index"])
        return set
    }

    private static var sha512: DataSet {
        var set = DataSet("sha512", algorithm: .sha512)
        set.index(addImages(to: &set, 0..<2))
        return set
    }

    /// The top index gets two tags, each child one.
    private static func tagParameter(_ algorithm: Digest.Algorithm) -> DataSet {
        var set = DataSet("tag-param-\(algorithm)", algorithm: algorithm)
        set.tagsByQuery = true
        set.index(addImages(to: &set, 0..<2, tags: ["child-1", "child-2"]), tags: ["top-1", "top-2"])
        return set
    }

    // MARK: Artifacts

    private static func addArtifact(
        to set: inout DataSet, _ seed: Int, tags: [String] = [], subject: Member? = nil,
        annotations: [String: String]? = nil
    ) -> Member {
        let config = set.blob(Array("{}".utf8)).descriptor(MediaType.emptyJSON.string)
        let layer = set.blob(sampleBytes(300, seed: seed)).descriptor(exampleType + "+data")
        return set.image(
            config: config, layers: [layer], tags: tags, artifactType: exampleType, subject: subject,
            annotations: annotations)
    }

    private static var artifact: DataSet {
        var set = DataSet("artifact")
        _ = addArtifact(to: &set, 1, tags: ["artifact"])
        return set
    }

    private static var artifactIndex: DataSet {
        var set = DataSet("artifact-index")
        let children = [addArtifact(to: &set, 1), addArtifact(to: &set, 2)]
        set.index(children, tags: ["artifact-index"], artifactType: exampleType)
        return set
    }

    /// The config and the only layer are the same blob.
    private static var artifactWithoutLayers: DataSet {
        var set = DataSet("artifact-without-layers")
        let empty = set.blob(Array("{}".utf8)).descriptor(MediaType.emptyJSON.string)
        set.image(config: empty, layers: [empty], tags: ["artifact-without-layers"], artifactType: exampleType)
        return set
    }

    /// Three referrers, one of them without a type of its own, one known by its tag only.
    private static var artifactsWithSubject: DataSet {
        var set = DataSet("artifacts-with-subject")
        let image = set.image(config: set.config(1), layers: [set.layer(1)], tags: ["subject"])
        _ = addArtifact(to: &set, 1, subject: image, annotations: ["org.example.order": "1", "note": "a \"b\""])
        _ = addArtifact(to: &set, 2, tags: ["tagged-referrer"], subject: image)
        set.image(
            config: set.config(2), layers: [set.layer(2)], subject: image, annotations: ["org.example.order": "3"],
            listedAs: MediaType.ociConfig.string)
        return set
    }

    /// An index whose child images have its subject too.
    private static var indexWithSubject: DataSet {
        var set = DataSet("index-with-subject")
        let subject = set.index(addImages(to: &set, 0..<2), tags: ["subject-index"])
        let children = [
            addArtifact(to: &set, 11, subject: subject), addArtifact(to: &set, 12, subject: subject),
        ]
        set.index(children, tags: ["index-referrer"], artifactType: exampleType + "+index", subject: subject)
        return set
    }

    private static var missingSubject: DataSet {
        var set = DataSet("missing-subject")
        _ = addArtifact(to: &set, 1, tags: ["dangling"], subject: set.unpushed(1))
        return set
    }

    // MARK: What depends on settings

    /// An image with a layer, and an index with a child, that are never pushed.
    static var sparse: DataSet {
        var set = DataSet("sparse")
        set.isSparse = true
        let absent = Content(sampleBytes(800, seed: 81))
        let image = set.image(
            config: set.config(1), layers: [set.layer(1), absent.descriptor(layer)], tags: ["sparse"])
        set.index([image, set.unpushed(82)], tags: ["sparse-index"])
        return set
    }
}
