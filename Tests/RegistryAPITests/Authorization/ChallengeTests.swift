import Access
import HTTPServer
import OCI
import Registry
import RegistryAPI
import TestSupport
import Testing

@Suite("Challenges: every 401 says where to log in and for what")
struct ChallengeTests {
    private static let digest = Content.emptyJSON.digest

    /// Every route and method there is, and what a token for it has to open.
    private static let routes: [(method: String, target: String, scope: String)] = [
        ("GET", "/v2/", ""), ("HEAD", "/v2/", ""), ("GET", "/v2/_catalog", "registry:catalog:*"),
        ("GET", "/v2/a/b/tags/list", "repository:a/b:pull"), ("GET", "/v2/a/manifests/v1", "repository:a:pull"),
        ("HEAD", "/v2/a/manifests/\(digest)", "repository:a:pull"),
        ("GET", "/v2/a/blobs/\(digest)", "repository:a:pull"),
        // The first request of a push.
        ("HEAD", "/v2/a/blobs/\(digest)", "repository:a:pull,push"),
        ("GET", "/v2/a/referrers/\(digest)", "repository:a:pull"),
        ("POST", "/v2/a/blobs/uploads/", "repository:a:pull,push"),
        ("POST", "/v2/a/blobs/uploads/?mount=\(digest)&from=s/t", "repository:a:pull,push repository:s/t:pull"),
        ("POST", "/v2/a/blobs/uploads/?mount=\(digest)&from=%22", "repository:a:pull,push"),
        ("PATCH", "/v2/a/blobs/uploads/x", "repository:a:pull,push"),
        ("PUT", "/v2/a/blobs/uploads/x?digest=\(digest)", "repository:a:pull,push"),
        ("GET", "/v2/a/blobs/uploads/x", "repository:a:pull,push"),
        ("DELETE", "/v2/a/blobs/uploads/x", "repository:a:pull,push"),
        ("PUT", "/v2/a/manifests/v1", "repository:a:pull,push"),
        ("PUT", "/v2/a/manifests/\(digest)?tag=v1", "repository:a:pull,push"),
        ("DELETE", "/v2/a/manifests/v1", "repository:a:pull,delete"),
        ("DELETE", "/v2/a/manifests/\(digest)", "repository:a:pull,delete"),
        ("DELETE", "/v2/a/blobs/\(digest)", "repository:a:pull,delete"),
    ]

    private func challenge(_ server: TestServer, _ scope: String, error: String? = nil) -> String {
        var text = "Bearer realm=\"http://127.0.0.1:\(server.port)/token\",service=\"registry.test\""
        if !scope.isEmpty { text += ",scope=\"\(scope)\"" }
        if let error { text += ",error=\"\(error)\"" }
        return text
    }

