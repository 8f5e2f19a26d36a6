import OCI
import TestSupport
import Testing

@Suite("Conformance 3.3: range requests")
struct BlobRangeTests {
    private let content = Content(sampleBytes(2048))

    @Test(
        "satisfiable ranges: 206 with the exact part", arguments: StoreKind.allCases,
        [
            ("bytes=500-1499", 500..<1500), ("bytes=500-", 500..<2048), ("bytes=-500", 1548..<2048),
            ("bytes=2000-5000", 2000..<2048), ("bytes=0-0", 0..<1), ("bytes=2047-", 2047..<2048),
            ("bytes=-99999", 0..<2048), ("Bytes=0-99999999999999999999999", 0..<2048),
        ])
    func part(kind: StoreKind, test: (range: String, part: Range<Int>)) async throws {
        try await withServer(on: kind) { server in
            try await server.client.push(content, to: "repo1")
            let reply = try await server.client.get(
                "/v2/repo1/blobs/\(content.digest)", [("Range", test.range)])
            #expect(reply.status == 206)
            #expect(reply.body == Array(content.bytes[test.part]))
            #expect(reply["Content-Length"] == "\(test.part.count)")
            #expect(reply["Content-Range"] == "bytes \(test.part.lowerBound)-\(test.part.upperBound - 1)/2048")
        }
    }

    @Test(
        "unsatisfiable ranges: 416 with an honest body", arguments: StoreKind.allCases,
        [
            "bytes=500-0", "bytes=5000-10000", "bytes=2048-", "bytes=2048-2048", "bytes=-0",
            "bytes=9223372036854775807-", "bytes=9223372036854775808-", "bytes=0-9,5-14",
            "bytes=" + Array(repeating: "0-", count: 1000).joined(separator: ","),
        ])
    func unsatisfiable(kind: StoreKind, range: String) async throws {
        try await withServer(on: kind) { server in
            try await server.client.push(content, to: "repo1")
            let target = "/v2/repo1/blobs/\(content.digest)"
            let reply = try await server.client.get(target, [("Range", range)])
            #expect(reply.status == 416)
            #expect(reply["Content-Range"] == "bytes */2048")
            #expect(reply.codes.count == 1 && reply["Content-Length"] == "\(reply.body.count)")
            // The connection is in step afterwards.
            #expect(try await server.client.get(target).body == content.bytes)
        }
    }

    @Test(
        "what is no byte range, or several apart: the whole blob",
        arguments: ["items=0-5", "bytes 0-5", "bytes=", "bytes=a-b", "bytes=0-5,100-105", "0-5", "bytes=--5"])
    func ignored(range: String) async throws {
        try await withServer(on: .memory) { server in
            try await server.client.push(content, to: "repo1")
            let reply = try await server.client.get("/v2/repo1/blobs/\(content.digest)", [("Range", range)])
            #expect(reply.status == 200)
            #expect(reply.body == content.bytes)
        }
    }

    @Test("a range of a file that leaves by sendfile", arguments: StoreKind.allCases)
    func large(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let content = Content(sampleBytes(1_000_000))
            try await server.client.push(content, to: "repo1")
            let reply = try await server.client.get(
                "/v2/repo1/blobs/\(content.digest)", [("Range", "bytes=300000-")])
            #expect(reply.status == 206)
            #expect(reply.body == Array(content.bytes[300_000...]))
        }
    }

    @Test("ranges of the empty blob are unsatisfiable, of a missing one 404; HEAD has no range")
    func edges() async throws {
        try await withServer(on: .memory) { server in
            let empty = Content([])
            try await server.client.push(empty, to: "repo1")
            let range = [("Range", "bytes=0-")]
            #expect(try await server.client.get("/v2/repo1/blobs/\(empty.digest)", range).status == 416)
            #expect(try await server.client.get("/v2/repo1/blobs/\(content.digest)", range).status == 404)
            let head = try await server.client.send("HEAD", "/v2/repo1/blobs/\(empty.digest)", range)
            #expect(head.status == 200)
        }
    }
}
