import OCI
import Registry
import TestSupport
import Testing

/// Bytes with the digest they have.
struct Content: Sendable, CustomStringConvertible {
    let bytes: [UInt8]
    let digest: Digest

    init(_ bytes: [UInt8], _ algorithm: Digest.Algorithm = .sha256) {
        self.bytes = bytes
        digest = Digest(of: bytes, algorithm: algorithm)
    }

    /// A valid image manifest without layers that differs with `seed`; its config is `Content.emptyJSON`.
    static func image(_ seed: Int, _ algorithm: Digest.Algorithm = .sha256, subject: Content? = nil) -> Content {
        var members: [(String, JSON)] = [("annotations", ["seed": .string("\(seed)")])]
        if let subject {
            members.append(("subject", subject.descriptor(MediaType.ociManifest.string)))
        }
        let manifest: JSON = [
            "schemaVersion": 2, "mediaType": .string(MediaType.ociManifest.string),
            "config": emptyJSON.descriptor(MediaType.emptyJSON.string), "layers": [],
        ]
        return Content(manifest.adding(members).bytes, algorithm)
    }

    static let emptyJSON = Content(Array("{}".utf8))

    var description: String { "\(bytes.count) bytes of \(digest)" }

    func descriptor(_ mediaType: String, _ more: [(String, JSON)] = []) -> JSON {
        .object(
            [
                ("mediaType", .string(mediaType)), ("digest", .string(digest.string)), ("size", .integer(bytes.count)),
            ] + more)
    }
}

extension String {
    /// An upload's Location as the target of its closing request: the digest joins whatever query there is.
    func closing(_ digest: Digest) -> String {
        "\(self)\(contains("?") ? "&" : "?")digest=\(digest)"
    }
}

extension RegistryClient {
    /// Starts an upload and returns its Location.
    func startUpload(_ name: String) async throws -> String {
        let reply = try await send("POST", "/v2/\(name)/blobs/uploads/", [], .counted([]))
        try #require(reply.status == 202)
        return try #require(reply["Location"])
    }

    /// Pushes a blob by POST and PUT.
    func push(_ content: Content, to name: String) async throws {
        let location = try await startUpload(name)
        let reply = try await send("PUT", location.closing(content.digest), [], .counted(content.bytes))
        try #require(reply.status == 201)
    }

    /// Pushes a manifest and returns the answer.
    func put(
        _ manifest: Content, to name: String, as reference: String? = nil, query: String = "",
        type: String? = MediaType.ociManifest.string
    ) async throws -> Reply {
        let fields = type.map { [("Content-Type", $0)] } ?? []
        let target = "/v2/\(name)/manifests/\(reference ?? manifest.digest.string)\(query)"
        return try await send("PUT", target, fields, .chunked(manifest.bytes))
    }

    /// Pushes an image without layers under a tag.
    @discardableResult
    func pushImage(
        _ seed: Int, to name: String, tag: String? = nil, subject: Content? = nil
    ) async throws -> Content {
        try await push(.emptyJSON, to: name)
        let image = Content.image(seed, subject: subject)
        let reply = try await put(image, to: name, as: tag)
        try #require(reply.status == 201)
        return image
    }

    func get(_ target: String, _ fields: [(String, String)] = []) async throws -> Reply {
        try await send("GET", target, fields)
    }

    func head(_ target: String) async throws -> Reply { try await send("HEAD", target) }
    func delete(_ target: String) async throws -> Reply { try await send("DELETE", target) }

    /// Whether a blob is there for HEAD, which GET must confirm, bytes included.
    func has(_ content: Content, in name: String) async throws -> Bool {
        let target = "/v2/\(name)/blobs/\(content.digest)"
        let head = try await head(target)
        let get = try await get(target)
        #expect(head.status == get.status)
        guard get.status == 200 else {
            #expect(get.status == 404)
            return false
        }
        #expect(head["Content-Length"] == "\(content.bytes.count)")
        #expect(get["Content-Length"] == "\(content.bytes.count)")
        #expect(get.body == content.bytes)
        #expect(get["Docker-Content-Digest"] == content.digest.string)
        #expect(head["Docker-Content-Digest"] == content.digest.string)
        return true
    }
}
