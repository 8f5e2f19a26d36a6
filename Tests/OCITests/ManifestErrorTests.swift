import OCI
import Testing

struct ManifestErrorTests {
    private static let digest = Sample.digest
    private static let signedSchema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"

    private static let wrong: [(String, ManifestError)] = [
        ("", ManifestError.malformedJSON(reason: "expected an object", offset: 0)),
        ("[]", .malformedJSON(reason: "expected an object", offset: 0)),
        ("null", .malformedJSON(reason: "expected an object", offset: 0)),
        (
            Sample.image() + "x",
            .malformedJSON(reason: "expected nothing after the object", offset: Sample.image().utf8.count)
        ),
        (
            Sample.image(#","x":01"#),
            .malformedJSON(
                reason: "expected a comma or }", offset: Sample.image().utf8.count + 5)
        ),
        ("\u{FEFF}" + Sample.image(), .byteOrderMark),
        ("{}", .unknownMediaType), (#"{"schemaVersion":2}"#, .unknownMediaType),
        (#"{"schemaVersion":2,"config":\#(Sample.config)}"#, .unknownMediaType),
        (#"{"schemaVersion":2,"layers":[]}"#, .unknownMediaType),
        (Sample.image(Sample.mediaType(.octetStream)), .unsupportedMediaType("application/octet-stream")),
        (Sample.image(#","mediaType":"""#), .unsupportedMediaType("")),
        (Sample.image(#","mediaType":7"#), .invalid(path: "mediaType", problem: "expected a string")),
        // One body, two kinds (GHSA-qq97-vm5h-rrhg).
        (Sample.image(#","manifests":[]"#), .ambiguousKind), (Sample.image(#","manifests":null"#), .ambiguousKind),
        (Sample.index(#","config":{}"#), .ambiguousKind), (Sample.index(#","layers":[]"#), .ambiguousKind),
        (Sample.index(#","l\u0061yers":[]"#), .ambiguousKind),
        // Schema 1.
        (#"{"schemaVersion":1,"name":"a","tag":"b","fsLayers":[],"history":[]}"#, .dockerSchema1),
        (#"{"schemaVersion":2,"mediaType":"\#(signedSchema1)","manifests":[]}"#, .dockerSchema1),
        // Version.
        (#"{"manifests":[]}"#, .missing("schemaVersion")),
        (#"{"schemaVersion":null,"manifests":[]}"#, .missing("schemaVersion")),
        (#"{"schemaVersion":1,"manifests":[]}"#, .invalid(path: "schemaVersion", problem: "expected 2, found 1")),
        (#"{"schemaVersion":"2","manifests":[]}"#, .invalid(path: "schemaVersion", problem: "expected an integer")),
        // Keys that Go programs take for known ones.
        (Sample.image(#","Manifests":[]"#), .invalid(path: "Manifests", problem: "the key is spelled manifests")),
        (Sample.image(#","MEDIATYPE":"x""#), .invalid(path: "MEDIATYPE", problem: "the key is spelled mediaType")),
        (Sample.index(#","layer\u017f":[]"#), .invalid(path: "layerſ", problem: "the key is spelled layers")),
        (
            #"{"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"\#(digest)","size":1,"Digest":"x"}]}"#,
            .invalid(path: "manifests[0].Digest", problem: "the key is spelled digest")
        ),
        // Members.
        (#"{"schemaVersion":2,"config":null,"layers":[]}"#, .missing("config")),
        (#"{"schemaVersion":2,"config":[],"layers":[]}"#, .invalid(path: "config", problem: "expected an object")),
        (#"{"schemaVersion":2,"config":{},"layers":[]}"#, .missing("config.mediaType")),
        (#"{"schemaVersion":2,"manifests":{}}"#, .invalid(path: "manifests", problem: "expected an array")),
        (#"{"schemaVersion":2,"manifests":["x"]}"#, .invalid(path: "manifests[0]", problem: "expected an object")),
        (#"{"schemaVersion":2,"manifests":[null]}"#, .invalid(path: "manifests[0]", problem: "expected an object")),
        (
            #"{"schemaVersion":2,"manifests":[\#(Sample.child),{"mediaType":"a/b","size":1}]}"#,
            .missing("manifests[1].digest")
        ),
        (
            #"{"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"\#(digest)","size":"1"}]}"#,
            .invalid(path: "manifests[0].size", problem: "expected an integer")
        ),
        (
            #"{"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"\#(digest)","size":-1}]}"#,
            .invalid(path: "manifests[0].size", problem: "expected a length in bytes, found -1")
        ),
        (
            #"{"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"sha256:x","size":1}]}"#,
            .invalid(path: "manifests[0].digest", problem: DigestError.malformed("sha256:x").description)
        ),
        (
            #"{"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"md5:x","size":1}]}"#,
            .invalid(path: "manifests[0].digest", problem: DigestError.unsupportedAlgorithm("md5").description)
        ),
        (Sample.image(#","subject":7"#), .invalid(path: "subject", problem: "expected an object")),
        (Sample.image(#","artifactType":[]"#), .invalid(path: "artifactType", problem: "expected a string")),
        (Sample.image(#","annotations":[]"#), .invalid(path: "annotations", problem: "expected an object")),
        (Sample.image(#","annotations":{"k":7}"#), .invalid(path: "annotations.k", problem: "expected a string")),
    ]

    @Test(arguments: wrong)
    func saysWhatIsWrong(text: String, expected: ManifestError) throws {
        let error = try #require(throws: ManifestError.self) { try manifest(text) }
        #expect(error == expected)
    }

    @Test(arguments: [
        #""layers":[]"#, #""layer\u0073":[]"#, #""config":null"#, #""schemaVersion":2"#,
        #""blobs":[],"blobs":[]"#, #""subject":null,"subject":null"#, #""mediaType":"x","mediaType":"x""#,
        #""annotations":{},"annotations":{}"#, #""artifactType":"x","artifactType":"x""#, #""x":1,"x":1"#,
        #""subject":{"digest":"sha256:a","digest":"sha256:b"}"#, #""annotations":{"a":"b","a":"c"}"#,
    ])
    func refusesRepeatedKeys(members: String) throws {
        let error = try #require(throws: ManifestError.self) { try manifest(Sample.image("," + members)) }
        #expect(error.description.contains("is there twice"))
        #expect(Manifest.detectMediaType(Array(Sample.image("," + members).utf8)) == nil)
    }

    private static let contradictions: [(String, MediaType, ManifestError)] = [
        (Sample.image(), MediaType.ociIndex, ManifestError.missing("manifests")),
        (Sample.index(), .ociManifest, .missing("config")), (Sample.index(), .dockerManifest, .missing("config")),
        (#"{"schemaVersion":2,"layers":[]}"#, .ociManifest, .missing("config")),
        (#"{"schemaVersion":2,"config":\#(Sample.config)}"#, .dockerManifest, .missing("layers")),
        (Sample.index(), .octetStream, .unsupportedMediaType("application/octet-stream")),
        (Sample.image(), .ociConfig, .unsupportedMediaType("application/vnd.oci.image.config.v1+json")),
        (
            Sample.image(Sample.mediaType(.ociManifest)), .dockerManifest,
            .mediaTypeMismatch(body: MediaType.ociManifest.string, contentType: MediaType.dockerManifest.string)
        ),
        (
            Sample.index(Sample.mediaType(.ociManifest)), .ociIndex,
            .mediaTypeMismatch(body: MediaType.ociManifest.string, contentType: MediaType.ociIndex.string)
        ),
        (
            Sample.image(#","mediaType":"application/vnd.oci.image.manifest.v1+json ""#), .ociManifest,
            .mediaTypeMismatch(body: MediaType.ociManifest.string + " ", contentType: MediaType.ociManifest.string)
        ),
        (
            #"{"artifactType":"a/b","schemaVersion":1}"#, .ociArtifactManifest,
            .invalid(path: "schemaVersion", problem: "expected 2, found 1")
        ),
    ]

    @Test(arguments: contradictions)
    func comparesWithTheContentType(text: String, contentType: MediaType, expected: ManifestError) throws {
        let error = try #require(throws: ManifestError.self) { try manifest(text, contentType) }
        #expect(error == expected)
    }

    @Test(arguments: ["application/vnd.docker.distribution.manifest.v1+json", signedSchema1])
    func refusesSchema1ByContentType(contentType: String) throws {
        let mediaType = try #require(MediaType(contentType))
        #expect(throws: ManifestError.dockerSchema1) { try manifest(Sample.image(), mediaType) }
    }

    @Test func refusesBytesThatAreNotUTF8() throws {
        let prefix = Array(#"{"x":""#.utf8)
        let suffix = Array(#"","schemaVersion":2,"manifests":[]}"#.utf8)
        let digest = try Digest(Sample.digest)
        for bad: [UInt8] in [
            [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x82], [0xF4, 0x90, 0x80, 0x80], [0x80],
        ] {
            #expect(throws: ManifestError.notUTF8(offset: prefix.count)) {
                try Manifest(bytes: prefix + bad + suffix, contentType: nil, digest: digest)
            }
        }
        // UTF-16 and UTF-32, which Foundation's decoder would read.
        for width in [2, 4] {
            let wide = (prefix + suffix).flatMap { [$0] + [UInt8](repeating: 0, count: width - 1) }
            for bytes in [wide, wide.reversed().drop { $0 == 0x7D }.reversed()] {
                #expect(throws: ManifestError.self) { try Manifest(bytes: bytes, contentType: nil, digest: digest) }
            }
        }
    }

    @Test(arguments: ["[", "{\"a\":"])
    func survivesDeepNesting(opening: String) throws {
        let text = Sample.image(#","x":"# + String(repeating: opening, count: 100_000))
        let error = try #require(throws: ManifestError.self) { try manifest(text) }
        #expect(error.description.contains("nested deeper than 100 levels"))
    }

    @Test func limitsReferences() throws {
        let image = { (layers: Int) in
            let list = Array(repeating: Sample.layer, count: layers).joined(separator: ",")
            return #"{"schemaVersion":2,"config":\#(Sample.config),"layers":[\#(list)]}"#
        }
        #expect(try manifest(image(Manifest.maximumReferences - 1)).references.count == Manifest.maximumReferences)
        #expect(throws: ManifestError.tooManyReferences(Manifest.maximumReferences + 1)) {
            try manifest(image(Manifest.maximumReferences))
        }
    }

    @Test func limitsTheSize() throws {
        let index = Sample.index()
        let full = index + String(repeating: " ", count: Manifest.maximumSize - index.utf8.count)
        #expect(try manifest(full).bytes.count == 4_194_304)
        #expect(throws: ManifestError.tooLarge(4_194_305)) { try manifest(full + " ") }
    }

    @Test func readsTheLargestManifestOfTheConformanceSuite() throws {
        let annotations = (0..<390).map { "\"\($0)\":\"\(String(repeating: "x", count: 10_000))\"" }.joined(
            separator: ",")
        #expect(try manifest(Sample.image(",\"annotations\":{\(annotations)}")).annotations.count == 390)
    }

    private static let descriptions: [(ManifestError, String)] = [
        (ManifestError.tooLarge(5), "5 bytes"), (.notUTF8(offset: 3), "byte 3"), (.byteOrderMark, "byte order mark"),
        (.malformedJSON(reason: "expected a colon", offset: 9), "byte 9: expected a colon"),
        (.missing("config.digest"), "\"config.digest\" is missing"),
        (.invalid(path: "config", problem: "why"), "\"config\": why"),
        (.ambiguousKind, "\"manifests\" beside"), (.mediaTypeMismatch(body: "a/b", contentType: "c/d"), "\"a/b\""),
        (.unsupportedMediaType("a/b"), "application/vnd.oci.image.index.v1+json"), (.dockerSchema1, "schema 1"),
        (.unknownMediaType, "application/vnd.oci.image.manifest.v1+json"), (.tooManyReferences(10_001), "10001"),
    ]

    @Test(arguments: descriptions)
    func describesErrors(error: ManifestError, part: String) {
        #expect(error.description.contains(part))
    }

    @Test func describesErrorsInBoundedText() {
        let long = String(repeating: "x", count: 1_000_000)
        let errors: [ManifestError] = [
            .missing(long), .invalid(path: long, problem: "y"),
            .mediaTypeMismatch(body: long, contentType: long), .unsupportedMediaType(long),
        ]
        for error in errors { #expect(error.description.utf8.count < 600) }
    }
}
