import Testing

/// A client that cannot be installed from packages, replayed: its requests as they were recorded on the wire.
final class ReplayedClient {
    let server: ServerProcess
    private let before: [String]
    private let after: [String]
    private var connection: HTTPConnection?

    /// - Parameters:
    ///   - userAgent: the User-Agent field; sent before the fields of a request.
    ///   - fields: field lines that every request ends with.
    init(server: ServerProcess, userAgent: String, fields: [String] = []) {
        self.server = server
        before = ["Host: \(server.host)", "User-Agent: \(userAgent)"]
        after = fields
    }

    /// Sends a request on the client's connection, which all its requests share.
    func send(
        _ method: String, _ target: String, _ fields: [String] = [], body: HTTPConnection.Body = .none
    ) throws -> HTTPConnection.Response {
        let connection = try self.connection ?? server.connect()
        self.connection = connection
        return try connection.send(method, target, headers: before + fields + after, body: body)
    }

    /// What a Go client does first where a registry may be plain http: it greets it with TLS, and falls back only when
    /// the answer is recognisable HTTP. An answer that comes late delays every operation of the client.
    func expectPlainAnswerToTLS(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let clock = ContinuousClock()
        let start = clock.now
        let greeting = try server.connect()
        try greeting.write(Self.tlsHello)
        let answer = try greeting.readResponse()
        #expect(answer.status == 400, sourceLocation: sourceLocation)
        #expect(start.duration(to: clock.now) < .seconds(2), sourceLocation: sourceLocation)
    }

    /// A ClientHello as Go 1.25 sends it to an address: TLS 1.3, with a post-quantum and a classic key share.
    static let tlsHello: [UInt8] = {
        let versions = field(0x002B, [4, 3, 4, 3, 3])
        let groups = field(0x000A, [0, 4, 0x11, 0xEC, 0, 0x1D])
        let signatures = field(0x000D, [0, 4, 8, 4, 4, 3])
        let protocols = field(0x0010, sized(Array("\u{2}h2\u{8}http/1.1".utf8)))
        let shares = field(0x0033, sized([0x11, 0xEC] + sized(filler(1216)) + [0, 0x1D] + sized(filler(32))))
        let suites = sized([0x13, 1, 0x13, 2, 0x13, 3, 0xC0, 0x2B, 0xC0, 0x2F])
        let hello: [UInt8] =
            [3, 3] + filler(32) + [32] + filler(32) + suites + [1, 0]
            + sized(versions + groups + signatures + protocols + shares)
        return [0x16, 3, 1] + sized([1, 0] + sized(hello))
    }()

    /// `bytes` after their length in two bytes.
    private static func sized(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8(bytes.count >> 8), UInt8(bytes.count & 255)] + bytes
    }

    /// A TLS extension.
    private static func field(_ type: UInt16, _ bytes: [UInt8]) -> [UInt8] {
        [UInt8(type >> 8), UInt8(type & 255)] + sized(bytes)
    }

    /// Bytes in place of random ones; among them line feeds, carriage returns and zeros.
    private static func filler(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0) } }
}

extension ReplayedClient {
    /// Uploads a blob as containerd, docker 29 and buildkit do: POST, then PUT of the whole blob.
    func putWhole(_ blob: Descriptor, of images: Layout, to repository: String) throws {
        let session = try send("POST", "/v2/\(repository)/blobs/uploads/", body: .bytes([]))
        try #require(session.status == 202)
        let answer = try send(
            "PUT", session.uploadTarget(digest: blob.digest), ["Content-Type: application/octet-stream"],
            body: .bytes(images.bytes(blob)))
        #expect(answer.status == 201)
        #expect(answer["Docker-Content-Digest"] == blob.digest)
    }

    /// Asks for a manifest as containerd, docker 29 and buildkit do before a push; returns the digest if it is there.
    func digestBeforePush(of reference: String, _ manifest: Descriptor, in repository: String) throws -> String? {
        let fields = ["Accept: \(manifest.mediaType), */*"]
        let answer = try send("HEAD", "/v2/\(repository)/manifests/\(reference)", fields)
        guard answer.status == 200 else {
            #expect(answer.status == 404)
            return nil
        }
        return answer["Docker-Content-Digest"]
    }

    /// Pushes a manifest under a tag or its digest.
    func putManifest(_ manifest: Descriptor, of images: Layout, to repository: String, as reference: String) throws {
        let answer = try send(
            "PUT", "/v2/\(repository)/manifests/\(reference)", ["Content-Type: \(manifest.mediaType)"],
            body: .bytes(images.bytes(manifest)))
        try #require(answer.status == 201, "\(reference): \(String(decoding: answer.body, as: UTF8.self))")
        #expect(answer["Docker-Content-Digest"] == manifest.digest)
    }

    /// Gets a blob and compares it with the pushed one; the recorded fields say which encodings the client decodes.
    func expectBlob(_ blob: Descriptor, of images: Layout, in repository: String, _ fields: [String]) throws {
        let answer = try send("GET", "/v2/\(repository)/blobs/\(blob.digest)", fields)
        #expect(answer.status == 200)
        #expect(answer["Content-Encoding"] == nil)
        #expect(answer["Content-Length"] == String(blob.size))
        #expect(try answer.body == images.bytes(blob))
    }

    /// Gets a manifest and compares it with the pushed one.
    func expectManifest(
        _ manifest: Descriptor, of images: Layout, in repository: String, as reference: String, _ fields: [String]
    ) throws {
        let answer = try send("GET", "/v2/\(repository)/manifests/\(reference)", fields)
        #expect(answer.status == 200)
        #expect(answer["Content-Type"] == manifest.mediaType)
        #expect(answer["Content-Encoding"] == nil)
        #expect(answer["Docker-Content-Digest"] == manifest.digest)
        #expect(try answer.body == images.bytes(manifest))
    }
}
