import OCI
import Registry
import TestSupport
import Testing

/// Bytes that are pushed, and the digest they have.
struct Content: Sendable {
    let bytes: [UInt8]
    let digest: Digest

    init(_ bytes: [UInt8], _ algorithm: Digest.Algorithm = .sha256) {
        self.bytes = bytes
        digest = Digest(of: bytes, algorithm: algorithm)
    }

    init(_ text: String) { self.init(Array(text.utf8)) }

    /// An image's manifest that refers to blobs.
    static func manifest(config: Content, layers: [Content], note: String = "", subject: Content? = nil) -> Content {
        let list = layers.map { $0.descriptor("application/vnd.oci.image.layer.v1.tar") }.joined(separator: ",")
        let subject = subject.map { ",\"subject\":" + $0.descriptor(manifestType) } ?? ""
        return Content(
            """
            {"schemaVersion":2,"mediaType":"\(manifestType)",\
            "config":\(config.descriptor("application/vnd.oci.image.config.v1+json")),"layers":[\(list)]\(subject),\
            "annotations":{"note":"\(note)"}}
            """)
    }

    /// An index of manifests.
    static func index(_ manifests: [Content], note: String = "", type: String = manifestType) -> Content {
        let list = manifests.map { $0.descriptor(type) }.joined(separator: ",")
        return Content(
            """
            {"schemaVersion":2,"mediaType":"\(indexType)","manifests":[\(list)],"annotations":{"note":"\(note)"}}
            """)
    }

    static let manifestType = "application/vnd.oci.image.manifest.v1+json"
    static let indexType = "application/vnd.oci.image.index.v1+json"

    private func descriptor(_ type: String) -> String {
        "{\"mediaType\":\"\(type)\",\"digest\":\"\(digest)\",\"size\":\(bytes.count)}"
    }
}

extension RegistryClient {
    /// Sends a request whose answer must have `status`.
    @discardableResult
    func expect(
        _ status: Int, _ method: String, _ target: String, _ fields: [(String, String)] = [],
        _ payload: Payload = .none, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> Reply {
        let reply = try await send(method, target, fields, payload)
        try #require(
            reply.status == status, "\(method) \(target.prefix(100)): \(reply.text.prefix(300))",
            sourceLocation: sourceLocation)
        return reply
    }

    /// Asks again and again until the answer is the one that is waited for.
    @discardableResult
    func ask(
        _ target: String, sourceLocation: SourceLocation = #_sourceLocation, until isRight: (Reply) throws -> Bool
    ) async throws -> Reply {
        let end = ContinuousClock.now + .seconds(20)
        while true {
            let reply = try await send("GET", target)
            if try isRight(reply) { return reply }
            try #require(ContinuousClock.now < end, "\(target): \(reply.status)", sourceLocation: sourceLocation)
        }
    }

    /// Waits until the metrics have a value.
    func awaitMetric(_ name: String, _ labels: [String: String] = [:], _ isRight: (Double) -> Bool) async throws {
        try await ask("/metrics") { isRight(try Exposition($0.text).value(name, labels)) }
    }

    /// Starts an upload and returns where it goes on.
    func startUpload(_ name: String) async throws -> String {
        let reply = try await expect(202, "POST", "/v2/\(name)/blobs/uploads/", [], .counted([]))
        return try #require(reply["Location"])
    }

    /// Pushes a blob by a single POST.
    func push(_ blob: Content, to name: String) async throws {
        try await expect(201, "POST", "/v2/\(name)/blobs/uploads/?digest=\(blob.digest)", [], .counted(blob.bytes))
    }

    /// Pushes a manifest under a tag, or under its digest.
    func push(
        manifest: Content, as tag: String? = nil, to name: String, type: String = Content.manifestType
    ) async throws {
        try await expect(
            201, "PUT", "/v2/\(name)/manifests/\(tag ?? manifest.digest.string)", [("Content-Type", type)],
            .counted(manifest.bytes))
    }

    /// Whether the blob's bytes can be pulled.
    func has(_ blob: Content, in name: String) async throws -> Bool {
        let reply = try await send("GET", "/v2/\(name)/blobs/\(blob.digest)")
        return reply.status == 200 && reply.body == blob.bytes
    }

    /// Whether the manifest can be pulled under a tag, or under its digest.
    func has(manifest: Content, as tag: String? = nil, in name: String) async throws -> Bool {
        let reply = try await send("GET", "/v2/\(name)/manifests/\(tag ?? manifest.digest.string)")
        return reply.status == 200 && reply.body == manifest.bytes
            && reply["Docker-Content-Digest"] == manifest.digest.string
    }
}

extension String {
    /// An upload's Location as the target of its closing request.
    func closing(_ digest: Digest) -> String { "\(self)\(contains("?") ? "&" : "?")digest=\(digest)" }
}
