import OCI
import Registry
import TestSupport
import Testing

@Suite("Conformance 3.3: chunks out of order")
struct BlobChunkTests {
    private let content = Content(sampleBytes(3067))

    @Test("chunked out-of-order: 416 each time, and the session lives on", arguments: StoreKind.allCases)
    func outOfOrder(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let client = server.client
            var location = try await client.startUpload("repo1")
            location = try await expectRefused("PATCH", location, 1024..<2048, offset: 0, client)
            location = try await client.patch(location, content.bytes, 0..<1024, of: 3067)
            location = try await expectRefused("PATCH", location, 2048..<3067, offset: 1024, client)
            location = try await client.patch(location, content.bytes, 1024..<2048, of: 3067)
            location = try await expectRefused("PATCH", location, 0..<1024, offset: 2048, client)
            location = try await client.patch(location, content.bytes, 2048..<3067, of: 3067)
            let reply = try await client.send("PUT", location.closing(content.digest), [], .counted([]))
            #expect(reply.status == 201)
            #expect(try await client.has(content, in: "repo1"))
        }
    }

    @Test("chunked out-of-order and put chunk: a closing PUT out of order is 416 too", arguments: StoreKind.allCases)
    func outOfOrderPut(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let client = server.client
            var location = try await client.startUpload("repo1")
            location = try await expectRefused("PATCH", location, 1024..<2048, offset: 0, client)
            location = try await client.patch(location, content.bytes, 0..<1024, of: 3067)
            // The status is asked for with the digest still in the query.
            location = try await expectRefused(
                "PUT", location.closing(content.digest), 2048..<3067, offset: 1024, client)
            location = try await client.patch(location, content.bytes, 1024..<2048, of: 3067)
            location = try await expectRefused("PATCH", location, 0..<1024, offset: 2048, client)
            let reply = try await client.send(
                "PUT", location.closing(content.digest), [("Content-Range", "2048-3066")],
                .counted(Array(content.bytes[2048...])))
            #expect(reply.status == 201)
            #expect(try await client.has(content, in: "repo1"))
        }
    }

    @Test("a closing PUT out of order leaves the session alone, whatever its digest is")
    func outOfOrderPutWithBadDigest() async throws {
        try await withServer(on: .memory) { server in
            let client = server.client
            var location = try await client.startUpload("repo1")
            location = try await client.patch(location, content.bytes, 0..<1024, of: 3067)
            for digest in ["sha256:nonsense", "", Digest(of: [1]).string] {
                let reply = try await client.send(
                    "PUT", "\(location)?digest=\(digest)", [("Content-Range", "2048-3066")],
                    .counted(Array(content.bytes[2048...])))
                #expect(reply.status == 416)
            }
            #expect(try await client.get(location).status == 204)
        }
    }

    /// Sends a chunk to where it does not belong, and asks for the state afterwards as a client does.
    private func expectRefused(
        _ method: String, _ location: String, _ range: Range<Int>, offset: Int, _ client: RegistryClient
    ) async throws -> String {
        let reply = try await client.send(
            method, location, [("Content-Range", "\(range.lowerBound)-\(range.upperBound - 1)")],
            .counted(Array(content.bytes[range])))
        #expect(reply.status == 416)
        #expect(reply.codes == ["BLOB_UPLOAD_INVALID"])
        #expect(reply["Range"] == "0-\(max(0, offset - 1))")
        let status = try await client.get(location)
        #expect(status.status == 204)
        #expect(status["Range"] == "0-\(max(0, offset - 1))")
        #expect(status.body.isEmpty && status.values("Content-Length").isEmpty)
        return try #require(status["Location"])
    }

    @Test(
        "Content-Range that is none, or does not fit the body: 4xx, and nothing of it is stored",
        arguments: [
            ("nonsense", 400), ("0", 400), ("-1023", 400), ("0-", 400), ("1023-0", 400), ("0-1022", 400),
            ("0-1024", 400), ("-1-1022", 400), ("0-99999999999999999999", 400), ("+0-1023", 400), ("1-1024", 416),
            ("9223372036854775807-9223372036854775808", 400),
        ])
    func malformed(range: String, status: Int) async throws {
        try await withServer(on: .memory) { server in
            let client = server.client
            let location = try await client.startUpload("repo1")
            for payload in [Payload.counted(sampleBytes(1024)), .chunked(sampleBytes(1024))] {
                let reply = try await client.send("PATCH", location, [("Content-Range", range)], payload)
                #expect(reply.status == status)
                #expect(try await client.get(location)["Range"] == "0-0")
            }
            #expect(try await server.store.keys() == ["registry/_keys/uploads"])
        }
    }

    @Test("the form of RFC 9110 is read as well", arguments: ["bytes 0-1023/*", "bytes 0-1023/3067", "bytes=0-1023"])
    func standardForm(range: String) async throws {
        try await withServer(on: .memory) { server in
            let location = try await server.client.startUpload("repo1")
            let reply = try await server.client.send(
                "PATCH", location, [("Content-Range", range)], .counted(Array(content.bytes[..<1024])))
            _ = try reply.nextLocation(after: 1024)
        }
    }
}
