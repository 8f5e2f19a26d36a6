import EventLoop
import OCI
import ObjectStorage
import TestSupport

@testable import Registry

extension Repositories {
    /// The registry in `store`, as a program would open it.
    static func open(
        _ store: any ObjectStore, _ options: Options = Options(), now: @escaping @Sendable () -> Int = { 1_800_000_000 }
    ) async throws -> Repositories {
        try await Repositories(store: store, blockingWork: TestServer.blockingWork, options: options, now: now)
    }

    func repository(
        named name: String, visibility: Visibility = .everyBlob
    ) throws -> Repository {
        repository(try RepositoryName(name), visibility: visibility)
    }
}

extension Repository {
    /// Pushes a blob in one piece.
    @discardableResult
    func push(_ bytes: [UInt8], as digest: Digest? = nil) async throws -> Digest {
        let digest = digest ?? Digest(of: bytes)
        let upload = uploads.single(expecting: digest)
        try await upload.start(expecting: digest, size: bytes.count)
        try await upload.append(bytes.span.bytes)
        try await upload.commit(expecting: digest)
        return digest
    }

    /// Sends one piece of an upload and returns the token to go on with.
    func append(_ bytes: [UInt8], to token: String) async throws -> String {
        let upload = try await uploads.resume(token)
        try await upload.start(expecting: nil, size: bytes.count)
        try await upload.append(bytes.span.bytes)
        return try await upload.suspend()
    }

    /// Sends bytes without saying that they are a piece, and returns the token to go on with.
    func stream(_ bytes: [UInt8], to token: String) async throws -> String {
        let upload = try await uploads.resume(token)
        try await upload.start(expecting: nil, size: nil, isStreamed: true)
        try await upload.append(bytes.span.bytes)
        return try await upload.suspend()
    }

    /// Sends the closing request of an upload.
    func close(_ token: String, _ bytes: [UInt8] = [], as digest: Digest) async throws {
        let upload = try await uploads.resume(token)
        try await upload.start(expecting: digest, size: bytes.count)
        try await upload.append(bytes.span.bytes)
        try await upload.commit(expecting: digest)
    }

    /// Pushes an image without layers, whose config `{}` must be there.
    @discardableResult
    func put(_ bytes: [UInt8], byDigest: Bool = false, tags: String...) async throws -> Digest {
        let digest = Digest(of: bytes)
        return try await manifests.put(
            bytes, contentType: nil, expected: byDigest ? digest : nil, tags: try tags.map { try Tag($0) }
        ).digest
    }

    func tagList() async throws -> [String] {
        try await tags.list(after: nil, limit: .max).tags.map(\.string)
    }
}

/// The blob every test image has as its config.
let emptyConfig = Array("{}".utf8)

/// An image manifest without layers that differs with `seed`.
func image(_ seed: Int, subject: Digest? = nil, layers: [Digest] = []) -> [UInt8] {
    let entry = { (digest: Digest) in #"{"mediaType":"application/x","digest":"\#(digest)","size":2}"# }
    let reference = subject.map { #","subject":\#(entry($0))"# } ?? ""
    return Array(
        (#"{"schemaVersion":2,"mediaType":"\#(MediaType.ociManifest)","config":\#(entry(Digest(of: emptyConfig))),"#
            + #""layers":[\#(layers.map(entry).joined(separator: ","))],"annotations":{"seed":"\#(seed)"}\#(reference)}"#)
            .utf8)
}

/// An index of manifests.
func index(_ children: [Digest], seed: Int = 0) -> [UInt8] {
    let entries = children.map { #"{"mediaType":"\#(MediaType.ociManifest)","digest":"\#($0)","size":2}"# }
    return Array(
        (#"{"schemaVersion":2,"mediaType":"\#(MediaType.ociIndex)","manifests":[\#(entries.joined(separator: ","))],"#
            + #""annotations":{"seed":"\#(seed)"}}"#).utf8)
}

extension ObjectStream {
    fileprivate var contents: [UInt8] {
        get async throws {
            var bytes: [UInt8] = []
            try await forEachChunk { chunk in chunk.withUnsafeBytes { bytes.append(contentsOf: $0) } }
            return bytes
        }
    }
}

extension ObjectBody {
    /// Reads the file, if it is one, here and now.
    var contents: [UInt8] {
        get async throws {
            switch self {
            case .bytes(let bytes): bytes
            case .file(let region): try region.file.read(at: region.offset, count: region.length)
            case .stream(let stream): try await stream.contents
            }
        }
    }
}
