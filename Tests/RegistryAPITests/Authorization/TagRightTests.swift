import Access
import OCI
import TestSupport
import Testing

/// Security, zot's CVE-2026-31801 and #4266: `push` makes tags, `overwrite` moves them.
@Suite("Tags: who may make and who may move them", .timeLimit(.minutes(1)))
struct TagRightTests {
    private static let type = ("Content-Type", MediaType.ociManifest.string)

    private func withServer(on kind: StoreKind, _ body: (TestServer, AccessFixture) async throws -> Void) async throws {
        let policy = try Policy(
            "allow pull,push,overwrite,delete to user:alice", "allow pull,push to user:bob",
            "allow pull,push,delete to user:carol tags v*", "allow overwrite to user:carol tags latest",
            "deny delete to user:dave tags release-*", "allow pull,delete to user:dave")
        let fixture = try AccessFixture(policy)
        try await fixture.serve(on: kind) { (server) async throws in
            let alice = RegistryClient(port: server.port, fields: [basic("alice")])
            for name in ["r", "s"] { try await alice.push(.emptyJSON, to: name) }
            for tag in ["latest", "v1", "release-1"] { _ = try await alice.put(.image(1), to: "r", as: tag) }
            alice.close()
            try await body(server, fixture)
        }
    }

    private func put(_ seed: Int, _ reference: String, as who: String, _ server: TestServer) async throws -> Int {
        try await server.client.send(
            "PUT", "/v2/r/manifests/\(reference)", [basic(who), Self.type], .counted(Content.image(seed).bytes)
        ).status
    }

    private func holds(_ tag: String, _ seed: Int?, _ server: TestServer) async throws -> Bool {
        let reply = try await server.client.get("/v2/r/manifests/\(tag)", [basic("alice")])
        guard let seed else { return reply.status == 404 }
        return reply.body == Content.image(seed).bytes
    }

    @Test("create-only: new tags, and the same manifest again", arguments: StoreKind.allCases)
    func createOnly(_ kind: StoreKind) async throws {
        try await withServer(on: kind) { (server, _) async throws in
            #expect(try await put(2, "latest", as: "bob", server) == 403)
            #expect(try await holds("latest", 1, server))
            #expect(try await put(1, "latest", as: "bob", server) == 201)
            #expect(try await put(2, "new", as: "bob", server) == 201)
            #expect(try await put(3, "new", as: "bob", server) == 403)
            #expect(try await holds("new", 2, server))
            // By digest: alone, with a new tag, with one that is there, with both.
            let digest = Content.image(3).digest
            #expect(try await put(3, "\(digest)", as: "bob", server) == 201)
            #expect(try await put(3, "\(digest)?tag=newer", as: "bob", server) == 201)
            #expect(try await put(3, "\(digest)?tag=latest", as: "bob", server) == 403)
            #expect(try await put(3, "\(digest)?tag=newest&tag=latest", as: "bob", server) == 403)
            #expect(try await holds("newest", nil, server))
            #expect(try await holds("latest", 1, server))
            #expect(try await put(3, "latest", as: "alice", server) == 201)
        }
    }

    /// Who pulls by digest gets the type as well, and some clients refuse a manifest of another.
    @Test("create-only: a manifest that is there keeps its type", arguments: StoreKind.allCases)
    func types(_ kind: StoreKind) async throws {
        try await withServer(on: kind) { (server, _) async throws in
            let config = Content.emptyJSON.descriptor(MediaType.emptyJSON.string)
            let manifest = Content((["schemaVersion": 2, "config": config, "layers": []] as JSON).bytes)
            let target = "/v2/r/manifests/\(manifest.digest)"
            func push(_ type: MediaType, _ query: String, as who: String) async throws -> Int {
                try await server.client.send(
                    "PUT", target + query, [basic(who), ("Content-Type", type.string)], .counted(manifest.bytes)
                ).status
            }
            func type() async throws -> String? {
                try await server.client.get(target, [basic("alice")])["Content-Type"]
            }
            #expect(try await push(.ociManifest, "", as: "bob") == 201)
            for query in ["", "?tag=typed", "?tag=typed"] {
                #expect(try await push(.dockerManifest, query, as: "bob") == 201)
                #expect(try await type() == MediaType.ociManifest.string)
            }
            #expect(try await push(.dockerManifest, "", as: "alice") == 201)
            #expect(try await type() == MediaType.dockerManifest.string)
        }
    }

    @Test("tags of one kind only", arguments: StoreKind.allCases)
    func patterns(_ kind: StoreKind) async throws {
        try await withServer(on: kind) { (server, _) async throws in
            #expect(try await put(2, "latest", as: "carol", server) == 201)
            #expect(try await put(2, "v2", as: "carol", server) == 201)
            #expect(try await put(2, "v1", as: "carol", server) == 403)
            #expect(try await put(2, "x", as: "carol", server) == 403)
            #expect(try await put(2, "\(Content.image(2).digest)?tag=v3&tag=x", as: "carol", server) == 403)
            #expect(try await holds("v3", nil, server))
            // She may move it, not make it.
            #expect(try await server.client.send("DELETE", "/v2/r/manifests/latest", [basic("alice")]).status == 202)
            #expect(try await put(2, "latest", as: "carol", server) == 403)
            #expect(try await holds("latest", nil, server))
        }
    }

    @Test("of two who make one tag at once one wins", arguments: StoreKind.allCases)
    func race(_ kind: StoreKind) async throws {
        try await withServer(on: kind) { (server, _) async throws in
            for round in 0..<20 {
                let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                    for seed in 0..<4 {
                        group.addTask { try await put(10 + seed, "race-\(round)", as: "bob", server) }
                    }
                    return try await group.reduce(into: [Int]()) { $0.append($1) }
                }
                #expect(statuses.sorted() == [201, 403, 403, 403])
            }
        }
    }

    @Test(
        "who may not delete some tags deletes no manifest, which would take its tags along",
        arguments: StoreKind.allCases)
    func deletion(_ kind: StoreKind) async throws {
        try await withServer(on: kind) { (server, _) async throws in
            func delete(_ rest: String, _ who: String) async throws -> Int {
                try await server.client.send("DELETE", "/v2/r/manifests/\(rest)", [basic(who)]).status
            }
            let digest = Content.image(1).digest
            for who in ["bob", "carol", "dave"] { #expect(try await delete("\(digest)", who) == 403) }
            #expect(try await delete("release-1", "dave") == 403)
            #expect(try await delete("latest", "carol") == 403)
            #expect(try await delete("v1", "bob") == 403)
            for tag in ["latest", "v1", "release-1"] { #expect(try await holds(tag, 1, server)) }
            #expect(try await delete("latest", "dave") == 202)
            #expect(try await delete("v1", "carol") == 202)
            #expect(try await delete("\(digest)", "alice") == 202)
            #expect(try await holds("release-1", nil, server))
        }
    }
}
