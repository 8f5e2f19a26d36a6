import Access
import OCI
import Registry
import RegistryAPI
import TestSupport
import Testing

/// Security, Harbor's CVE-2020-29662: lists show what their reader may pull, and nothing else.
@Suite("Catalog and tags show each caller their own", .timeLimit(.minutes(1)))
struct FilteredListTests {
    private static let names = ["a/1", "a/2", "b/1", "b/2", "b/3", "c/1", "public/x", "z/1"]
    private static let tags = ["dev-1", "dev-2", "v1", "v2", "v3", "x"]

    private func withServer(on kind: StoreKind, _ body: (TestServer, AccessFixture) async throws -> Void) async throws {
        let policy = try Policy(
            "allow pull to user:alice", "allow pull to everybody in public/**",
            "allow pull,push to user:bob in b/*,z/*",
            "allow pull to user:carol in a/* tags v*", "allow push to user:dave in c/*")
        let fixture = try AccessFixture(policy)
        try await fixture.serve(on: kind) { (server) async throws in
            server.handler.settings.access = nil
            for name in Self.names { try await server.client.pushImage(1, to: name, tag: "v1") }
            for tag in Self.tags { _ = try await server.client.put(.image(1), to: "a/1", as: tag) }
            server.handler.settings.access = fixture.controller
            try await body(server, fixture)
        }
    }

    /// Every page from `target` on.
    private func pages(_ target: String, _ fields: [(String, String)], _ server: TestServer) async throws -> [[String]]
    {
        var pages: [[String]] = []
        var next: String? = target
        while let target = next, pages.count < 50 {
            let reply = try await server.client.get(target, fields)
            try #require(reply.status == 200)
            pages.append(
                target.contains("_catalog")
                    ? try reply.json(CatalogBody.self).repositories : try reply.json(TagsBody.self).tags)
            next = reply.next
        }
        return pages
    }

    private func expectPages(
        _ target: String, _ fields: [(String, String)], _ wanted: [String], _ server: TestServer
    ) async throws {
        for size in [nil, 1, 2, 3, 100] {
            let query = size.map { "?n=\($0)" } ?? ""
            let pages = try await pages(target + query, fields, server)
            #expect(pages.flatMap(\.self) == wanted)
            // No page betrays that something hidden follows.
            #expect(pages.count == max(1, size.map { (wanted.count + $0 - 1) / $0 } ?? 1), "\(target) \(query)")
        }
    }

    @Test("the catalog", arguments: StoreKind.allCases)
    func catalog(_ kind: StoreKind) async throws {
        try await withServer(on: kind) { (server, fixture) async throws in
            let catalog = "/v2/_catalog"
            try await expectPages(catalog, [basic("alice")], Self.names, server)
            try await expectPages(catalog, [basic("bob")], ["b/1", "b/2", "b/3", "public/x", "z/1"], server)
            try await expectPages(catalog, [basic("carol")], ["a/1", "a/2", "public/x"], server)
            try await expectPages(catalog, [basic("dave")], ["public/x"], server)
            try await expectPages(catalog, [], ["public/x"], server)
            let scoped = try await fixture.token(Identity(.password, name: "bob"), "registry:catalog:*")
            try await expectPages(catalog, [scoped], ["b/1", "b/2", "b/3", "public/x", "z/1"], server)
            fixture.use(try Policy("allow pull to user:alice in a/*"), on: server)
            try await expectPages(catalog, [basic("alice")], ["a/1", "a/2"], server)
            #expect(try await server.client.get(catalog, [basic("bob")]).status == 403)
            #expect(try await server.client.get(catalog).status == 401)
        }
    }

    @Test("tags", arguments: StoreKind.allCases)
    func tags(_ kind: StoreKind) async throws {
        try await withServer(on: kind) { (server, _) async throws in
            let list = "/v2/a/1/tags/list"
            try await expectPages(list, [basic("alice")], Self.tags, server)
            try await expectPages(list, [basic("carol")], ["v1", "v2", "v3"], server)
            #expect(try await server.client.get(list, [basic("bob")]).status == 403)
            #expect(try await server.client.get("/v2/a/1/manifests/dev-1", [basic("carol")]).status == 403)
            #expect(try await server.client.get("/v2/a/1/manifests/none", [basic("carol")]).status == 403)
        }
    }

    @Test("a rule that is dropped counts from the next request on")
    func reload() async throws {
        try await withServer(on: .memory) { (server, fixture) async throws in
            let bob = try await fixture.token(Identity(.password, name: "bob"), "repository:b/1:pull")
            for fields in [[basic("bob")], [bob]] {
                #expect(try await server.client.get("/v2/b/1/manifests/v1", fields).status == 200)
            }
            fixture.use(try Policy("allow pull to user:alice"), on: server)
            for fields in [[basic("bob")], [bob]] {
                #expect(try await server.client.get("/v2/b/1/manifests/v1", fields).status == 403)
            }
        }
    }

    @Test("who is taken out of a group is out with the next request, whatever an older token says")
    func groups() async throws {
        let rule = try Rule(subjects: ["group:dev"], allow: ["pull"])
        let fixture = try AccessFixture(try Policy(rules: [rule], groups: ["dev": ["bob", "carol"]]))
        try await fixture.serve { (server) async throws in
            let login = try await server.client.get("/token?scope=repository:a:pull", [basic("bob")])
            let token = ("Authorization", "Bearer \(try login.json(Token.self).token)")
            for fields in [[basic("bob")], [token]] {
                #expect(try await server.client.get("/v2/a/tags/list", fields).status == 404)
            }
            fixture.use(try Policy(rules: [rule], groups: ["dev": ["carol"]]), on: server)
            for fields in [[basic("bob")], [token]] {
                #expect(try await server.client.get("/v2/a/tags/list", fields).status == 403)
            }
            #expect(try await server.client.get("/v2/a/tags/list", [basic("carol")]).status == 404)
        }
    }

    private struct Token: Decodable {
        let token: String
    }
}
