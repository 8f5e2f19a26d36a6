import EventLoop
import ObjectStorage
import S3
import TestSupport
import Testing

/// Which requests writing makes, how much memory it takes, and what becomes of it when requests fail.
@Suite(.s3)
struct S3WritingTests {
    private static let mebibyte = 1 << 20
    private static let blob = ObjectMetadata(contentType: "application/octet-stream")

    private func write(
        _ bytes: [UInt8], with writer: any ObjectWriter, step: Int = 300_000
    ) async throws {
        var done = 0
        while done < bytes.count {
            let count = min(step, bytes.count - done)
            try await writer.append(bytes.span.bytes.extracting(done..<done + count))
            done += count
        }
    }

    private func contents(_ key: ObjectKey, of store: S3ObjectStore) async throws -> [UInt8]? {
        switch try await store.get(key, range: nil)?.body {
        case .bytes(let bytes): return bytes
        case .stream(let stream):
            var bytes: [UInt8] = []
            try await stream.forEachChunk { chunk in chunk.withUnsafeBytes { bytes.append(contentsOf: $0) } }
            return bytes
        default: return nil
        }
    }

    /// Up to the size of a part one PUT does it, known size or not.
    @Test(arguments: [0, 1, 5 << 20], [true, false])
    func smallObjects(size: Int, isKnown: Bool) async throws {
        let test = try S3TestStore { $0.partSize = 5 << 20 }
        let writer = try await test.store.writer(expecting: "staging/1", size: isKnown ? size : nil)
        let bytes = sampleBytes(size)
        try await write(bytes, with: writer)
        #expect(test.counter.operations.isEmpty)
        try await writer.commit(to: "blobs/1", metadata: Self.blob, condition: .absent)
        #expect(test.counter.operations == ["PutObject"])
        #expect(try await contents("blobs/1", of: test.store) == bytes)
        #expect(test.store.budget.usage.used == 0)
    }

    /// Beyond, parts go to the expected key while bytes come; where it was the right one, nothing is copied.
    @Test(arguments: [true, false])
    func largeObjects(isKnown: Bool) async throws {
        let test = try S3TestStore { $0.partSize = 5 << 20 }
        let bytes = sampleBytes(17 * Self.mebibyte + 5)
        let writer = try await test.store.writer(expecting: "blobs/1", size: isKnown ? bytes.count : nil)
        try await write(bytes, with: writer)
        try await eventually { test.counter["UploadPart"] == 3 }
        try await writer.commit(to: "blobs/1", metadata: Self.blob, condition: .always)
        #expect(test.counter["CreateMultipartUpload"] == 1)
        #expect(test.counter["UploadPart"] == 4)
        #expect(test.counter["CompleteMultipartUpload"] == 1)
        // The one HEAD is for the entity tag, which Ceph does not tell.
        #expect(test.counter["HeadObject"] <= 1)
        #expect(test.counter.operations.count <= 7)
        #expect(try await contents("blobs/1", of: test.store) == bytes)
        #expect(test.store.budget.usage.used == 0)
    }

    /// Known small sizes take no more memory than they need.
    @Test func smallSizesTakeLittleMemory() async throws {
        let test = try S3TestStore()
        for size in [100, 300_000] {
            let writer = try await test.store.writer(expecting: "key", size: size)
            try await write(sampleBytes(size), with: writer)
            #expect(test.store.budget.usage.used == size)
            await writer.abort()
        }
        #expect(test.store.budget.usage.used == 0)
        #expect(test.counter.operations.isEmpty)
    }

    /// Far more writers than the memory has room for parts: all of them finish, and the memory is not exceeded.
    @Test func manyWriters() async throws {
        let test = try S3TestStore { options in
            options.partSize = 5 << 20
            options.memoryLimit = 12 << 20
        }
        let store = test.store
        let bytes = sampleBytes(11 * Self.mebibyte)
        try await withThrowingTaskGroup { group in
            for number in 0..<24 {
                group.addTask {
                    let key = ObjectKey("blobs/\(number)")
                    let writer = try await store.writer(expecting: key, size: number % 2 == 0 ? nil : bytes.count)
                    try await self.write(bytes, with: writer)
                    if number % 6 == 5 { return }
                    try await writer.commit(to: key, metadata: Self.blob, condition: .always)
                }
            }
            try await group.waitForAll()
        }
        #expect(store.budget.usage.peak <= 12 << 20)
        try await eventually { store.budget.usage.used == 0 }
        let objects = try await store.list(prefix: "", after: nil, limit: 100).objects
        #expect(objects.count == 20)
        #expect(objects.allSatisfy { $0.size == bytes.count })
    }

