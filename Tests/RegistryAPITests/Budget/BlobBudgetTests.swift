import OCI
import TestSupport
import Testing

/// What each request of a client costs the store. A row that grows makes every such request slower and dearer on S3.
@Suite("The request budget: blobs")
struct BlobBudgetTests {
    private let blob = Content(sampleBytes(3000))
    private var target: String { "/v2/r/blobs/\(blob.digest)" }
    /// It might be one that s3lo stored in chunks.
    private let missing = ["get recipe", "head blob", "head link"]

    private func push(_ form: UploadForm, _ name: String = "r", on meter: BudgetMeter) async throws -> [String] {
        try await meter.cost(201) {
            try await form.push(blob.bytes, as: blob.digest, to: name, with: meter.client)
        }
    }

    @Test(
        "one piece, by a client that has asked for it before, as clients do: it and its link, nothing else",
        arguments: BudgetMeter.Kind.allCases, [UploadForm.postOnly, .postPut, .stream])
    func pushAfterHead(kind: BudgetMeter.Kind, form: UploadForm) async throws {
        let meter = try await BudgetMeter(kind)
        #expect(try await meter.cost(404) { try await meter.client.head(target) } == missing)
        #expect(try await push(form, on: meter) == ["put blob", "put link"])
        await meter.stop()
    }

    @Test(
        "nobody asked for it: one look for it", arguments: BudgetMeter.Kind.allCases,
        [UploadForm.postOnly, .postPut, .stream])
    func push(kind: BudgetMeter.Kind, form: UploadForm) async throws {
        let meter = try await BudgetMeter(kind)
        #expect(try await push(form, on: meter) == ["head blob", "put blob", "put link"])
        await meter.stop()
    }

    @Test("pieces: one request each, one to put them together, none to find them", arguments: BudgetMeter.Kind.allCases)
    func pieces(kind: BudgetMeter.Kind) async throws {
        let meter = try await BudgetMeter(kind)
        let single = kind == .verbs ? ["compose blob"] : ["copy blob", "delete upload", "head upload"]
        let one = try await push(.chunkedSingle, on: meter)
        #expect(one == (single + ["head blob", "put link", "put upload"]).sorted())
        await meter.stop()
        let other = try await BudgetMeter(kind)
        // Of pieces that are too short for a multipart upload, S3 cannot make an object by itself.
        let reads = ["head upload", "get upload"]
        let several = kind == .verbs ? ["compose blob"] : reads + reads + reads + ["put blob", "deleteObjects"]
        let pieces = ["put upload", "put upload", "put upload"]
        let three = try await push(.chunkedMulti, on: other)
        #expect(three == (several + pieces + ["head blob", "put link"]).sorted())
        await other.stop()
    }

    @Test("what is there is only hashed, and linked where it is not", arguments: BudgetMeter.Kind.allCases)
    func pushAgain(kind: BudgetMeter.Kind) async throws {
        let meter = try await BudgetMeter(kind)
        _ = try await push(.postPut, on: meter)
        for form in [UploadForm.postOnly, .postPut] {
            #expect(try await push(form, on: meter) == ["head blob", "head link"])
            let elsewhere = try await push(form, "r\(form == .postPut ? 1 : 2)", on: meter)
            #expect(elsewhere == ["head blob", "head link", "put link"])
        }
        #expect(try await push(.stream, "stream", on: meter) == ["head blob", "put link"])
        await meter.stop()
    }

    @Test(
        "a replica that does not know the session lists it, and looks whether what it streamed is there",
        arguments: BudgetMeter.Kind.allCases)
    func otherReplica(kind: BudgetMeter.Kind) async throws {
        let meter = try await BudgetMeter(kind)
        let start = try await meter.client.startUpload("r")
        let next = try await meter.client.send("PATCH", start, [], .counted(blob.bytes)).nextLocation(after: 3000)
        try await meter.withReplica { replica in
            let closing = try await meter.cost(201) {
                try await replica.send("PUT", next.closing(blob.digest), [], .counted([]))
            }
            #expect(closing == ["head blob", "list upload", "put link"])
        }
        await meter.stop()
    }

    @Test("HEAD, GET, a part of it, and of what is not there", arguments: BudgetMeter.Kind.allCases)
    func reading(kind: BudgetMeter.Kind) async throws {
        let meter = try await BudgetMeter(kind)
        let client = meter.client
        _ = try await push(.postPut, on: meter)
        #expect(try await meter.cost(200) { try await client.head(target) } == ["head blob", "head link"])
        #expect(try await meter.cost(200) { try await client.get(target) } == ["get blob", "head link"])
        let part = try await meter.cost(206) { try await client.get(target, [("Range", "bytes=10-20")]) }
        #expect(part == ["get blob", "head blob", "head link"])
        let other = Content([1])
        #expect(try await meter.cost(404) { try await client.head("/v2/r/blobs/\(other.digest)") } == missing)
        await meter.stop()
    }

    @Test("mount: both looks at once, and the link", arguments: BudgetMeter.Kind.allCases)
    func mount(kind: BudgetMeter.Kind) async throws {
        let meter = try await BudgetMeter(kind)
        _ = try await push(.postPut, "source", on: meter)
        let target = "/v2/r/blobs/uploads/?mount=\(blob.digest)&from=source"
        let mount = try await meter.cost(201) { try await meter.client.send("POST", target, [], .counted([])) }
        #expect(mount == ["head blob", "head link", "put link"])
        await meter.stop()
    }

    @Test("starting an upload and asking for it cost nothing", arguments: BudgetMeter.Kind.allCases)
    func session(kind: BudgetMeter.Kind) async throws {
        let meter = try await BudgetMeter(kind)
        let client = meter.client
        let begin = try await meter.cost(202) {
            try await client.send("POST", "/v2/r/blobs/uploads/", [], .counted([]))
        }
        #expect(begin == [])
        let start = try await client.startUpload("r")
        #expect(try await meter.cost(204) { try await client.get(start) } == [])
        #expect(try await meter.cost(204) { try await client.delete(start) } == ["put upload"])
        await meter.stop()
    }
}
