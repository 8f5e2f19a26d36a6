import OCI
import TestSupport
import Testing

/// A Location carries the hash of what the session had. Whatever a client does with old Locations, that hash must never
/// be taken for the hash of other bytes.
@Suite("Invariant 2: no blob key ever shows bytes that do not hash to it")
struct UploadBindingTests {
    private let claimed = Content(sampleBytes(2000, seed: 1))
    private let planted = Content(sampleBytes(2000, seed: 2))

    /// Ways to make a session forget what it had.
    enum Reset: String, CaseIterable, Sendable {
        case badDigest, cancel, success
    }

    private func reset(_ reset: Reset, _ location: String, _ client: RegistryClient) async throws {
        switch reset {
        case .badDigest:
            let wrong = Content([1]).digest
            #expect(try await client.send("PUT", location.closing(wrong), [], .counted([])).status == 400)
        case .cancel:
            #expect(try await client.delete(location).status == 204)
        case .success:
            #expect(try await client.send("PUT", location.closing(claimed.digest), [], .counted([])).status == 201)
        }
    }

    /// Whatever the answers were: the keys hold what they say.
    private func expectHonest(_ contents: [Content], _ server: TestServer) async throws {
        for content in contents {
            let reply = try await server.client.get("/v2/r/blobs/\(content.digest)")
            #expect(reply.status == 404 || reply.body == content.bytes)
        }
    }

    @Test(
        "bytes replaced behind a Location: the old hash is not theirs", arguments: StoreKind.allCases, Reset.allCases)
    func replaced(kind: StoreKind, how: Reset) async throws {
        try await withServer(on: kind) { server in
            let client = server.client
            let start = try await client.startUpload("r")
            let full = try await client.patch(start, claimed.bytes, 0..<2000, of: 2000)
            try await reset(how, full, client)
            // The same place of the same session gets other bytes, if the registry lets it.
            _ = try await client.send("PATCH", start, [], .counted(planted.bytes))
            _ = try await client.send("PUT", full.closing(claimed.digest), [], .counted([]))
            try await expectHonest([claimed, planted], server)
        }
    }

    @Test(
        "bytes replaced while a closing request is under way", arguments: StoreKind.allCases, Reset.allCases)
    func replacedMeanwhile(kind: StoreKind, how: Reset) async throws {
        try await withServer(on: kind) { server in
            let client = server.client
            let tail = sampleBytes(10, seed: 3)
            let whole = Content(claimed.bytes + tail)
            let start = try await client.startUpload("r")
            // This request saw an empty session, and writes later.
            let planting = try await client.begin("PATCH", start, length: 2000)
            let full = try await client.patch(start, claimed.bytes, 0..<2000, of: 2000)
            // This one has checked what the session has, and waits for its last bytes.
            let closing = try await client.begin("PUT", full.closing(whole.digest), length: 10)
            try await reset(how, full, client)
            _ = try await planting.finish(planted.bytes)
            _ = try await closing.finish(tail)
            try await expectHonest([whole, claimed, planted, Content(planted.bytes + tail)], server)
        }
    }
}
