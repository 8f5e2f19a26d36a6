import OCI
import Testing

/// JSON texts to build manifests from.
enum Sample {
    static let digest = "sha256:" + String(repeating: "ab", count: 32)
    static let config = descriptor("application/vnd.oci.image.config.v1+json")
    static let layer = descriptor("application/vnd.oci.image.layer.v1.tar+gzip")
    static let child = descriptor("application/vnd.oci.image.manifest.v1+json")

    static func descriptor(_ mediaType: String) -> String {
        #"{"mediaType":"\#(mediaType)","digest":"\#(digest)","size":7}"#
    }

    /// An image manifest with more members.
    static func image(_ more: String = "") -> String {
        #"{"schemaVersion":2,"config":\#(config),"layers":[\#(layer),\#(layer)]\#(more)}"#
    }

    /// An index with more members.
    static func index(_ more: String = "") -> String {
        #"{"schemaVersion":2,"manifests":[\#(child)]\#(more)}"#
    }

    static func mediaType(_ mediaType: MediaType) -> String {
        #","mediaType":"\#(mediaType)""#
    }
}

/// Reads text as a manifest with a digest that is not checked here.
func manifest(_ text: String, _ contentType: MediaType? = nil) throws -> Manifest {
    try Manifest(bytes: Array(text.utf8), contentType: contentType, digest: Digest(Sample.digest))
}

struct ManifestTests {
    @Test(arguments: [MediaType.ociManifest, .dockerManifest])
    func readsImages(mediaType: MediaType) throws {
        for text in [Sample.image(Sample.mediaType(mediaType)), Sample.image(), " \n" + Sample.image() + "  \r\n\t"] {
            let manifest = try manifest(text, mediaType)
            #expect(manifest.bytes == Array(text.utf8))
            #expect(manifest.mediaType == mediaType)
            #expect(manifest.digest == (try Digest(Sample.digest)))
            #expect(manifest.kind == .image)
            #expect(manifest.config?.mediaType == MediaType.ociConfig.string)
            #expect(manifest.layers.map(\.size) == [7, 7])
            #expect(manifest.manifests.isEmpty)
            #expect(manifest.references.count == 3)
            #expect(manifest.subject == nil)
            #expect(manifest.artifactType == nil)
            #expect(manifest.annotations.isEmpty)
        }
    }

    @Test(arguments: [MediaType.ociIndex, .dockerManifestList])
    func readsIndexes(mediaType: MediaType) throws {
        for text in [Sample.index(Sample.mediaType(mediaType)), Sample.index()] {
            let manifest = try manifest(text, mediaType)
            #expect(manifest.mediaType == mediaType)
            #expect(manifest.kind == .index)
            #expect(manifest.config == nil)
            #expect(manifest.layers.isEmpty)
            #expect(manifest.references == manifest.manifests)
            #expect(manifest.manifests.map(\.mediaType) == [MediaType.ociManifest.string])
        }
    }

