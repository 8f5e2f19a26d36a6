import OCI
import Testing

struct MediaTypeTests {
    private static let longName = String(repeating: "a", count: 127)

    private static let accepted: [(String, String)] = [
        ("application/json", "application/json"),
        ("application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.manifest.v1+json"),
        ("application/json; charset=utf-8", "application/json"), ("application/json;charset=utf-8", "application/json"),
        (" \tapplication/json \t; charset=utf-8", "application/json"), ("application/json ", "application/json"),
        ("application/json;", "application/json"), ("text/plain;a=\"b;c/d\";e", "text/plain"), ("A/B", "A/B"),
        ("Application/JSON", "Application/JSON"), ("x/y!#$&-^_.+z", "x/y!#$&-^_.+z"), ("1/2", "1/2"),
        ("\(longName)/\(longName)", "\(longName)/\(longName)"),
    ]

    @Test(arguments: accepted)
    func accepts(value: String, essence: String) throws {
        let mediaType = try #require(MediaType(value))
        #expect(mediaType.string == essence)
        #expect("\(mediaType)" == essence)
        #expect(MediaType(essence) == mediaType)
    }

    @Test(arguments: [
        "", " ", ";", "/", "a", "a/", "/b", "a/b/c", "a//b", "a b/c", "a/b c", "a /b", "a/ b", "*/*", "application/*",
        "a/b,c/d",
        "a/b, c/d", "a/(b)", "+a/b", "a/.b", "-a/b", "a/é", "é/b", "a/b\r\nX: y", "a/b\n", "a/b\0", "a/b\u{301}",
        "; a/b", "a%2fb",
        "a/\(longName)a", "\(longName)a/b", "a/" + String(repeating: "b", count: 100_000),
    ])
    func rejects(value: String) {
        #expect(MediaType(value) == nil)
    }

    @Test func comparesExactText() {
        #expect(MediaType("application/json") != MediaType("Application/json"))
        #expect(MediaType("application/vnd.oci.image.index.v1+json; a=b") == .ociIndex)
    }

    private static let known: [(MediaType, String, Bool, Bool)] = [
        (MediaType.ociManifest, "application/vnd.oci.image.manifest.v1+json", true, false),
        (.ociIndex, "application/vnd.oci.image.index.v1+json", true, true),
        (.ociArtifactManifest, "application/vnd.oci.artifact.manifest.v1+json", true, false),
        (.dockerManifest, "application/vnd.docker.distribution.manifest.v2+json", true, false),
        (.dockerManifestList, "application/vnd.docker.distribution.manifest.list.v2+json", true, true),
        (.ociConfig, "application/vnd.oci.image.config.v1+json", false, false),
        (.emptyJSON, "application/vnd.oci.empty.v1+json", false, false),
        (.octetStream, "application/octet-stream", false, false),
    ]

    @Test(arguments: known)
    func knowsManifests(mediaType: MediaType, text: String, isManifest: Bool, isIndex: Bool) {
        #expect(mediaType.string == text)
        #expect(MediaType(text) == mediaType)
        #expect(mediaType.isManifest == isManifest)
        #expect(mediaType.isIndex == isIndex)
        #expect(!mediaType.isNonDistributable)
    }

    @Test(arguments: [
        ("application/vnd.oci.image.layer.nondistributable.v1.tar", true),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", true),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", true),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", true),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar", true),
        ("application/vnd.oci.image.layer.v1.tar+gzip", false),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", false),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+other", false),
    ])
    func knowsNonDistributableLayers(text: String, expected: Bool) {
        #expect(MediaType(text)?.isNonDistributable == expected)
    }
}
