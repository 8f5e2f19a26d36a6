import Access
import OCI
import Registry
import RegistryAPI
import TestSupport
import Testing

/// Security, own list 8: what a token says is all it opens, whatever its bearer may do.
@Suite("A token opens what its scopes name, and nothing else", .timeLimit(.minutes(1)))
struct TokenScopeTests {
    private static let absent = Digest(of: Array("nowhere".utf8))
    private static let repositories = ["team/app", "team", "team/app/sub", "team-evil/app", "tea", "app", "team/app-2"]

    /// Requests by the action they need.
    private static func requests(_ name: String) -> [(action: String, method: String, target: String)] {
        [
            ("pull", "GET", "/v2/\(name)/tags/list"), ("pull", "HEAD", "/v2/\(name)/manifests/v1"),
            ("pull", "GET", "/v2/\(name)/manifests/\(absent)"), ("pull", "GET", "/v2/\(name)/blobs/\(absent)"),
            ("pull", "GET", "/v2/\(name)/referrers/\(absent)"), ("push", "POST", "/v2/\(name)/blobs/uploads/"),
            ("push", "POST", "/v2/\(name)/blobs/uploads/?mount=\(absent)&from=team/app"),
            ("push", "PUT", "/v2/\(name)/manifests/v1"), ("push", "PUT", "/v2/\(name)/manifests/\(absent)?tag=v1"),
            ("delete", "DELETE", "/v2/\(name)/manifests/v1"), ("delete", "DELETE", "/v2/\(name)/blobs/\(absent)"),
        ]
    }

    @Test(arguments: [
        ["repository:team/app:pull"], ["repository:team/app:push"], ["repository:team/app:delete"],
        ["repository:team/app:pull,push,delete"], ["repository:team/app:*"], ["repository:team/app:overwrite,admin"],
        ["registry:catalog:*"], [], ["repository:team/app:pull", "repository:tea:push"],
        ["repository:app:pull,push,delete", "registry:catalog:*"],
    ])
    func opens(_ scopes: [String]) async throws {
        let fixture = try AccessFixture(try Policy("allow pull,push,overwrite,delete to user:alice"))
        try await fixture.serve { (server) async throws in
            let field = try await fixture.token(Identity(.password, name: "alice"), scopes)
            var opened = 0
            for name in Self.repositories {
                for (action, method, target) in Self.requests(name) {
                    let reply = try await server.client.send(method, target, [field], .counted([]))
                    let isNamed = scopes.contains { scope in
                        let parts = scope.split(separator: ":")
                        return parts[0] == "repository" && parts[1] == name
                            && parts[2].split(separator: ",").contains(Substring(action))
                    }
                    #expect((reply.status != 401) == isNamed, "\(scopes) \(method) \(target): \(reply.status)")
                    if isNamed { opened += 1 }
                }
            }
            let namesAny = scopes.contains { $0.contains(":pu") || $0.contains(":delete") }
            #expect((opened > 0) == namesAny)
            let catalog = try await server.client.get("/v2/_catalog", [field])
            #expect(catalog.status == (scopes.contains("registry:catalog:*") ? 200 : 401))
        }
    }
}
