import OCI
import Registry
import Synchronization
import TestSupport
import Testing

@Suite("Conformance 5 and the distribution row on upload ids: sessions")
struct UploadSessionTests {
    @Test("POST stores nothing, and says where and how far", arguments: StoreKind.allCases)
    func start(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let before = try await server.store.keys()
            var seen: Set<String> = []
            for target in ["/v2/a/b/blobs/uploads/", "/v2/a/b/blobs/uploads"] {
                let reply = try await server.client.send("POST", target, [], .counted([]))
                #expect(reply.status == 202)
                #expect(reply["Range"] == "0-0" && reply["Content-Length"] == "0")
                #expect(reply["Docker-Upload-UUID"]?.count == 32)
                let location = try #require(reply["Location"])
                #expect(location.hasPrefix("/v2/a/b/blobs/uploads/") && !location.contains("?"))
                seen.insert(location)
            }
            #expect(seen.count == 2)
            #expect(try await server.store.keys() == before)
        }
    }

    @Test("GET and HEAD of an upload say how far it is", arguments: StoreKind.allCases)
    func status(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let start = try await server.client.startUpload("r")
            let next = try await server.client.patch(start, sampleBytes(700), 0..<700, of: 700)
            for method in ["GET", "HEAD"] {
                for location in [start, next] {
                    let reply = try await server.client.send(method, location)
                    #expect(reply.status == 204)
                    #expect(reply["Range"] == "0-699")
                    #expect(reply["Location"]?.hasPrefix("/v2/r/blobs/uploads/") == true)
                    #expect(reply["Docker-Upload-UUID"] != nil)
                }
            }
        }
    }

    /// What is done to an upload's token so that it is no valid one any more.
    private static let forgeries: [(name: String, forge: @Sendable (String) -> String)] = [
        ("empty id", { _ in "%20" }),
        ("nonsense", { _ in "nonsense" }),
        ("path", { _ in "..%2f..%2fetc%2fpasswd" }),
        ("dots", { _ in "%2e%2e" }),
        ("null", { "\($0)%00" }),
        ("uuid", { _ in "6b3c9a93-af5d-473f-a4ff-9710022185cd" }),
        ("id of the store", { _ in String(repeating: "0", count: 32) }),
        ("key of the store", { _ in "cancelled" }),
        ("truncated", { String($0.dropLast()) }),
        ("half", { String($0.prefix($0.count / 2)) }),
        ("extended", { "\($0)A" }),
        ("padded", { "\($0)=" }),
        ("first character", { flipped($0, at: 0) }),
        ("version", { flipped($0, at: 1) }),
        ("id", { flipped($0, at: 10) }),
        ("expiry", { flipped($0, at: 26) }),
        ("offset", { flipped($0, at: 36) }),
        ("hash state", { flipped($0, at: 60) }),
        ("code", { flipped($0, at: $0.count - 3) }),
        ("last character", { flipped($0, at: $0.count - 1) }),
        ("long", { _ in String(repeating: "A", count: 7000) }),
    ]

    private static func flipped(_ text: String, at offset: Int) -> String {
        var characters = Array(text)
        characters[offset] = characters[offset] == "A" ? "B" : "A"
        return String(characters)
    }

    @Test("forged ids: 404 BLOB_UPLOAD_UNKNOWN on every route, nothing stored", arguments: StoreKind.allCases)
    func forged(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let start = try await server.client.startUpload("r")
            let genuine = try await server.client.patch(start, sampleBytes(100), 0..<100, of: 100)
            let prefix = "/v2/r/blobs/uploads/"
            let before = try await server.store.keys()
            for (name, forge) in Self.forgeries {
                try await expectUnknown(
                    "\(prefix)\(forge(String(genuine.dropFirst(prefix.count))))", server.client, "\(name)")
            }
            #expect(try await server.store.keys() == before)
            #expect(try await server.client.get(genuine).status == 204)
        }
    }

    @Test("an upload of one repository is unknown in every other", arguments: StoreKind.allCases)
    func foreign(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let start = try await server.client.startUpload("r")
            let next = try await server.client.patch(start, sampleBytes(100), 0..<100, of: 100)
            let before = try await server.store.keys()
            for location in [start, next] {
                for name in ["q", "r/r", "r/blobs/uploads"] {
                    let foreign = location.replacing("/v2/r/", with: "/v2/\(name)/", maxReplacements: 1)
                    try await expectUnknown(foreign, server.client, "\(name)")
                }
            }
            #expect(try await server.store.keys() == before)
        }
    }

    @Test("an upload of another registry is unknown", arguments: StoreKind.allCases)
    func otherStore(kind: StoreKind) async throws {
        let foreign = try await withServer(on: kind) { try await $0.client.startUpload("r") }
        try await withServer(on: kind) { try await expectUnknown(foreign, $0.client, "other store") }
    }

    @Test("an upload expires after the configured age, which every request renews", arguments: StoreKind.allCases)
    func expiry(kind: StoreKind) async throws {
        let clock = Clock()
        var settings = TestServer.Settings()
        settings.options.uploadAge = 1000
        settings.now = { clock.now }
        try await withServer(on: kind, settings) { server in
            let client = server.client
            let start = try await client.startUpload("r")
            clock.advance(by: 999)
            let second = try await client.patch(start, sampleBytes(100), 0..<50, of: 100)
            clock.advance(by: 1)
            try await expectUnknown(start, client, "start")
            clock.advance(by: 998)
            let third = try #require(try await client.get(second)["Location"])
            clock.advance(by: 1)
            try await expectUnknown(second, client, "second")
            clock.advance(by: 998)
            let content = Content(sampleBytes(100))
            let fourth = try await client.patch(third, content.bytes, 50..<100, of: 100)
            let reply = try await client.send("PUT", fourth.closing(content.digest), [], .counted([]))
            #expect(reply.status == 201)
            #expect(try await client.has(content, in: "r"))
        }
    }

    private func expectUnknown(_ location: String, _ client: RegistryClient, _ what: Comment) async throws {
        let content = Content(sampleBytes(100))
        let replies = [
            try await client.get(location), try await client.delete(location),
            try await client.send("PATCH", location, [], .counted(content.bytes)),
            try await client.sendChunk(location, content.bytes, 0..<100),
            try await client.send("PUT", location.closing(content.digest), [], .counted(content.bytes)),
        ]
        for reply in replies {
            #expect(reply.status == 404, what)
            #expect(reply.codes == ["BLOB_UPLOAD_UNKNOWN"], what)
        }
    }
}

/// A clock that goes when it is told to.
final class Clock: Sendable {
    private let time = Atomic<Int>(1_800_000_000)

    var now: Int { time.load(ordering: .relaxed) }

    func advance(by seconds: Int) {
        time.wrappingAdd(seconds, ordering: .relaxed)
    }
}
