import OCI
import Registry
import TestSupport
import Testing

@Suite("Conformance 5: referrers by pages, the tag schema, and deletes")
struct ReferrersPagingTests {
    /// An artifact of one of two types that refers to `subject`.
    private static func artifact(_ seed: Int, of subject: Content) -> Content {
        let type = seed % 3 == 0 ? "application/vnd.example.a+b" : "application/vnd.example.other"
        let manifest: JSON = [
            "schemaVersion": 2, "mediaType": .string(MediaType.ociManifest.string), "artifactType": .string(type),
            "config": Content.emptyJSON.descriptor(MediaType.emptyJSON.string), "layers": [],
            "subject": subject.descriptor(MediaType.ociManifest.string), "annotations": ["seed": .string("\(seed)")],
        ]
        return Content(manifest.bytes)
    }

    private func follow(_ start: String, _ client: RegistryClient) async throws -> [[Descriptor]] {
        var pages: [[Descriptor]] = []
        var target: String? = start
        while let next = target {
            let reply = try await client.get(next)
            try #require(reply.status == 200 && pages.count < 100)
            #expect(reply["Content-Type"] == MediaType.ociIndex.string)
            #expect(reply.values("OCI-Filters-Applied") == (start.contains("artifactType") ? ["artifactType"] : []))
            pages.append(try reply.json(IndexBody.self).manifests)
            target = reply.next
        }
        return pages
    }

    @Test("Link followed to the end gives every referrer once, filtered or not", arguments: StoreKind.allCases)
    func pages(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let client = server.client
            let subject = try await client.pushImage(0, to: "r")
            let all = (1...20).map { Self.artifact($0, of: subject) }
            for artifact in all { #expect(try await client.put(artifact, to: "r").status == 201) }
            let digests = all.map(\.digest).sorted()
            let target = "/v2/r/referrers/\(subject.digest)"
            for size in [1, 3, 19, 20, 21, 1_000_000_000_000] {
                let pages = try await follow("\(target)?n=\(size)", client)
                #expect(pages.flatMap(\.self).map(\.digest) == digests)
                #expect(pages.allSatisfy { $0.count <= size })
            }
            let filtered = try await follow("\(target)?n=2&artifactType=application%2Fvnd.example.a%2Bb", client)
            #expect(filtered.flatMap(\.self).count == 6 && filtered.allSatisfy { $0.count <= 2 })
            // A plus sign clients forgot to escape stands for itself.
            let unescaped = try await follow("\(target)?artifactType=application/vnd.example.a+b", client)
            #expect(unescaped.flatMap(\.self) == filtered.flatMap(\.self))
            for query in ["?n=0", "?n=0&last=\(digests[4])"] {
                let none = try await client.get("\(target)\(query)")
                #expect(try none.json(IndexBody.self).manifests.isEmpty && none.next == nil)
            }
            let rest = try await client.get("\(target)?last=\(digests[4])").json(IndexBody.self).manifests
            #expect(rest.map(\.digest) == Array(digests[5...]))
        }
    }

    @Test("annotations by the megabyte come in several pages without being asked to", arguments: StoreKind.allCases)
    func largePages(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let client = server.client
            let subject = try await client.pushImage(0, to: "r")
            let value = String(repeating: "v", count: 1_500_000)
            for seed in 0..<5 {
                let manifest: JSON = [
                    "schemaVersion": 2, "config": Content.emptyJSON.descriptor(MediaType.emptyJSON.string),
                    "layers": [],
                    "subject": subject.descriptor(MediaType.ociManifest.string),
                    "annotations": ["seed": .string("\(seed)"), "value": .string(value)],
                ]
                #expect(try await client.put(Content(manifest.bytes), to: "r").status == 201)
            }
            let pages = try await follow("/v2/r/referrers/\(subject.digest)", client)
            #expect(pages.count > 1 && pages.flatMap(\.self).count == 5)
        }
    }

    @Test("a deleted referrer is not listed any more, and is again when pushed again", arguments: StoreKind.allCases)
    func deleted(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let client = server.client
            let subject = try await client.pushImage(0, to: "r")
            let target = "/v2/r/referrers/\(subject.digest)"
            let (one, other) = (Self.artifact(1, of: subject), Self.artifact(2, of: subject))
            for _ in 0..<2 {
                for artifact in [one, other] { _ = try await client.put(artifact, to: "r", as: "t") }
                #expect(try await follow(target, client)[0].count == 2)
                #expect(try await client.delete("/v2/r/manifests/\(one.digest)").status == 202)
                #expect(try await follow(target, client)[0].map(\.digest) == [other.digest])
            }
            // The subject may go first: its referrers are still known.
            #expect(try await client.delete("/v2/r/manifests/\(subject.digest)").status == 202)
            #expect(try await follow(target, client)[0].map(\.digest) == [other.digest])
        }
    }

    @Test("indexes of the referrers tag schema are merged in, each referrer once", arguments: StoreKind.allCases)
    func tagSchema(kind: StoreKind) async throws {
        try await withServer(on: kind, .sparse) { server in
            let client = server.client
            let subject = try await client.pushImage(0, to: "r")
            let (both, known, old) = (
                Self.artifact(1, of: subject), Self.artifact(2, of: subject), Self.artifact(3, of: subject)
            )
            for artifact in [both, known] { _ = try await client.put(artifact, to: "r") }
            let entries = [both, old].map {
                $0.descriptor(MediaType.ociManifest.string, [("artifactType", "application/vnd.example.a+b")])
            }
            let index: JSON = [
                "schemaVersion": 2, "mediaType": .string(MediaType.ociIndex.string), "manifests": .array(entries),
            ]
            let tag = subject.digest.string.replacing(":", with: "-")
            let reply = try await client.put(Content(index.bytes), to: "r", as: tag, type: MediaType.ociIndex.string)
            #expect(reply.status == 201)
            let listed = try await follow("/v2/r/referrers/\(subject.digest)", client).flatMap(\.self)
            #expect(listed.map(\.digest) == [both, known, old].map(\.digest).sorted())
            // What the registry knows itself counts more than what an index says.
            #expect(listed.first { $0.digest == both.digest }?.artifactType == "application/vnd.example.other")
            let filtered = try await follow(
                "/v2/r/referrers/\(subject.digest)?artifactType=application/vnd.example.a%2Bb", client)
            #expect(filtered.flatMap(\.self).map(\.digest) == [old.digest])
            let paged = try await follow("/v2/r/referrers/\(subject.digest)?n=1", client)
            #expect(paged.flatMap(\.self) == listed)
        }
    }

    @Test("an image that happens to have such a tag lists nothing", arguments: Digest.Algorithm.allCases)
    func otherTag(algorithm: Digest.Algorithm) async throws {
        try await withServer(on: .memory) { server in
            let subject = Content.image(7, algorithm)
            let tag = String(subject.digest.string.replacing(":", with: "-").prefix(128))
            try await server.client.pushImage(1, to: "r", tag: tag)
            let listed = try await follow("/v2/r/referrers/\(subject.digest)", server.client)
            #expect(listed == [[]])
        }
    }
}
