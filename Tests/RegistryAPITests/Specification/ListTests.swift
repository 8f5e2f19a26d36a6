import OCI
import TestSupport
import Testing

@Suite("Conformance 5: tags/list and _catalog; security: catalog n")
struct ListTests {
    /// Names in which byte order, order of the keys in the store and order of strings could differ.
    private static let tags = [
        "0", "1", "1-rc", "1.0", "1.0-rc.1", "1.0.1", "10", "2", "A", "Z", "_", "_a", "a", "a-b", "a.b", "aB", "a_b",
        "latest", "manifest.json", "v1", "v1.0", "z",
    ]
    private static let names = [
        "a", "a-b", "a-b/c", "a.b", "a/b", "a/b/c", "a/c", "a__b", "a_b", "ab", "b", "b/a", "z",
    ]

    /// Pushes one image under all tags, and makes the repositories that could get in between.
    private func fillTags(_ client: RegistryClient) async throws {
        let image = try await client.pushImage(1, to: "r")
        for tag in Self.tags.shuffled() { _ = try await client.put(image, to: "r", as: tag) }
        for name in ["r/a", "r/a/b", "r/v1.0/x", "r-1", "q"] { try await client.pushImage(2, to: name, tag: "nested") }
    }

    private func follow(_ start: String, _ client: RegistryClient) async throws -> [[String]] {
        var pages: [[String]] = []
        var target: String? = start
        while let next = target {
            let reply = try await client.get(next)
            try #require(reply.status == 200 && pages.count < 100)
            #expect(reply["Content-Type"] == "application/json")
            pages.append(
                try start.contains("_catalog")
                    ? reply.json(CatalogBody.self).repositories : reply.json(TagsBody.self).tags)
            target = reply.next
        }
        return pages
    }

    @Test("tags in byte order; Link followed to the end gives all, whatever n is", arguments: StoreKind.allCases)
    func tagPages(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            try await fillTags(server.client)
            let target = "/v2/r/tags/list"
            #expect(try await follow(target, server.client) == [Self.tags])
            for size in [1, 2, 7, Self.tags.count - 1, Self.tags.count, 1000, 1_000_000_000_000] {
                let pages = try await follow("\(target)?n=\(size)", server.client)
                #expect(pages.flatMap(\.self) == Self.tags)
                #expect(pages.dropLast().allSatisfy { $0.count == size })
            }
        }
    }

    @Test("tags after last, which need not exist", arguments: StoreKind.allCases)
    func last(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            try await fillTags(server.client)
            for last in Self.tags + ["", "00", "1.", "~", "zz", "-", "%2F", "..%2f..", "%00", "%F4%8F%BF%BF"] {
                let reply = try await server.client.get("/v2/r/tags/list?n=3&last=\(last)")
                let text = last.replacing("%2F", with: "/").replacing("%00", with: "\u{0}").replacing(
                    "%F4%8F%BF%BF", with: "\u{10FFFF}"
                ).replacing("..%2f..", with: "../..")
                let expected = Self.tags.filter { text.utf8.lexicographicallyPrecedes($0.utf8) }
                #expect(try reply.json(TagsBody.self).tags == Array(expected.prefix(3)))
                #expect((reply.next != nil) == (expected.count > 3))
            }
        }
    }

    @Test("n=0 is an empty list without Link", arguments: StoreKind.allCases)
    func zero(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            try await fillTags(server.client)
            for target in ["/v2/r/tags/list", "/v2/_catalog"] {
                let pages = try await follow("\(target)?n=0", server.client)
                #expect(pages == [[]])
            }
            let text = try await server.client.get("/v2/r/tags/list?n=0").text
            #expect(text == #"{"name":"r","tags":[]}"#)
        }
    }

    @Test(
        "n that is no number is 400", arguments: ["-1", "abc", "", "1.5", "0x10", "+1", "%201", "1e3", "%D9%A1"],
        ["/v2/r/tags/list", "/v2/_catalog", "/v2/r/referrers/\(Content.emptyJSON.digest)"])
    func invalid(number: String, target: String) async throws {
        try await withServer(on: .memory) { server in
            try await server.client.pushImage(1, to: "r", tag: "latest")
            let reply = try await server.client.get("\(target)?n=\(number)")
            #expect(reply.status == 400)
            #expect(reply.codes == ["PAGINATION_NUMBER_INVALID"])
        }
    }

    @Test("numbers beyond any integer are cut, not refused")
    func huge() async throws {
        try await withServer(on: .memory) { server in
            try await server.client.pushImage(1, to: "r", tag: "latest")
            for number in [
                "1000000000000", "9223372036854775807", "9223372036854775808", String(repeating: "9", count: 500),
            ] {
                let reply = try await server.client.get("/v2/r/tags/list?n=\(number)")
                #expect(try reply.json(TagsBody.self).tags == ["latest"])
                let catalog = try await server.client.get("/v2/_catalog?n=\(number)")
                #expect(try catalog.json(CatalogBody.self).repositories == ["r"])
            }
        }
    }

    @Test("a repository whose tags were all deleted has an empty list, never null", arguments: StoreKind.allCases)
    func emptied(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            try await server.client.pushImage(1, to: "r", tag: "only")
            #expect(try await server.client.delete("/v2/r/manifests/only").status == 202)
            let reply = try await server.client.get("/v2/r/tags/list")
            #expect(reply.status == 200)
            #expect(reply.text == #"{"name":"r","tags":[]}"#)
        }
    }

    @Test("_catalog in order, page by page", arguments: StoreKind.allCases)
    func catalog(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let empty = try await server.client.get("/v2/_catalog")
            #expect(empty.text == #"{"repositories":[]}"#)
            for name in Self.names.shuffled() { try await server.client.pushImage(1, to: name, tag: "v") }
            try await server.client.push(.emptyJSON, to: "only/blobs")
            #expect(try await follow("/v2/_catalog", server.client) == [Self.names])
            for size in [1, 2, 5, Self.names.count, 1000] {
                let pages = try await follow("/v2/_catalog?n=\(size)", server.client)
                #expect(pages.flatMap(\.self) == Self.names)
            }
            for last in Self.names + ["", "a/", "a-", "~", "A", "b!", "%00"] {
                let reply = try await server.client.get("/v2/_catalog?n=2&last=\(last)")
                let text = last.replacing("%00", with: "\u{0}")
                let expected = Self.names.filter { text.utf8.lexicographicallyPrecedes($0.utf8) }
                #expect(try reply.json(CatalogBody.self).repositories == Array(expected.prefix(2)))
            }
        }
    }

    @Test("HEAD says what GET would send, and the namespace parameter of mirrors is ignored")
    func headAndNamespace() async throws {
        try await withServer(on: .memory) { server in
            try await server.client.pushImage(1, to: "r", tag: "latest")
            for target in ["/v2/r/tags/list?ns=docker.io", "/v2/_catalog?ns=docker.io"] {
                let (head, get) = (try await server.client.head(target), try await server.client.get(target))
                #expect(head.status == 200 && get.status == 200)
                #expect(head["Content-Length"] == "\(get.body.count)")
            }
            #expect(try await server.client.get("/v2/r/manifests/latest?ns=docker.io").status == 200)
        }
    }
}
