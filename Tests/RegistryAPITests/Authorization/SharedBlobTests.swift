import Access
import Foundation
import OCI
import Registry
import RegistryAPI
import TestSupport
import Testing

/// Security, zot's CVE-2024-39897: a blob that lives only in a repository the caller may not pull.
@Suite("Visibility of shared blobs on every route", .timeLimit(.minutes(1)))
struct SharedBlobTests {
    private let foreign = Content(sampleBytes(300_000))
    private let absent = Content(sampleBytes(300_000, seed: 9))

    private static let rules = try? Policy(
        "allow pull,push,overwrite,delete to user:alice", "allow pull,push,overwrite,delete to user:bob in team/**",
        "allow push to user:carol in team/**")

    /// The answers in words that do not tell which of the two digests was asked for.
    private func shown(_ reply: Reply, _ content: Content) -> Shown {
        Shown(reply, without: content.digest.string, String(content.digest.hex))
    }

    private func withForeign(
        on kind: StoreKind = .memory, cached: Bool = false, _ body: (TestServer, AccessFixture) async throws -> Void
    ) async throws {
        let fixture = try AccessFixture(try #require(Self.rules))
        var settings = TestServer.Settings()
        let folder = try TemporaryDirectory()
        if cached {
            settings.pulls.cache = try BlobCache(
                directory: folder.path, size: 10 << 20, blockingWork: TestServer.blockingWork)
        }
        try await fixture.serve(on: kind, settings) { (server) async throws in
            let alice = RegistryClient(port: server.port)
            let start = try await alice.send("POST", "/v2/secret/x/blobs/uploads/", [basic("alice")], .counted([]))
            let location = try #require(start["Location"])
            let done = try await alice.send(
                "PUT", location.closing(foreign.digest), [basic("alice")], .counted(foreign.bytes))
            try #require(done.status == 201)
            try await body(server, fixture)
        }
    }

    /// Every way to ask for a blob, and what bob is told of both.
    private func expectHidden(_ server: TestServer) async throws {
        let client = server.client
        let fields = [basic("bob")]
        let requests: [(String, (Digest) -> String, [(String, String)])] = [
            ("HEAD", { "/v2/team/app/blobs/\($0)" }, []), ("GET", { "/v2/team/app/blobs/\($0)" }, []),
            ("GET", { "/v2/team/app/blobs/\($0)" }, [("Range", "bytes=0-9")]),
            ("GET", { "/v2/team/app/blobs/\($0)" }, [("If-None-Match", "*")]),
            ("HEAD", { "/v2/secret/x/blobs/\($0)" }, []), ("GET", { "/v2/secret/x/blobs/\($0)" }, []),
            ("DELETE", { "/v2/team/app/blobs/\($0)" }, []), ("GET", { "/v2/team/app/manifests/\($0)" }, []),
            ("GET", { "/v2/team/app/referrers/\($0)" }, []),
        ]
        for (method, target, more) in requests {
            let there = try await client.send(method, target(foreign.digest), fields + more)
            let missing = try await client.send(method, target(absent.digest), fields + more)
            #expect(shown(there, foreign) == shown(missing, absent), "\(method) \(target(foreign.digest))")
            #expect(there.status >= 400 || target(foreign.digest).contains("referrers"))
        }
        for from in ["", "&from=secret/x", "&from=secret/none", "&from=team/app", "&from=%20"] {
            for content in [foreign, absent] {
                let target = "/v2/team/app/blobs/uploads/?mount=\(content.digest)\(from)"
                #expect(try await client.send("POST", target, fields, .counted([])).status == 202, "\(from)")
            }
        }
        for content in [foreign, absent] {
            let manifest = image(content)
            let reply = try await client.send(
                "PUT", "/v2/team/app/manifests/x", fields + [("Content-Type", MediaType.ociManifest.string)],
                .counted(manifest.bytes))
            #expect(reply.status == 400)
            #expect(reply.codes.contains("MANIFEST_BLOB_UNKNOWN"))
            #expect(shown(reply, content).body.contains("NAME"))
        }
    }

    private func image(_ layer: Content) -> Content {
        let manifest: JSON = [
            "schemaVersion": 2, "mediaType": .string(MediaType.ociManifest.string),
            "config": layer.descriptor(MediaType.ociConfig.string), "layers": [],
        ]
        return Content(manifest.bytes)
    }

    @Test(
        "who may not pull it sees nothing of it, who may pull everything sees it everywhere",
        arguments: StoreKind.allCases)
    func hidden(_ kind: StoreKind) async throws {
        try await withForeign(on: kind) { (server, _) async throws in
            try await expectHidden(server)
            let alice = try await server.client.get("/v2/third/blobs/\(foreign.digest)", [basic("alice")])
            #expect(alice.body == foreign.bytes)
            // Who sees it there does not show it to others.
            try await expectHidden(server)
        }
    }

    @Test("nor of a manifest: as manifest, blob, child or subject", arguments: StoreKind.allCases)
    func manifests(_ kind: StoreKind) async throws {
        try await withForeign(on: kind) { (server, _) async throws in
            let alice = RegistryClient(port: server.port, fields: [basic("alice")])
            let bob = RegistryClient(port: server.port, fields: [basic("bob")])
            // By digest, so that its bytes are among the blobs, too.
            let there = try await alice.pushImage(1, to: "secret/x")
            let own = try await alice.pushImage(2, to: "secret/x", subject: there)
            try await bob.push(.emptyJSON, to: "team/app")
            let missing = Content.image(3)
            let requests: [(String, (Digest) -> String)] = [
                ("GET", { "/v2/team/app/manifests/\($0)" }), ("HEAD", { "/v2/team/app/manifests/\($0)" }),
                ("DELETE", { "/v2/team/app/manifests/\($0)" }), ("GET", { "/v2/team/app/blobs/\($0)" }),
                ("HEAD", { "/v2/team/app/blobs/\($0)" }), ("GET", { "/v2/team/app/referrers/\($0)" }),
                ("POST", { "/v2/team/app/blobs/uploads/?digest=\($0)" }),
                ("GET", { "/v2/secret/x/referrers/\($0)" }), ("DELETE", { "/v2/secret/x/manifests/\($0)" }),
            ]
            for (method, target) in requests {
                let one = try await bob.send(method, target(there.digest), [], .counted([]))
                let other = try await bob.send(method, target(missing.digest), [], .counted([]))
                #expect(shown(one, there) == shown(other, missing), "\(method) \(target(there.digest))")
            }
            for content in [there, missing] {
                let mount = "/v2/team/app/blobs/uploads/?mount=\(content.digest)"
                #expect(try await bob.send("POST", mount, [], .counted([])).status == 202)
                let index: JSON = [
                    "schemaVersion": 2, "mediaType": .string(MediaType.ociIndex.string),
                    "manifests": .array([content.descriptor(MediaType.ociManifest.string)]),
                ]
                let parent = Content(index.bytes)
                let reply = try await bob.put(parent, to: "team/app", type: MediaType.ociIndex.string)
                #expect(reply.status == 400 && reply.codes == ["MANIFEST_BLOB_UNKNOWN"])
                // A subject need not exist, and nothing tells whether it does.
                let about = Content.image(4, subject: content)
                #expect(try await bob.put(about, to: "team/app").status == 201)
                let list = try await bob.get("/v2/team/app/referrers/\(content.digest)")
                #expect(list.text.contains(about.digest.string) && !list.text.contains(own.digest.string))
                #expect(try await bob.get("/v2/team/app/manifests/\(content.digest)").status == 404)
            }
            let list = try await alice.get("/v2/secret/x/referrers/\(there.digest)")
            let others = Content.image(4, subject: there)
            #expect(list.text.contains(own.digest.string) && !list.text.contains(others.digest.string))
            #expect(try await alice.get("/v2/secret/x/manifests/\(there.digest)").body == there.bytes)
            alice.close()
            bob.close()
        }
    }

    @Test("no cache and no shared fetch gives it away, and a deletion is seen through all of them")
    func caches() async throws {
        try await withForeign(cached: true) { (server, _) async throws in
            let client = server.client
            let target = "/v2/team/app/blobs/\(foreign.digest)"
            async let fetched = client.get(target, [basic("alice")])
            #expect(try await client.get(target, [basic("bob")]).status == 404)
            #expect(try await fetched.body == foreign.bytes)
            for _ in 0..<3 {
                #expect(try await client.get(target, [basic("alice")]).status == 200)
                try await expectHidden(server)
            }
            // Bob gets it by its bytes, and loses it with them.
            let push = "/v2/team/app/blobs/uploads/?digest=\(foreign.digest)"
            #expect(try await client.send("POST", push, [basic("bob")], .counted(foreign.bytes)).status == 201)
            #expect(try await client.get(target, [basic("bob")]).body == foreign.bytes)
            #expect(try await client.send("DELETE", target, [basic("bob")]).status == 202)
            #expect(try await client.get(target, [basic("bob")]).status == 404)
            #expect(try await client.get(target, [basic("alice")]).status == 404)
        }
    }

    @Test("garbage under its digest, in every form of upload, leaves it hidden", arguments: UploadForm.allCases)
    func garbage(_ form: UploadForm) async throws {
        try await withForeign { (server, _) async throws in
            let bob = RegistryClient(port: server.port, fields: [basic("bob")])
            for bytes in [absent.bytes, Array(foreign.bytes.dropLast()), foreign.bytes + [0]] {
                let reply = try await form.push(bytes, as: foreign.digest, to: "team/app", with: bob)
                #expect(reply.status == 400)
                #expect(try await bob.head("/v2/team/app/blobs/\(foreign.digest)").status == 404)
            }
            bob.close()
            try await expectHidden(server)
        }
    }

    @Test("mount needs pull of the source, by the policy and by the token")
    func mount() async throws {
        try await withForeign { (server, fixture) async throws in
            let bob = Identity(.password, name: "bob")
            let push = "/v2/team/app/blobs/uploads/?digest=\(foreign.digest)"
            #expect(try await server.client.send("POST", push, [basic("bob")], .counted(foreign.bytes)).status == 201)
            let mount = "/v2/team/new/blobs/uploads/?mount=\(foreign.digest)&from=team/app"
            let narrow = try await fixture.token(bob, "repository:team/new:pull,push")
            #expect(try await server.client.send("POST", mount, [narrow], .counted([])).status == 202)
            let wide = try await fixture.token(bob, "repository:team/new:pull,push", "repository:team/app:pull")
            #expect(try await server.client.send("POST", mount, [wide], .counted([])).status == 201)
            // Carol may push, but not pull, from anywhere.
            let third = mount.replacingOccurrences(of: "team/new", with: "team/third")
            #expect(try await server.client.send("POST", third, [basic("carol")], .counted([])).status == 202)
            #expect(
                try await server.client.send("HEAD", "/v2/team/third/blobs/\(foreign.digest)", [basic("bob")]).status
                    == 404)
        }
    }

    @Test("an upload belongs to who began it, and to its repository")
    func sessions() async throws {
        try await withForeign { (server, fixture) async throws in
            let client = server.client
            let start = try await client.send("POST", "/v2/team/app/blobs/uploads/", [basic("bob")], .counted([]))
            let location = try #require(start["Location"])
            let elsewhere = location.replacingOccurrences(of: "team/app", with: "team/new")
            for (target, who) in [(location, "alice"), (location, "carol"), (elsewhere, "bob")] {
                for (method, body) in [("GET", []), ("PATCH", foreign.bytes), ("DELETE", []), ("HEAD", [])] {
                    #expect(try await client.send(method, target, [basic(who)], .counted(body)).status == 404)
                }
                let put = try await client.send(
                    "PUT", target.closing(foreign.digest), [basic(who)], .counted(foreign.bytes))
                #expect(put.status == 404)
                #expect(put.codes == ["BLOB_UPLOAD_UNKNOWN"])
            }
            let token = try await fixture.token(Identity(.password, name: "bob"), "repository:team/app:push")
            let put = try await client.send("PUT", location.closing(foreign.digest), [token], .counted(foreign.bytes))
            #expect(put.status == 201)
        }
    }
}
