import Access
import Foundation
import OCI
import RegistryAPI
import TestSupport
import Testing

/// What `/token` answers.
private struct TokenBody: Decodable {
    let token: String
    let accessToken: String
    let lifetime: Int
    let issued: String
    let scope: String
    let refreshToken: String?

    private enum CodingKeys: String, CodingKey {
        case token, scope
        case accessToken = "access_token"
        case lifetime = "expires_in"
        case issued = "issued_at"
        case refreshToken = "refresh_token"
    }
}

@Suite("The token endpoint: who gets which token for what", .timeLimit(.minutes(1)))
struct TokenEndpointTests {
    private static let rules = [
        "allow pull,push,overwrite,delete to user:alice", "allow pull to everybody in public/**",
        "allow pull,push to user:bob in team/** tags v*", "allow overwrite to user:carol in team/**",
    ]

    private func withServer(
        _ change: @escaping @Sendable (inout AccessController.Settings) -> Void = { _ in },
        _ body: (TestServer, AccessFixture) async throws -> Void
    ) async throws {
        let fixture = try AccessFixture(
            try Policy(Self.rules[0], Self.rules[1], Self.rules[2], Self.rules[3]), change)
        try await fixture.serve { try await body($0, fixture) }
    }

    private func post(_ server: TestServer, _ form: String) async throws -> Reply {
        let type = ("Content-Type", "application/x-www-form-urlencoded")
        return try await server.client.send("POST", "/token", [type], .counted(Array(form.utf8)))
    }

    /// What is granted of `asked`, to whom, in each way to ask.
    @Test(arguments: [
        ("alice", "repository:a/b:pull,push", "repository:a/b:pull,push"),
        ("alice", "repository:a:*", "repository:a:pull,push,delete"),
        ("alice", "repository:a:pull,fly", "repository:a:pull"),
        (
            "alice", "repository:a:pull repository:a:push repository:b:delete",
            "repository:a:pull,push repository:b:delete"
        ),
        ("alice", "registry:catalog:*", "registry:catalog:*"), ("alice", "registry:other:*", ""),
        ("alice", "aws:x:pull repository:UPPER:pull repository:: repository repository:a", ""), ("alice", "", ""),
        ("alice", "repository(plugin):a:pull", ""), ("alice", "repository:localhost:5000/a:pull", ""),
        (
            "bob", "repository:team/x:pull,push,delete repository:team:pull repository:public/x:push,pull",
            "repository:team/x:pull,push repository:public/x:pull"
        ),
        ("bob", "repository:team-evil/x:pull", ""), ("carol", "repository:team/x:*", "repository:team/x:push"),
        ("", "repository:public/x:pull,push repository:team/x:pull", "repository:public/x:pull"),
        ("", "registry:catalog:*", "registry:catalog:*"),
    ])
    func grants(_ who: String, _ asked: String, _ granted: String) async throws {
        try await withServer { (server, fixture) async throws in
            let fields = who.isEmpty ? [] : [basic(who)]
            let scopes = asked.split(separator: " ")
            let repeated = scopes.map { "&scope=\($0)" }.joined()
            let escaped = asked.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
            var replies = [
                try await server.client.get("/token?service=registry.test\(repeated)", fields),
                try await server.client.get("/token?scope=\(asked.replacingOccurrences(of: " ", with: "+"))", fields),
                try await server.client.get("/token?scope=\(escaped)&client_id=x&account=\(who)", fields),
            ]
            if !who.isEmpty {
                replies.append(
                    try await post(
                        server, "grant_type=password&username=\(who)&password=pw-\(who)&scope=\(escaped)&client_id=x"))
            }
            for reply in replies {
                #expect(reply.status == 200)
                #expect(reply["Cache-Control"] == "no-store")
                #expect(reply["Content-Type"] == "application/json")
                let body = try reply.json(TokenBody.self)
                #expect(body.scope == granted)
                #expect(body.token == body.accessToken && body.lifetime == 300 && body.refreshToken == nil)
                #expect(body.issued == "2027-01-15T08:00:00Z")
                let token = try await fixture.tokens.verify(access: body.token, now: fixture.now.value)
                #expect(token.identity.name == who)
                #expect(token.expiry == fixture.now.value + 300)
            }
        }
    }

