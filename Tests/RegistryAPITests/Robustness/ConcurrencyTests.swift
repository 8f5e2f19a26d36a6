import OCI
import TestSupport
import Testing

@Suite("Conformance 5, own list 2 and invariants 1 to 4: many clients at once")
struct ConcurrencyTests {
    @Test(
        "16 clients push one blob at once, one of them other bytes: 400 for that one only",
        arguments: StoreKind.allCases, UploadForm.allCases)
    func sameBlob(kind: StoreKind, form: UploadForm) async throws {
        try await withServer(on: kind) { server in
            let content = Content(sampleBytes(30_670))
            let statuses = try await atOnce(16) { number in
                let client = RegistryClient(port: server.port)
                let bytes = number == 7 ? sampleBytes(30_670, seed: 7) : content.bytes
                return try await form.push(bytes, as: content.digest, to: "r\(number % 3)", with: client).status
            }
            #expect(statuses.enumerated().allSatisfy { $1 == ($0 == 7 ? 400 : 201) })
            for name in ["r0", "r1", "r2"] { #expect(try await server.client.has(content, in: name)) }
            let keys = try await server.store.keys()
            // A stream is at its own digest before anybody says that it should have another one.
            #expect(keys.filter { $0.hasPrefix("blobs/") }.count == (form == .stream ? 2 : 1))
            #expect(!keys.contains { $0.hasPrefix("registry/_uploads/") })
        }
    }

    @Test("nothing is visible while a body is under way, right or wrong", arguments: StoreKind.allCases)
    func underWay(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let client = server.client
            let content = Content(sampleBytes(3000))
            let location = try await client.startUpload("r")
            let single = "/v2/r/blobs/uploads/?digest=\(content.digest)"
            for (method, target) in [("POST", single), ("PUT", location.closing(content.digest))] {
                for (bytes, status) in [(sampleBytes(3000, seed: 9), 400), (content.bytes, 201)] {
                    let pending = try await client.begin(method, target, length: 3000)
                    #expect(try await !client.has(content, in: "r"))
                    #expect(try await pending.finish(bytes).status == status)
                }
                #expect(try await client.delete("/v2/r/blobs/\(content.digest)").status == 202)
            }
        }
    }

    @Test("two PATCHes at once on one session: each Location leads to its own bytes", arguments: StoreKind.allCases)
    func twoPatches(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let client = server.client
            let contents = (0..<2).map { Content(sampleBytes(1000, seed: $0)) }
            let start = try await client.startUpload("r")
            let pending = [
                try await client.begin("PATCH", start, length: 1000),
                try await client.begin("PATCH", start, length: 1000),
            ]
            let replies = try await atOnce(2) { try await pending[$0].finish(contents[$0].bytes) }
            for (content, reply) in zip(contents, replies) {
                let location = try reply.nextLocation(after: 1000)
                #expect(try await client.get(location)["Range"] == "0-999")
                let closed = try await client.send("PUT", location.closing(content.digest), [], .counted([]))
                #expect(closed.status == 201)
                #expect(try await client.has(content, in: "r"))
            }
        }
    }

    @Test("the same closing request twice at once: 201 for both", arguments: StoreKind.allCases, [0, 10])
    func twoCloses(kind: StoreKind, tail: Int) async throws {
        try await withServer(on: kind) { server in
            let client = server.client
            let content = Content(sampleBytes(1000))
            let start = try await client.startUpload("r")
            let next = try await client.patch(start, content.bytes, 0..<(1000 - tail), of: 1000)
            let statuses = try await atOnce(4) { _ in
                let last = Payload.counted(Array(content.bytes.suffix(tail)))
                return try await RegistryClient(port: server.port).send("PUT", next.closing(content.digest), [], last)
                    .status
            }
            #expect(statuses == [201, 201, 201, 201])
            #expect(try await client.has(content, in: "r"))
        }
    }

    @Test("a tag pushed by many is always one of the manifests, whole", arguments: StoreKind.allCases)
    func oneTag(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            try await server.client.push(.emptyJSON, to: "r")
            let images = (0..<4).map { Content.image($0) }
            _ = try await server.client.put(images[0], to: "r", as: "latest")
            _ = try await atOnce(6) { number in
                let client = RegistryClient(port: server.port)
                for _ in 0..<20 {
                    if number < 4 {
                        #expect(try await client.put(images[number], to: "r", as: "latest").status == 201)
                    } else {
                        try await expectWhole("latest", in: "r", images, mayBeGone: false, client)
                    }
                }
            }
        }
    }

    @Test("pushes race deletes of the tag and of the digests", arguments: StoreKind.allCases)
    func pushAndDelete(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            try await server.client.push(.emptyJSON, to: "r")
            let subject = Content.image(99)
            let images = (0..<2).map { Content.image($0, subject: subject) }
            let tags = ["a", "b", "c"]
            _ = try await atOnce(6) { number in
                let client = RegistryClient(port: server.port)
                for round in 0..<15 {
                    let image = images[round % 2]
                    switch number {
                    case 0, 1, 2:
                        #expect(try await client.put(image, to: "r", as: tags[(number + round) % 3]).status == 201)
                    case 3:
                        let status = try await client.delete("/v2/r/manifests/\(image.digest)").status
                        #expect([202, 404].contains(status))
                    case 4:
                        let status = try await client.delete("/v2/r/manifests/\(tags[round % 3])").status
                        #expect([202, 404].contains(status))
                    default:
                        for reference in tags + images.map(\.digest.string) {
                            try await expectWhole(reference, in: "r", images, mayBeGone: true, client)
                        }
                    }
                }
            }
            try await expectConsistent(images, subject, server)
        }
    }

    // MARK: Checks

    /// Every tag listed resolves, every manifest found is there by its digest and listed as a referrer.
    private func expectConsistent(_ images: [Content], _ subject: Content, _ server: TestServer) async throws {
        let client = server.client
        for tag in try await client.get("/v2/r/tags/list").json(TagsBody.self).tags {
            let reply = try await client.get("/v2/r/manifests/\(tag)")
            #expect(reply.status == 200)
            let digest = try #require(reply["Docker-Content-Digest"])
            #expect(try await client.get("/v2/r/manifests/\(digest)").status == 200)
        }
        let listed = try await client.get("/v2/r/referrers/\(subject.digest)").json(IndexBody.self).manifests
        for image in images {
            let isThere = try await client.head("/v2/r/manifests/\(image.digest)").status == 200
            #expect(listed.contains { $0.digest == image.digest } == isThere)
        }
    }

    private func expectWhole(
        _ reference: String, in name: String, _ images: [Content], mayBeGone: Bool, _ client: RegistryClient
    ) async throws {
        let reply = try await client.get("/v2/\(name)/manifests/\(reference)")
        if mayBeGone, reply.status == 404 { return }
        #expect(reply.status == 200)
        let image = images.first { $0.digest.string == reply["Docker-Content-Digest"] }
        #expect(image?.bytes == reply.body)
    }

    /// Runs `body` for 0 to `count`-1 at the same time, and returns what it returned in that order.
    private func atOnce<Value: Sendable>(
        _ count: Int, _ body: @escaping @Sendable (Int) async throws -> Value
    ) async throws -> [Value] {
        try await withThrowingTaskGroup(of: (Int, Value).self) { group in
            for number in 0..<count { group.addTask { (number, try await body(number)) } }
            var values: [Int: Value] = [:]
            for try await (number, value) in group { values[number] = value }
            return (0..<count).compactMap { values[$0] }
        }
    }
}
