import Access
import Foundation
import OCI
import TestSupport
import Testing

/// What clients send one after the other, as it was recorded, and that they get what they came for.
@Suite("Token dances of docker, containerd and crane", .timeLimit(.minutes(1)))
struct TokenDanceTests {
    private struct Token: Decodable {
        let token: String
        let refreshToken: String?

        private enum CodingKeys: String, CodingKey {
            case token
            case refreshToken = "refresh_token"
        }
    }

    private let layer = Content(sampleBytes(5000))

    private func withServer(_ body: (RegistryClient, AccessFixture) async throws -> Void) async throws {
        let fixture = try AccessFixture(
            try Policy("allow pull,push,overwrite to user:alice in r/*", "allow pull to everybody in r/public"))
        try await fixture.serve { (server) async throws in try await body(server.client, fixture) }
    }

    /// The parameter of a challenge.
    private func parameter(_ name: String, _ reply: Reply) throws -> String {
        let challenge = try #require(reply["WWW-Authenticate"])
        let parts = try #require(challenge.components(after: "\(name)=\""))
        return String(parts.prefix { $0 != "\"" })
    }

    private func bearer(_ reply: Reply) throws -> (String, String) {
        try #require(reply.status == 200)
        return ("Authorization", "Bearer \(try reply.json(Token.self).token)")
    }

    private func form(_ text: String, _ client: RegistryClient) async throws -> Reply {
        let type = ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
        return try await client.send("POST", "/token", [type], .counted(Array(text.utf8)))
    }

    /// Pushes a layer and an image, with a token for it.
    private func push(_ client: RegistryClient, _ token: (String, String), to name: String) async throws {
        let digests = [layer, Content.emptyJSON]
        for content in digests {
            let head = try await client.send("HEAD", "/v2/\(name)/blobs/\(content.digest)", [token])
            #expect(head.status == 404)
            let start = try await client.send("POST", "/v2/\(name)/blobs/uploads/", [token], .counted([]))
            let location = try #require(start["Location"])
            let put = try await client.send("PUT", location.closing(content.digest), [token], .counted(content.bytes))
            #expect(put.status == 201)
        }
        #expect(try await client.send("HEAD", "/v2/\(name)/manifests/v1", [token]).status == 404)
        let type = ("Content-Type", MediaType.ociManifest.string)
        let put = try await client.send(
            "PUT", "/v2/\(name)/manifests/v1", [token, type], .counted(Content.image(1).bytes))
        #expect(put.status == 201)
    }

    @Test("docker 20: ping, login with an offline token, push; then only the refresh token")
    func docker() async throws {
        try await withServer { (client, _) async throws in
            let ping = try await client.get("/v2/")
            #expect(ping.status == 401)
            let service = try parameter("service", ping)
            let login = try await client.get(
                "/token?account=alice&client_id=docker&offline_token=true&service=\(service)", [basic("alice")])
            #expect(try await client.get("/v2/", [try bearer(login)]).status == 200)
            let refresh = try #require(try login.json(Token.self).refreshToken)

            let scope = "repository%3Ar%2Fa%3Apush%2Cpull"
            let basicToken = try await client.get(
                "/token?account=alice&scope=\(scope)&service=\(service)", [basic("alice")])
            try await push(client, try bearer(basicToken), to: "r/a")
            let refreshed = try await form(
                "client_id=docker&grant_type=refresh_token&refresh_token=\(refresh)"
                    + "&scope=repository%3Ar%2Fb%3Apush%2Cpull&service=\(service)", client)
            try await push(client, try bearer(refreshed), to: "r/b")
        }
    }

    @Test("containerd 2 and docker 29: no ping, POST with scopes in one parameter, mount from another repository")
    func containerd() async throws {
        try await withServer { (client, _) async throws in
            let head = try await client.head("/v2/r/a/blobs/\(layer.digest)")
            #expect(head.status == 401)
            let service = try parameter("service", head)
            #expect(try parameter("scope", head) == "repository:r/a:pull,push")
            func token(_ scopes: String) async throws -> (String, String) {
                try bearer(
                    try await form(
                        "client_id=containerd-client&grant_type=password&password=pw-alice&scope=\(scopes)"
                            + "&service=\(service)&username=alice", client))
            }
            try await push(
                client, try await token("repository%3Ar%2Fa%3Apull+repository%3Ar%2Fa%3Apull%2Cpush"), to: "r/a")
            let wide = try await token(
                "repository%3Ar%2Fa%3Apull+repository%3Ar%2Fb%3Apull+repository%3Ar%2Fb%3Apull%2Cpush")
            let mount = try await client.send(
                "POST", "/v2/r/b/blobs/uploads/?mount=\(layer.digest)&from=r/a", [wide], .counted([]))
            #expect(mount.status == 201)
            let refused = try await form(
                "client_id=containerd-client&grant_type=password&password=x&service=\(service)&username=alice", client)
            #expect(refused.status == 401)
        }
    }

    @Test("crane: ping, one GET, everything with its token; without a login only what is public")
    func crane() async throws {
        try await withServer { (client, _) async throws in
            let ping = try await client.get("/v2/")
            let service = try parameter("service", ping)
            #expect(try parameter("realm", ping).hasSuffix("/token"))
            let scope = "repository%3Ar%2Fpublic%3Apush%2Cpull"
            let login = try await client.get("/token?scope=\(scope)&service=\(service)", [basic("alice")])
            try await push(client, try bearer(login), to: "r/public")
            let nobody = try bearer(
                try await client.get("/token?scope=repository%3Ar%2Fpublic%3Apull&service=\(service)"))
            #expect(try await client.get("/v2/r/public/manifests/v1", [nobody]).status == 200)
            let other = try await client.get("/v2/r/a/manifests/v1", [nobody])
            #expect(other.status == 401)
            #expect(try parameter("scope", other) == "repository:r/a:pull")
        }
    }
}

extension String {
    /// What follows `text`; nil when it does not occur.
    fileprivate func components(after text: String) -> Substring? {
        range(of: text).map { self[$0.upperBound...] }
    }
}