    @Test(arguments: ["", #","schemaVersion":2"#])
    func readsArtifacts(version: String) throws {
        let text = #"""
            {"mediaType":"application/vnd.oci.artifact.manifest.v1+json","artifactType":"a/b",
            "blobs":[\#(Sample.layer)],"subject":\#(Sample.child),"annotations":{"k":"v"}\#(version)}
            """#
        let manifest = try manifest(text)
        #expect(manifest.mediaType == .ociArtifactManifest)
        #expect(manifest.kind == .artifact)
        #expect(manifest.layers.count == 1)
        #expect(manifest.references == manifest.layers)
        #expect(manifest.subject?.size == 7)
        #expect(manifest.referrerArtifactType == "a/b")
        #expect(try OCITests.manifest(#"{"artifactType":"a/b"}"#, .ociArtifactManifest).references.isEmpty)
    }

    @Test(arguments: ["[]", "null"])
    func takesEmptyLists(list: String) throws {
        let image = #"{"schemaVersion":2,"config":\#(Sample.config),"layers":\#(list)}"#
        #expect(try manifest(image).references.map(\.mediaType) == [MediaType.ociConfig.string])
        #expect(try manifest(#"{"schemaVersion":2,"manifests":\#(list)}"#).references.isEmpty)
        #expect(try manifest(#"{"blobs":\#(list)}"#, .ociArtifactManifest).references.isEmpty)
    }

    @Test func ignoresWhatItDoesNotKnow() throws {
        let more =
            #","org.example.custom":{"layers":[1],"config":2},"x":[null,true,1e999,"\ud800"],"mediatypes":"y","name":1"#
        let custom = try manifest(
            Sample.image(more + #","subject":null,"annotations":null,"artifactType":null,"mediaType":null"#))
        #expect(custom.layers.count == 2)
        #expect(custom.subject == nil)
        // What belongs to another kind is no part of this one.
        #expect(try manifest(Sample.image(#","blobs":[\#(Sample.layer)]"#)).references.count == 3)
        #expect(try manifest(Sample.index(#","blobs":[\#(Sample.layer)]"#)).references.count == 1)
    }

    @Test func readsEscapedText() throws {
        let text = Sample.image(
            #","m\u0065diaType":"application\/vnd.oci.image.manifest.v1+json","annotations":{"\u00e9":"\n"}"#)
        #expect(try manifest(text).annotations == ["é": "\n"])
        #expect(Manifest.detectMediaType(Array(text.utf8)) == .ociManifest)
    }

    private static let detectable: [(String, MediaType)] = [
        (Sample.image(), MediaType.ociManifest), (Sample.index(), .ociIndex), (#"{"manifests":null}"#, .ociIndex),
        (Sample.image(Sample.mediaType(.dockerManifest)), .dockerManifest),
        (Sample.index(Sample.mediaType(.dockerManifestList)), .dockerManifestList),
        (#"{"mediaType":"application/vnd.oci.artifact.manifest.v1+json"}"#, .ociArtifactManifest),
        (#"{"config":{},"layers":[]}"#, .ociManifest),
    ]

    @Test(arguments: detectable)
    func detectsMediaTypes(text: String, mediaType: MediaType) {
        #expect(Manifest.detectMediaType(Array(text.utf8)) == mediaType)
    }

    @Test(arguments: [
        "", "{}", "[]", "null", "{", "\u{FEFF}{}", #"{"config":{}}"#, #"{"layers":[]}"#, #"{"schemaVersion":2}"#,
        #"{"manifests":[],"layers":[]}"#, #"{"manifests":[],"manifests":[]}"#, #"{"mediaType":"application/json"}"#,
        #"{"mediaType":"application/vnd.docker.distribution.manifest.v1+json"}"#, #"{"mediaType":7,"manifests":[]}"#,
        #"{"mediaType":"application/vnd.oci.image.index.v1+json; charset=utf-8"}"#, #"{"fsLayers":[],"manifests":[]}"#,
    ])
    func detectsNothingInOtherText(text: String) {
        #expect(Manifest.detectMediaType(Array(text.utf8)) == nil)
    }

    @Test func detectsNothingInOtherBytes() {
        #expect(Manifest.detectMediaType([0x7B, 0xFF, 0x7D]) == nil)
        #expect(Manifest.detectMediaType(Array(repeating: 0x5B, count: 5 << 20)) == nil)
    }
}

struct ReferrerTests {
    @Test func showsTheManifestsOwnArtifactType() throws {
        let more = #","subject":\#(Sample.child),"artifactType":"a/b","annotations":{"k":"v"}"#
        for text in [Sample.image(more), Sample.index(more)] {
            let manifest = try manifest(text)
            #expect(manifest.subject?.mediaType == MediaType.ociManifest.string)
            let expected = Descriptor(
                mediaType: manifest.mediaType.string, digest: try Digest(Sample.digest), size: text.utf8.count,
                annotations: ["k": "v"], artifactType: "a/b")
            #expect(manifest.referrerDescriptor() == expected)
            #expect(manifest.references.count == (manifest.kind == .image ? 3 : 1))
        }
    }

    @Test(arguments: ["", #","artifactType":"""#, #","artifactType":null"#])
    func fallsBackToTheConfigOfAnImage(more: String) throws {
        #expect(try manifest(Sample.image(more)).referrerDescriptor().artifactType == MediaType.ociConfig.string)
        #expect(try manifest(Sample.index(more)).referrerDescriptor().artifactType == nil)
        #expect(try manifest(Sample.image(more)).referrerDescriptor().annotations == nil)
        #expect(try manifest(Sample.image(#","annotations":{}"#)).referrerDescriptor().annotations == nil)
    }
}