    @Test("credentials that are wrong, and requests that are none")
    func refused() async throws {
        try await withServer { (server, fixture) async throws in
            let access = try await fixture.token(Identity(.password, name: "alice"), "repository:a:pull")
            for fields in [[basic("alice", "x")], [basic("x", "")], [access], [("Authorization", "Bearer x")]] {
                let reply = try await server.client.get("/token?scope=repository:a:pull", fields)
                #expect(reply.status == 401)
                #expect(reply["WWW-Authenticate"] != nil)
                #expect(reply.codes == ["UNAUTHORIZED"])
            }
            for form in [
                "grant_type=password&username=alice&password=x", "grant_type=password", "grant_type=refresh_token",
                "grant_type=refresh_token&refresh_token=\(access.1.dropFirst(7))",
                "grant_type=password&username=\(String(repeating: "a", count: 9_000))&password=x",
            ] { #expect(try await post(server, form).status == 401, "\(form)") }
            for form in [
                "", "grant_type=fly", "grant_type=password&grant_type=password",
                "grant_type=password&username=a&username=b",
                "grant_type=password&username=%ff", "grant_type=password&username=%", "=", "\u{0}",
                "grant_type=password&username=alice&password=pw-alice&service=other",
            ] { #expect(try await post(server, form).status == 400, "\(form)") }
            #expect(try await server.client.get("/token?service=other").status == 400)
            #expect(try await server.client.get("/token?service=registry.test&service=registry.test").status == 400)
            let many = String(repeating: "&scope=repository:a:pull", count: 65)
            #expect(try await server.client.get("/token?\(many)").status == 400)
            let large = "grant_type=password&username=" + String(repeating: "a", count: 16 << 10)
            #expect(try await post(server, large).status == 413)
            let json = try await server.client.send(
                "POST", "/token", [("Content-Type", "application/json")], .counted(Array("{}".utf8)))
            #expect(json.status == 400)
            for method in ["PUT", "DELETE", "HEAD"] {
                #expect(try await server.client.send(method, "/token", [], .counted([])).status == 405)
            }
            #expect(try await server.client.get("/token", [("Authorization", "Basic")]).status == 400)
        }
    }

    @Test("scopes that do not fit in a token")
    func large() async throws {
        try await withServer { (server, _) async throws in
            let names = (0..<60).map { "\($0)/" + String(repeating: "a", count: 200) }
            let form = "grant_type=password&username=alice&password=pw-alice&scope="
            let scopes = names.map { "repository:\($0):pull" }.joined(separator: "+")
            let reply = try await post(server, form + scopes)
            #expect(reply.status == 400 && reply.text.contains("more than fit in a token"))
            // Nothing is granted of them, so that they take no room.
            let bob = form.replacingOccurrences(of: "alice", with: "bob") + scopes
            #expect(try await post(server, bob).status == 200)
        }
    }

    @Test("a refresh token gets other tokens until the password changes, and opens nothing itself")
    func refresh() async throws {
        try await withServer { (server, fixture) async throws in
            let login = try await server.client.get("/token?offline_token=true", [basic("alice")])
            let refresh = try #require(try login.json(TokenBody.self).refreshToken)
            let form = "grant_type=refresh_token&refresh_token=\(refresh)&scope=repository:a:pull"
            let fresh = try await post(server, form).json(TokenBody.self)
            #expect(fresh.scope == "repository:a:pull")
            let bearer = ("Authorization", "Bearer \(fresh.token)")
            #expect(try await server.client.get("/v2/a/tags/list", [bearer]).status == 404)
            #expect(
                try await server.client.get("/v2/a/tags/list", [("Authorization", "Bearer \(refresh)")]).status == 401)
            #expect(try await server.client.get("/token", [("Authorization", "Bearer \(refresh)")]).status == 401)
            let forged = form.replacingOccurrences(
                of: refresh, with: refresh.dropLast() + (refresh.last == "A" ? "Q" : "A"))
            #expect(try await post(server, forged).status == 401)

            try fixture.editPasswords { text in
                text.replacingOccurrences(of: "alice:", with: "mallory:").replacingOccurrences(
                    of: "bob:", with: "alice:")
            }
            #expect(try await server.client.get("/v2/a/tags/list", [bearer]).status == 401)
            #expect(try await post(server, form).status == 401)
            #expect(try await server.client.get("/v2/", [basic("alice")]).status == 401)
            #expect(try await server.client.get("/v2/", [basic("alice", "pw-bob")]).status == 200)
        }
        try await withServer {
            $0.tokens?.refreshLifetime = nil
        } _: { (server, _) async throws in
            let login = try await server.client.get("/token?offline_token=true", [basic("alice")])
            #expect(try login.json(TokenBody.self).refreshToken == nil)
        }
        try await withServer { (server, _) async throws in
            #expect(try await server.client.get("/token?offline_token=true").json(TokenBody.self).refreshToken == nil)
        }
    }

    @Test("tokens expire")
    func expiry() async throws {
        try await withServer { (server, fixture) async throws in
            let field = try await fixture.token(Identity(.password, name: "alice"), "repository:a:pull")
            #expect(try await server.client.get("/v2/a/tags/list", [field]).status == 404)
            fixture.now.change { $0 += 299 }
            #expect(try await server.client.get("/v2/a/tags/list", [field]).status == 404)
            fixture.now.change { $0 += 1 }
            #expect(try await server.client.get("/v2/a/tags/list", [field]).status == 401)
        }
    }
}
