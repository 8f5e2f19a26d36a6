import OCI
import TestSupport
import Testing

@Suite("Conformance 5 and security, own list 6 and 13: names over the wire")
struct NameTests {
    @Test(
        "repositories named like the API's own paths, or like the store's, live side by side",
        arguments: StoreKind.allCases)
    func apiWords(kind: StoreKind) async throws {
        let names = [
            "blobs", "a/blobs", "a/manifests", "a/tags/list", "a/referrers", "a/blobs/uploads", "a/blobs/uploads/b",
            "a",
            "v2", "registry", "registry/a", "manifests", "manifests/a", "sha256", "recipes", "chunks", "tags/list",
            "a/tags",
            "manifest.json", "registry/keys", "cancelled",
        ]
        try await withServer(on: kind) { server in
            let client = server.client
            for (seed, name) in names.enumerated() {
                let image = try await client.pushImage(seed, to: name, tag: "latest")
                let reply = try await client.put(image, to: name)
                #expect(reply.status == 201)
            }
            for (seed, name) in names.enumerated() {
                let image = Content.image(seed)
                for reference in ["latest", image.digest.string] {
                    #expect(try await client.get("/v2/\(name)/manifests/\(reference)").body == image.bytes)
                }
                #expect(try await client.get("/v2/\(name)/tags/list").json(TagsBody.self).tags == ["latest"])
                #expect(try await client.has(.emptyJSON, in: name))
            }
            #expect(try await client.get("/v2/_catalog").json(CatalogBody.self).repositories == names.sorted())
            for name in names {
                #expect(try await client.delete("/v2/\(name)/manifests/latest").status == 202)
                #expect(try await client.get("/v2/\(name)/tags/list").json(TagsBody.self).tags.isEmpty)
            }
        }
    }

    @Test(
        "names that are none are 400 on every route, and nothing is stored",
        arguments: [
            "A", "a/../b", "%2e%2e", "..", "a%2fb", "a//b", "/a", "_uploads", "a/_blobs", "_keys", "a%00", "a%0d%0ab",
            "%ff",
            String(repeating: "a", count: 256), "a/" + String(repeating: "b", count: 254),
        ])
    func invalid(name: String) async throws {
        try await withServer(on: .directory) { server in
            let client = server.client
            let blob = Content.emptyJSON
            var replies = [
                try await client.send(
                    "POST", "/v2/\(name)/blobs/uploads/?digest=\(blob.digest)", [], .counted(blob.bytes)),
                try await client.send("POST", "/v2/\(name)/blobs/uploads/", [], .counted([])),
                try await client.put(.image(1), to: name, as: "latest"),
                try await client.delete("/v2/\(name)/manifests/latest"),
                try await client.delete("/v2/\(name)/blobs/\(blob.digest)"),
            ]
            for path in ["tags/list", "manifests/latest", "blobs/\(blob.digest)", "referrers/\(blob.digest)"] {
                replies.append(try await client.get("/v2/\(name)/\(path)"))
            }
            for reply in replies {
                #expect(reply.status == 400)
                #expect(reply.codes == ["NAME_INVALID"])
            }
            #expect(try await server.store.keys() == ["registry/_keys/uploads"])
        }
    }

    @Test("a name of 255 characters in several components works", arguments: StoreKind.allCases)
    func longest(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let name = String(repeating: "a", count: 127) + "/" + String(repeating: "b", count: 127)
            let image = try await server.client.pushImage(1, to: name, tag: "latest")
            #expect(try await server.client.get("/v2/\(name)/manifests/latest").body == image.bytes)
            #expect(try await server.client.get("/v2/_catalog").json(CatalogBody.self).repositories == [name])
        }
    }

    @Test("one component of 255 characters: taken, or refused in the spec's form where a directory cannot hold it")
    func longestComponent() async throws {
        let name = String(repeating: "a", count: 255)
        try await withServer(on: .memory) { server in
            try await server.client.pushImage(1, to: name, tag: "latest")
            #expect(try await server.client.get("/v2/_catalog").json(CatalogBody.self).repositories == [name])
        }
        try await withServer(on: .directory) { server in
            try await server.client.push(.emptyJSON, to: name)
            let reply = try await server.client.put(.image(1), to: name, as: "latest")
            #expect(reply.status == 400)
            #expect(reply.codes == ["NAME_INVALID"])
            #expect(try await server.client.get("/v2/\(name)/manifests/latest").status == 404)
        }
    }

    @Test("a tag whose file would be another tag's directory is refused on a directory, and harms neither")
    func fileAndDirectory() async throws {
        try await withServer(on: .directory) { server in
            let client = server.client
            let first = try await client.pushImage(1, to: "a", tag: "b")
            try await client.push(.emptyJSON, to: "a/b")
            // `manifests/a/b/manifest.json` is a file already.
            let reply = try await client.put(.image(2), to: "a/b", as: "manifest.json")
            #expect(reply.status == 400)
            #expect(reply.codes == ["NAME_INVALID"])
            #expect(try await client.get("/v2/a/manifests/b").body == first.bytes)
            #expect(try await client.get("/v2/a/b/manifests/manifest.json").status == 404)
            try await client.pushImage(3, to: "a/b", tag: "v1")
            #expect(try await client.get("/v2/a/tags/list").json(TagsBody.self).tags == ["b"])
        }
    }
}
