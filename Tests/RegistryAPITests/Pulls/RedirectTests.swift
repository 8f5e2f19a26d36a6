import Access
import OCI
import Registry
import RegistryAPI
import TestSupport
import Testing

@Suite("Pulls: redirects to the store")
struct RedirectTests {
    private let content = Content(sampleBytes(100_000))
    private let small = Content(sampleBytes(2_000))

    private var settings: TestServer.Settings {
        var settings = TestServer.Settings()
        settings.pulls.mode = .redirect
        return settings
    }

    private func withStore(_ body: (TestServer, ScriptedStore) async throws -> Void) async throws {
        try await withScript([content, small], settings) { (server, store) async throws in
            store.urlPrefix.change { $0 = "http://bucket.test/" }
            try await body(server, store)
        }
    }

    @Test("GET answers 307, with or without a Range; the store is asked nothing but whether the blob is there")
    func redirects() async throws {
        try await withStore { (server, store) async throws in
            for fields in [[], [("Range", "bytes=5-9")], [("Range", "bytes=999999-")]] {
                let reply = try await server.client.get(content.target, fields)
                #expect(reply.status == 307)
                #expect(reply["Location"] == "http://bucket.test/blobs/sha256/\(content.digest.hex)")
                #expect(reply["Docker-Content-Digest"] == content.digest.string)
                #expect(reply["Cache-Control"] == "private, max-age=60")
                #expect(reply["Content-Length"] == "0")
                #expect(reply["ETag"] == nil)
            }
            #expect(store.log.value.heads == 3)
            #expect(store.log.value.linkHeads == 3)
            #expect(store.log.value.gets.isEmpty)
        }
    }

    @Test("HEAD is answered here, and so is a client that has the blob")
    func answeredHere() async throws {
        try await withStore { (server, store) async throws in
            let head = try await server.client.head(content.target)
            #expect(head.status == 200)
            #expect(head["Content-Length"] == "100000")
            let tag = try #require(head["ETag"])
            #expect(try await server.client.get(content.target, [("If-None-Match", tag)]).status == 304)
            #expect(store.log.value.urls == 0)
        }
    }

    @Test("what is small passes through")
    func smallBlob() async throws {
        try await withStore { (server, store) async throws in
            let reply = try await server.client.get(small.target)
            #expect(reply.status == 200)
            #expect(reply.body == small.bytes)
            #expect(store.log.value.urls == 0)
        }
    }

    @Test("a store without URLs is read here")
    func noURL() async throws {
        try await withStore { (server, store) async throws in
            store.urlPrefix.change { $0 = nil }
            #expect(try await server.client.get(content.target).body == content.bytes)
            #expect(try await server.client.get(content.target, [("Range", "bytes=5-9")]).status == 206)
        }
    }

    @Test("a URL is made only after the rules have let the client through, and never for a HEAD")
    func authorized() async throws {
        let fixture = try AccessFixture(
            try Policy("allow pull to user:alice", "allow pull to user:bob in team/**", "allow push to user:carol"))
        try await withStore { (server, store) async throws in
            server.handler.settings.access = fixture.controller
            let elsewhere = content.target.replacing("/v2/repo/", with: "/v2/team/repo/")
            for (who, target, status) in [
                (nil, content.target, 401), ("bob", content.target, 403), ("carol", content.target, 403),
                ("bob", elsewhere, 404), ("erin", elsewhere, 403),
            ] {
                for fields in [[], [("Range", "bytes=0-9")], [("If-None-Match", "*")]] {
                    let reply = try await server.client.get(target, (who.map { [basic($0)] } ?? []) + fields)
                    #expect(reply.status == status && reply["Location"] == nil, "\(who ?? "") \(target)")
                }
            }
            let alice = [basic("alice")]
            #expect(try await server.client.send("HEAD", content.target, alice).status == 200)
            #expect(store.log.value.urls == 0)
            #expect(try await server.client.get(content.target, alice).status == 307)
            #expect(store.log.value.urls == 1)
        }
    }

    @Test("a URL is made only for what the client may see")
    func invisible() async throws {
        try await withStore { (server, store) async throws in
            let name = try RepositoryName("other")
            let other = server.repositories.repository(name, visibility: .linkedBlobs)
            #expect(try await other.blobs.redirect(content.digest, minimumSize: 0) == .invisible)
            #expect(try await server.client.delete(content.target).status == 202)
            #expect(try await server.client.get(content.target).status == 404)
            let unknown = Content(sampleBytes(10, seed: 1))
            #expect(try await server.client.get(unknown.target).status == 404)
            #expect(store.log.value.urls == 0)
        }
    }
}
