import EventLoop
import HTTPClient
import ObjectStorage
import S3
import TestSupport
import Testing

/// Which requests reading makes, and how it goes on after faults.
@Suite(.s3)
struct S3ReadingTests {
    private static let blob = ObjectMetadata(contentType: "application/octet-stream")

    private func read(_ object: StoredObject?) async throws -> [UInt8] {
        guard case .stream(let stream) = object?.body else { return [] }
        var bytes: [UInt8] = []
        try await stream.forEachChunk { chunk in chunk.withUnsafeBytes { bytes.append(contentsOf: $0) } }
        return bytes
    }

    @Test func oneRequestForEachRead() async throws {
        let test = try S3TestStore()
        try await test.store.put(sampleBytes(1000), at: "key", metadata: Self.blob, condition: .always)
        test.counter.reset()
        _ = try await test.store.head("key")
        _ = try await test.store.bytes(of: "key", limit: 1000)
        guard case .bytes(let bytes) = try await test.store.get("key", range: 10..<20)?.body else {
            Issue.record("a small object is not in memory")
            return
        }
        #expect(bytes == Array(sampleBytes(1000)[10..<20]))
        #expect(test.counter.operations == ["HeadObject", "GetObject", "GetObject"])
    }

    /// Answers that break off are asked for again from there on.
    @Test(arguments: [nil, 1000..<900_000] as [Range<Int>?])
    func cutAnswers(range: Range<Int>?) async throws {
        let proxy = try FaultProxy(to: S3Server.shared())
        let test = try S3TestStore(through: proxy)
        let bytes = sampleBytes(1 << 20)
        try await test.store.put(bytes, at: "key", metadata: Self.blob, condition: .always)
        for fault in [Fault.resetInAnswerBody, .truncateAnswer] {
            proxy.behave()
            proxy.add(fault, on: .getObject, times: 3)
            let read = try await read(test.store.get("key", range: range))
            #expect(read == Array(bytes[range ?? 0..<bytes.count]))
            #expect(proxy.counter[.getObject] == 4)
        }
    }

    /// What was replaced while it was read ends in an error, never in a mixture.
    @Test func replacedWhileRead() async throws {
        let proxy = try FaultProxy(to: S3Server.shared())
        let test = try S3TestStore(through: proxy)
        try await test.store.put(sampleBytes(4 << 20), at: "key", metadata: Self.blob, condition: .always)
        proxy.add(.truncateAnswer, on: .getObject)
        let object = try await test.store.get("key", range: nil)
        try await test.store.put(sampleBytes(4 << 20, seed: 1), at: "key", metadata: Self.blob, condition: .always)
        let reason = await unavailability { _ = try await read(object) }
        #expect(reason.contains("key"))
        #expect(proxy.counter[.getObject] == 2)
    }

    /// A server that cuts every answer off at once is given up on.
    @Test func hopelessRead() async throws {
        let proxy = try FaultProxy(to: S3Server.shared())
        let test = try S3TestStore(through: proxy)
        try await test.store.put(sampleBytes(1 << 20), at: "key", metadata: Self.blob, condition: .always)
        proxy.add(.truncateAnswer, on: .getObject)
        let object = try await test.store.get("key", range: nil)
        proxy.misbehave { $0.operation == .getObject ? .answer(503, "SlowDown") : nil }
        let cut = await unavailability { _ = try await read(object) }
        #expect(cut.contains("SlowDown"))
        let reason = await unavailability { _ = try await test.store.get("key", range: nil) }
        #expect(reason.contains("SlowDown"))
    }

    /// A reader that throws ends the transfer; nothing is asked for again.
    @Test func readerThatStops() async throws {
        struct Enough: Error {}
        let test = try S3TestStore()
        try await test.store.put(sampleBytes(4 << 20), at: "key", metadata: Self.blob, condition: .always)
        test.counter.reset()
        guard case .stream(let stream) = try await test.store.get("key", range: nil)?.body else {
            Issue.record("no stream")
            return
        }
        await #expect(throws: Enough.self) { try await stream.forEachChunk { _ in throw Enough() } }
        #expect(test.counter.operations == ["GetObject"])
    }

    /// Callers that ask for the same object at once share requests, and none sees less than was there when he asked.
    @Test func sharedReads() async throws {
        let test = try S3TestStore()
        let store = test.store
        let count = 8
        let rounds = 40
        try await withThrowingTaskGroup { group in
            for task in 0..<count {
                group.addTask {
                    for round in 0..<rounds {
                        let key = ObjectKey("counter/\(task % 2)")
                        if task < 2 {
                            try await store.put(
                                Array("\(1000 + round)".utf8), at: key, metadata: Self.blob, condition: .always)
                        }
                        let seen = try await store.bytes(of: key, limit: 10).map {
                            String(decoding: $0.bytes, as: UTF8.self)
                        }
                        if task < 2 { #expect(seen == "\(1000 + round)") }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(test.counter["GetObject"] < count * rounds)
    }

    /// Anybody can use a presigned URL, which stays the same for a while.
    @Test func presignedURLs() async throws {
        let test = try S3TestStore()
        let key: ObjectKey = "blobs/a b+c"
        let page = ObjectMetadata(contentType: "text/html")
        try await test.store.put(sampleBytes(1000), at: key, metadata: page, condition: .always)
        let url = try #require(try await test.store.presignedURL(for: key))
        let response = try await HTTPClient(loops: [EventLoop(name: "presigned")]).send(
            HTTPRequest(url: url), limit: 2000)
        #expect(response.status == 200)
        #expect(response.bytes == sampleBytes(1000))
        #expect(response.fields["content-type"] == "application/octet-stream")
        #expect(url.contains("X-Amz-Expires=1200"))
        let none = try S3TestStore { $0.presigning = nil }.store
        #expect(try await none.presignedURL(for: key) == nil)
    }

    @Test func storageClasses() async throws {
        let test = try S3TestStore { $0.storageClass = { $0.string.hasPrefix("blobs/") ? "STANDARD" : nil } }
        for key: ObjectKey in ["blobs/1", "other/1"] {
            try await test.store.put([1], at: key, metadata: Self.blob, condition: .always)
        }
        let wrong = try S3TestStore { $0.storageClass = { $0.string.hasPrefix("blobs/") ? "BOGUS" : nil } }.store
        try await wrong.put([1], at: "other/1", metadata: Self.blob, condition: .always)
        let reason = await unavailability {
            try await wrong.put([1], at: "blobs/1", metadata: Self.blob, condition: .always)
        }
        #expect(reason.contains("400"))
    }
}