    /// What is given up leaves no parts behind.
    @Test func abandonedUploads() async throws {
        let test = try S3TestStore { $0.partSize = 5 << 20 }
        let bytes = sampleBytes(11 * Self.mebibyte)
        for isAborted in [true, false] {
            test.counter.reset()
            do {
                let writer = try await test.store.writer(expecting: "blobs/1", size: nil)
                try await write(bytes, with: writer)
                if isAborted { await writer.abort() }
            }
            try await eventually { test.counter["AbortMultipartUpload"] == 1 }
        }
        let uploads = try await test.store.client.listMultipartUploads(prefix: "").uploads
        #expect(uploads.isEmpty)
        #expect(try await test.store.keys().isEmpty)
        #expect(test.store.budget.usage.used == 0)
    }

    /// A commit that is refused by its condition removes what was staged.
    @Test func refusedCommit() async throws {
        let test = try S3TestStore { $0.partSize = 5 << 20 }
        try await test.store.put([1], at: "blobs/1", metadata: Self.blob, condition: .always)
        for key: ObjectKey in ["blobs/1", "staging/1"] {
            let writer = try await test.store.writer(expecting: key, size: nil)
            try await write(sampleBytes(6 * Self.mebibyte), with: writer)
            let error = await storeError {
                try await writer.commit(to: "blobs/1", metadata: Self.blob, condition: .absent)
            }
            #expect(error == .preconditionFailed("blobs/1"))
        }
        #expect(try await test.store.keys() == ["blobs/1"])
        try await eventually { test.counter["AbortMultipartUpload"] == 2 }
    }

    // MARK: Faults

    /// Each fault once, on each request of a large upload: the object is there, whole.
    @Test(arguments: [S3Operation.createMultipartUpload, .uploadPart, .completeMultipartUpload])
    func faultsOfLargeUploads(operation: S3Operation) async throws {
        let server = try S3Server.shared()
        let faults: [Fault] = [
            .answer(503, "SlowDown"), .resetBeforeRequest, .resetInRequestBody, .resetBeforeAnswer, .twice,
        ]
        let bytes = sampleBytes(11 * Self.mebibyte)
        for fault in faults {
            let proxy = try FaultProxy(to: server)
            let test = try S3TestStore(through: proxy) { $0.partSize = 5 << 20 }
            proxy.add(fault, on: operation)
            let writer = try await test.store.writer(expecting: "blobs/1", size: bytes.count)
            try await write(bytes, with: writer)
            let info = try await writer.commit(to: "blobs/1", metadata: Self.blob, condition: .always)
            #expect(info.size == bytes.count)
            #expect(try await contents("blobs/1", of: test.store) == bytes, "\(fault) of \(operation)")
            #expect(!proxy.faults.isEmpty)
        }
    }

    /// A part that never gets through makes the upload fail, with a reason, and be aborted.
    @Test func lostPart() async throws {
        let proxy = try FaultProxy(to: S3Server.shared())
        let test = try S3TestStore(through: proxy) { $0.partSize = 5 << 20 }
        proxy.add(.answer(403, "AccessDenied"), on: .uploadPart, containing: "partNumber=2", times: 100)
        let writer = try await test.store.writer(expecting: "blobs/1", size: nil)
        let reason = await unavailability {
            try await write(sampleBytes(40 * Self.mebibyte), with: writer)
            try await writer.commit(to: "blobs/1", metadata: Self.blob, condition: .always)
        }
        #expect(reason.contains("AccessDenied"))
        await writer.abort()
        try await eventually { proxy.counter[.abortMultipartUpload] == 1 && test.store.budget.usage.used == 0 }
        #expect(try await test.store.keys().isEmpty)
    }

    /// The answer to a PUT got lost; asked again, the condition fails because of the first one.
    @Test func lostAnswerOfCreateOnce() async throws {
        let proxy = try FaultProxy(to: S3Server.shared())
        let test = try S3TestStore(through: proxy)
        proxy.add(.resetBeforeAnswer, on: .putObject)
        try await test.store.put([1, 2, 3], at: "key", metadata: Self.blob, condition: .absent)
        #expect(proxy.faults.count == 1)
        let error = await storeError {
            try await test.store.put([4], at: "key", metadata: Self.blob, condition: .absent)
        }
        #expect(error == .preconditionFailed("key"))
    }

    /// What S3 refuses for lack of rights is a failure of the store, never an absent object.
    @Test func deniedIsUnavailable() async throws {
        let proxy = try FaultProxy(to: S3Server.shared())
        let store = try S3TestStore(through: proxy).store
        proxy.misbehave { _ in .answer(403, "AccessDenied") }
        let verbs: [() async throws -> Void] = [
            { _ = try await store.head("a") }, { _ = try await store.get("a", range: nil) },
            { _ = try await store.bytes(of: "a", limit: 10) }, { try await store.delete(["a"]) },
            { try await store.delete(["a", "b"]) }, { _ = try await store.list(prefix: "", after: nil, limit: 1) },
            { try await store.put([], at: "a", metadata: ObjectMetadata(), condition: .absent) },
            { try await store.compose(["a"], keeping: [], at: "b", metadata: ObjectMetadata(), condition: .always) },
            { _ = try await store.delete("a", ifMatch: "b") },
        ]
        for verb in verbs {
            let reason = await unavailability(verb)
            #expect(reason.contains("AccessDenied"))
        }
    }
}
