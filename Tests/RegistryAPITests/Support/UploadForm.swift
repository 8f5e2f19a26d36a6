import OCI
import TestSupport
import Testing

/// The ways to push a blob that do not need another repository (conformance 3.3).
enum UploadForm: String, CaseIterable, Sendable {
    case postOnly = "post only"
    case postPut = "post+put"
    case chunkedSingle = "chunked single"
    case stream
    case chunkedMulti = "chunked multi"
    case chunkedMultiPutChunk = "chunked multi and put chunk"

    /// Whether bytes travel before the digest is named.
    var announcesLate: Bool { self != .postOnly && self != .postPut }

    /// Sends `bytes` under `digest`, which they need not have, and returns the answer of the request that names it. What
    /// comes before must be accepted, with a Location each.
    func push(
        _ bytes: [UInt8], as digest: Digest, to name: String, with client: RegistryClient
    ) async throws -> Reply {
        if self == .postOnly {
            return try await client.send(
                "POST", "/v2/\(name)/blobs/uploads/?digest=\(digest)", [], .counted(bytes))
        }
        let start = try await client.startUpload(name)
        switch self {
        case .postOnly, .postPut:
            return try await client.send("PUT", start.closing(digest), [], .counted(bytes))
        case .chunkedSingle:
            return try await close(
                try await client.patch(start, bytes, 0..<bytes.count, of: bytes.count), digest, client)
        case .stream:
            let reply = try await client.send("PATCH", start, [], .chunked(bytes, size: 1000))
            return try await close(try reply.nextLocation(after: bytes.count), digest, client)
        case .chunkedMulti:
            let location = try await pushChunks(bytes, at: start, with: client, upTo: bytes.count)
            return try await close(location, digest, client)
        case .chunkedMultiPutChunk:
            let cuts = Self.cuts(bytes.count)
            let location = try await pushChunks(bytes, at: start, with: client, upTo: cuts.1)
            return try await client.send(
                "PUT", location.closing(digest), [("Content-Range", "\(cuts.1)-\(bytes.count - 1)")],
                .counted(Array(bytes[cuts.1...])))
        }
    }

    private func close(_ location: String, _ digest: Digest, _ client: RegistryClient) async throws -> Reply {
        try await client.send("PUT", location.closing(digest), [], .counted([]))
    }

    private func pushChunks(
        _ bytes: [UInt8], at start: String, with client: RegistryClient, upTo end: Int
    ) async throws -> String {
        let cuts = Self.cuts(bytes.count)
        var location = start
        for range in [0..<cuts.0, cuts.0..<cuts.1, cuts.1..<bytes.count] where range.upperBound <= end {
            location = try await client.patch(location, bytes, range, of: bytes.count)
        }
        return location
    }

    /// Where three chunks meet: 1024 and 2048 of 3067 bytes.
    static func cuts(_ count: Int) -> (Int, Int) {
        (count * 1024 / 3067, count * 2048 / 3067)
    }
}

extension RegistryClient {
    /// Sends one chunk, which must be accepted, and returns where to go on.
    func patch(_ location: String, _ bytes: [UInt8], _ range: Range<Int>, of total: Int) async throws -> String {
        let reply = try await sendChunk(location, Array(bytes[range]), range)
        return try reply.nextLocation(after: range.upperBound)
    }

    /// Sends a chunk that says of itself where it belongs.
    func sendChunk(_ location: String, _ chunk: [UInt8], _ range: Range<Int>) async throws -> Reply {
        let fields = [
            ("Content-Range", "\(range.lowerBound)-\(range.upperBound - 1)"),
            ("Content-Type", "application/octet-stream"),
        ]
        return try await send("PATCH", location, fields, .counted(chunk))
    }
}

extension Reply {
    /// Where an upload goes on that has `offset` bytes now; the answer must say so.
    func nextLocation(after offset: Int) throws -> String {
        try #require(status == 202)
        #expect(self["Range"] == "0-\(max(0, offset - 1))")
        #expect(body.isEmpty && self["Content-Length"] == "0")
        #expect(self["Docker-Upload-UUID"] != nil)
        return try #require(self["Location"])
    }
}
