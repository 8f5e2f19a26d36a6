import OCI
import Registry
import TestSupport
import Testing

@Suite("Conformance 3.6: manifest errors; security: type confusion, manifest size")
struct ManifestErrorTests {
    @Test("missing-manifest: unknown digests and tags are 404", arguments: StoreKind.allCases)
    func missing(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            try await server.client.pushImage(1, to: "repo1", tag: "latest")
            let unknown = Digest.Algorithm.allCases.map { Digest(of: [7], algorithm: $0).string }
            for reference in unknown + ["unknown", "lates", "latest2", "Latest"] {
                for method in ["GET", "HEAD", "DELETE"] {
                    let reply = try await server.client.send(method, "/v2/repo1/manifests/\(reference)")
                    #expect(reply.status == 404)
                    if method != "HEAD" { #expect(reply.codes == ["MANIFEST_UNKNOWN"]) }
                }
            }
        }
    }

    @Test(
        "invalid-digest-format: 400 for every method",
        arguments: [
            "sha256:baddigeststring", "sha256:", ":", "sha999:abc", "sha256:" + String(repeating: "G", count: 64),
        ])
    func invalidDigest(reference: String) async throws {
        try await withServer(on: .memory) { server in
            for method in ["PUT", "GET", "DELETE"] {
                let payload = method == "PUT" ? Payload.chunked(Content.image(1).bytes) : .none
                let reply = try await server.client.send(
                    method, "/v2/repo1/manifests/\(reference)", [("Content-Type", MediaType.ociManifest.string)],
                    payload)
                #expect(reply.status == 400)
                #expect(reply.codes == ["DIGEST_INVALID"])
            }
        }
    }

    @Test(
        "tags that are none: 400 TAG_INVALID",
        arguments: ["-a", ".a", "a%20b", "%2e%2e", "..", "a+b", "%C3%A4", String(repeating: "a", count: 129)])
    func invalidTag(tag: String) async throws {
        try await withServer(on: .memory) { server in
            for method in ["PUT", "GET", "DELETE"] {
                let payload = method == "PUT" ? Payload.chunked(Content.image(1).bytes) : .none
                let reply = try await server.client.send(method, "/v2/repo1/manifests/\(tag)", [], payload)
                #expect(reply.status == 400)
                #expect(reply.codes == ["TAG_INVALID"])
            }
            #expect(try await server.store.keys() == ["registry/_keys/uploads"])
        }
    }

    @Test("a tag of 128 characters works", arguments: StoreKind.allCases)
    func longestTag(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let tag = "_" + String(repeating: "A", count: 127)
            try await server.client.pushImage(1, to: "repo1", tag: tag)
            #expect(try await server.client.head("/v2/repo1/manifests/\(tag)").status == 200)
            #expect(try await server.client.delete("/v2/repo1/manifests/\(tag)").status == 202)
        }
    }

    /// Bodies and the content type they are sent with; none may get in.
    private static let refused: [(name: String, body: String, type: String?)] = {
        let (image, index) = (MediaType.ociManifest.string, MediaType.ociIndex.string)
        let empty = #"{"mediaType":"\#(MediaType.emptyJSON)","digest":"\#(Content.emptyJSON.digest)","size":2}"#
        return [
            ("empty", "", image),
            ("no JSON", "hello", image),
            ("no object", "[]", image),
            ("truncated", #"{"schemaVersion":2"#, image),
            ("image and index at once", #"{"schemaVersion":2,"manifests":[],"layers":[],"config":\#(empty)}"#, image),
            ("index with layers", #"{"schemaVersion":2,"manifests":[],"layers":[]}"#, index),
            ("index sent as image", #"{"schemaVersion":2,"mediaType":"\#(index)","manifests":[]}"#, image),
            (
                "image sent as index", #"{"schemaVersion":2,"mediaType":"\#(image)","layers":[],"config":\#(empty)}"#,
                index
            ),
            ("image without mediaType sent as index", #"{"schemaVersion":2,"layers":[],"config":\#(empty)}"#, index),
            ("repeated key", #"{"schemaVersion":2,"manifests":[],"manifests":[]}"#, index),
            ("other case", #"{"schemaVersion":2,"manifests":[],"Manifests":[]}"#, index),
            ("a type that is none", #"{"schemaVersion":2,"manifests":[]}"#, "text/html"),
            ("Content-Type that is none", #"{"schemaVersion":2,"manifests":[]}"#, "nonsense"),
            ("no type at all", #"{"schemaVersion":2}"#, nil),
            ("schema 1", #"{"schemaVersion":1,"fsLayers":[]}"#, nil),
            (
                "malformed digest inside",
                #"{"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"x","size":1}]}"#, index
            ),
            (
                "negative size", #"{"schemaVersion":2,"layers":[],"config":\#(empty.replacing(":2}", with: ":-2}"))}"#,
                image
            ),
            ("too deep", #"{"schemaVersion":2,"x":\#(String(repeating: "[", count: 5000))"#, image),
        ]
    }()

    @Test(
        "bodies that are no manifest, or two at once, are 400 MANIFEST_INVALID, by tag and by digest",
        arguments: refused)
    func invalid(test: (name: String, body: String, type: String?)) async throws {
        try await withServer(on: .memory) { server in
            try await server.client.push(.emptyJSON, to: "repo1")
            let before = try await server.store.keys()
            let content = Content(Array(test.body.utf8))
            for reference in ["latest", content.digest.string] {
                let reply = try await server.client.put(content, to: "repo1", as: reference, type: test.type)
                #expect(reply.status == 400)
                #expect(reply.codes == ["MANIFEST_INVALID"])
            }
            #expect(try await server.store.keys() == before)
        }
    }

    @Test("parameters of the Content-Type are ignored, and a missing one is read from the body")
    func contentType() async throws {
        try await withServer(on: .memory) { server in
            let image = try await server.client.pushImage(1, to: "repo1")
            let type = MediaType.ociManifest.string
            for sent in ["\(type); charset=utf-8", "\(type);q=1", " \(type) ", nil] {
                let reply = try await server.client.put(image, to: "repo1", as: "latest", type: sent)
                #expect(reply.status == 201)
                let got = try await server.client.get("/v2/repo1/manifests/latest")
                #expect(got.values("Content-Type") == [type])
            }
        }
    }

    @Test("4 MiB are accepted, one byte more is 413, counted or chunked", arguments: StoreKind.allCases)
    func size(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let client = server.client
            try await client.push(.emptyJSON, to: "repo1")
            let image = Content.image(1).bytes
            let largest = image + Array(repeating: 0x20, count: Manifest.maximumSize - image.count)
            let fields = [("Content-Type", MediaType.ociManifest.string)]
            let target = "/v2/repo1/manifests/"
            for payload in [Payload.counted(largest), .chunked(largest)] {
                let reply = try await client.send("PUT", "\(target)latest", fields, payload)
                #expect(reply.status == 201)
            }
            #expect(try await client.get("\(target)latest").body == largest)
            for payload in [Payload.counted(largest + [0x20]), .chunked(largest + [0x20])] {
                let reply = try await client.send("PUT", "\(target)huge", fields, payload)
                #expect(reply.status == 413)
                #expect(reply.codes == ["SIZE_INVALID"])
            }
            #expect(try await client.get("\(target)huge").status == 404)
            // A length alone is enough to be refused.
            let announced = try await client.send("PUT", "\(target)huge", fields + [("Content-Length", "1073741824")])
            #expect(announced.status == 413)
        }
    }
}