    @Test("without credentials: 401 with the scope the route needs, version header and body")
    func anonymous() async throws {
        try await AccessFixture(.authenticated).serve { (server) async throws in
            for route in Self.routes {
                let reply = try await server.client.send(route.method, route.target, [], .counted([]))
                #expect(reply.status == 401, "\(route)")
                #expect(reply["WWW-Authenticate"] == challenge(server, route.scope), "\(route)")
                #expect(reply["Docker-Distribution-Api-Version"] == "registry/2.0")
                #expect(reply["Content-Type"] == "application/json")
                if route.method != "HEAD" { #expect(reply.codes == ["UNAUTHORIZED"]) }
            }
        }
    }

    @Test("wrong credentials are 401 on every route, also where nobody needs any")
    func wrong() async throws {
        let everybody = try Policy("allow pull,push,overwrite,delete to everybody")
        let fixture = try AccessFixture(everybody)
        let wrong = [
            basic("nobody", "x"), basic("robot+ci", "x"), ("Authorization", "Bearer abc"),
            ("Authorization", "Bearer a.b.c"),
            try await fixture.token(Identity(.robot, name: "robot+gone")),
            try await fixture.token(Identity(.issuer, name: "github:x"), "repository:a:pull"),
            try await fixture.token(Identity(.certificate, name: "cert:x"), "repository:a:pull"),
        ]
        try await fixture.serve { (server) async throws in
            for route in Self.routes {
                for field in wrong {
                    let reply = try await server.client.send(route.method, route.target, [field], .counted([]))
                    guard reply.status != 429 else { continue }
                    #expect(reply.status == 401, "\(route) \(field)")
                    #expect(reply["WWW-Authenticate"]?.hasSuffix(",error=\"invalid_token\"") == true)
                }
            }
            #expect(try await server.client.get("/v2/a/manifests/v1").status == 404)
            // Clients that have none send these.
            #expect(try await server.client.get("/v2/a/manifests/v1", [("Authorization", "Basic Og==")]).status == 404)
        }
    }

    @Test("a malformed Authorization is a 400 on every route")
    func malformed() async throws {
        try await AccessFixture(.authenticated).serve { (server) async throws in
            for route in Self.routes {
                for field in ["Basic", "Basic ?", "Digest a", String(repeating: ".", count: 20_000)] {
                    let reply = try await server.client.send(
                        route.method, route.target, [("Authorization", field)], .counted([]))
                    #expect(reply.status == 400, "\(route) \(field.prefix(20))")
                }
            }
            let twice = [basic("alice"), basic("alice")]
            #expect(try await server.client.get("/v2/", twice).status == 400)
        }
    }

    @Test("a megabyte of dots is refused before anybody looks at it")
    func huge() async throws {
        try await AccessFixture(.authenticated).serve { (server) async throws in
            for prefix in ["", "Bearer ", "Basic "] {
                let field = ("Authorization", prefix + String(repeating: ".", count: 1 << 20))
                let status = try await server.client.get("/v2/", [field]).status
                #expect(status == 400)
            }
        }
    }

    @Test("/v2/ tells who has logged in, and asks who has not, whatever anonymous callers may do")
    func base() async throws {
        let fixture = try AccessFixture(try Policy("allow pull to anonymous in public/**"))
        try await fixture.serve { (server) async throws in
            #expect(try await server.client.get("/v2/").status == 401)
            #expect(try await server.client.get("/v2/", [basic("alice")]).status == 200)
            #expect(try await server.client.get("/v2/", [basic("alice", "x")]).status == 401)
            #expect(try await server.client.get("/v2/", [try await fixture.token(.anonymous)]).status == 200)
            let alice = Identity(.password, name: "alice")
            #expect(try await server.client.get("/v2/", [try await fixture.token(alice)]).status == 200)
        }
        let closed = try AccessFixture(try Policy("allow pull to authenticated"))
        try await closed.serve { (server) async throws in
            #expect(try await server.client.get("/v2/", [try await closed.token(.anonymous)]).status == 401)
        }
    }

    @Test("Basic where no tokens are given out, or a request does not tell where this is")
    func basicChallenge() async throws {
        for change: @Sendable (inout AccessController.Settings) -> Void in [
            { $0.tokens = nil }, { $0.origin = { _ in nil } },
        ] {
            try await AccessFixture(.authenticated, change).serve { (server) async throws in
                let reply = try await server.client.get("/v2/a/tags/list")
                #expect(reply.status == 401)
                #expect(reply["WWW-Authenticate"] == "Basic realm=\"registry.test\"")
            }
        }
        try await AccessFixture(.authenticated, { $0.tokens = nil }).serve { (server) async throws in
            #expect(try await server.client.get("/token").status == 404)
        }
    }

    @Test("a token that does not open what its bearer may do: 401 that asks for another")
    func narrowToken() async throws {
        let fixture = try AccessFixture(try Policy("allow pull,push,overwrite,delete to user:alice"))
        let alice = Identity(.password, name: "alice")
        try await fixture.serve { (server) async throws in
            let fields = [try await fixture.token(alice, "repository:other:pull,push,delete")]
            for route in Self.routes.dropFirst(2) {
                let reply = try await server.client.send(route.method, route.target, fields, .counted([]))
                #expect(reply.status == 401, "\(route)")
                #expect(
                    reply["WWW-Authenticate"] == challenge(server, route.scope, error: "insufficient_scope"), "\(route)"
                )
            }
        }
    }
}
