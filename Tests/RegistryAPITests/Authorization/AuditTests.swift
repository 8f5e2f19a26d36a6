import Access
import HTTPServer
import OCI
import RegistryAPI
import TestSupport
import Testing

@Suite("Audit: what changed something or was refused, and nothing secret")
struct AuditTests {
    @Test func events() async throws {
        let fixture = try AccessFixture(
            try Policy("allow pull to everybody in public/**", "allow pull,push to user:bob in team/**")
        ) {
            $0.clientAddress = { _ in "192.0.2.7" }
        }
        try await fixture.serve { (server) async throws in
            let client = server.client
            let id = ("X-Request-Id", "the-request")
            #expect(try await client.get("/v2/public/x/tags/list", [id]).status == 404)
            #expect(try await client.get("/v2/team/x/tags/list", [basic("bob")]).status == 404)
            #expect(fixture.events.value.isEmpty)
            #expect(try await client.send("POST", "/v2/team/x/blobs/uploads/", [id, basic("bob")]).status == 202)
            #expect(try await client.get("/v2/secret/manifests/v1", [basic("bob")]).status == 403)
            #expect(try await client.get("/v2/team/x/tags/list", [basic("bob", "hunter2")]).status == 401)
            #expect(try await client.get("/token", [basic("bob", "hunter2")]).status == 401)
            let events = fixture.events.value
            try #require(events.count == 4)
            #expect(events.allSatisfy { $0.address == "192.0.2.7" })
            #expect(events.map(\.status.code) == [202, 403, 401, 401])
            #expect(events.map(\.identity.name) == ["bob", "bob", "", ""])
            #expect(events.map(\.rule) == [1, nil, nil, nil])
            #expect(events.map(\.action) == [.push, .pull, .pull, nil])
            #expect(events[0].requestID == "the-request" && events[0].method == .post)
            #expect(events[1].repository?.string == "secret" && events[1].reference == "v1")
            #expect(!"\(events)".contains("hunter2"))
        }
    }
}
