import EventLoop
import Glibc
import OCI
import Registry
import RegistryAPI
import TestSupport
import Testing

/// A cache in a directory of its own, for one test.
struct CacheFolder: Sendable {
    let directory: TemporaryDirectory
    /// What could not be written.
    let problems = Guarded<[String]>([])
    /// Added to the clock, in seconds.
    let passed = Guarded(0)

    init() throws { directory = try TemporaryDirectory("stowage-cache") }

    var path: String { directory.path + "/cache" }

    func cache(size: Int = 64 << 20) throws -> BlobCache {
        try BlobCache(
            directory: path, size: size, blockingWork: TestServer.blockingWork,
            now: { [passed] in EventLoop.now + passed.value },
            report: { [problems] error in problems.change { $0.append("\(error)") } })
    }

    func path(of content: Content) -> String { "\(path)/\(content.digest.algorithm.rawValue)-\(content.digest.hex)" }

    /// Names of the files there, sorted.
    var names: [String] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return names.filter { $0 != "." && $0 != ".." }.sorted()
    }

    func write(_ bytes: [UInt8], to path: String) throws {
        let descriptor = OwnedDescriptor(
            try Posix.call("open", subject: path) { open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600) })
        let number = descriptor.number
        guard Glibc.write(number, bytes, bytes.count) == bytes.count else { throw SystemCallError("write") }
    }
}

@Suite("Pulls: the cache in a directory", .timeLimit(.minutes(1)))
struct CacheTests {
    private let content = Content(sampleBytes(400_000))

    @Test("what was fetched once is read from its file", arguments: [Digest.Algorithm.sha256, .sha512])
    func hits(_ algorithm: Digest.Algorithm) async throws {
        let folder = try CacheFolder()
        let cache = try folder.cache()
        let content = Content(content.bytes, algorithm)
        try await withScript([content], .proxying(cache)) { (server, store) async throws in
            #expect(try await server.client.get(content.target).body == content.bytes)
            try await eventually { folder.names == ["\(algorithm.rawValue)-\(content.digest.hex)"] }
            #expect(try await server.client.get(content.target).body == content.bytes)
            let part = try await server.client.get(content.target, [("Range", "bytes=399990-")])
            #expect(part.status == 206)
            #expect(part.body == Array(content.bytes[399_990...]))
            #expect(part["Content-Range"] == "bytes 399990-399999/400000")
            #expect(try await server.client.get(content.target, [("Range", "bytes=400000-")]).status == 416)
            #expect(store.log.value.gets == [nil])
            #expect(store.log.value.heads == 0)
            #expect(cache.counts.list == [2, 0, 1])
            var status = stat()
            #expect(stat(folder.path, &status) == 0 && status.st_mode & 0o777 == 0o700)
            #expect(stat(folder.path(of: content), &status) == 0 && status.st_mode & 0o777 == 0o600)
        }
    }

    @Test("readers follow a file that grows, whenever they come")
    func growing() async throws {
        let folder = try CacheFolder()
        let cache = try folder.cache()
        try await withScript([content], .proxying(cache)) { (server, store) async throws in
            store.script.change { $0.pause = 200_000 }
            let first = try server.pulling(content)
            _ = try first.readHead()
            #expect(try first.receive(exactly: 200_000) == Array(content.bytes[..<200_000]))
            let late = try server.pulling(content)
            _ = try late.readHead()
            #expect(try late.receive(exactly: 200_000) == Array(content.bytes[..<200_000]))
            let part = try server.pulling(content, range: "100000-149999").readResponse()
            #expect(part.status == 206)
            #expect(part.body == Array(content.bytes[100_000..<150_000]))
            let rest = try server.pulling(content, range: "150000-")
            _ = try rest.readHead()
            #expect(try rest.receive(exactly: 50_000) == Array(content.bytes[150_000..<200_000]))
            // What is far from being there is asked for by itself.
            store.open()
            for client in [first, late, rest] {
                #expect(try client.receive(exactly: 200_000) == Array(content.bytes[200_000...]))
            }
            #expect(store.log.value.gets == [nil])
            #expect(cache.counts.list == [0, 3, 1])
        }
    }

    @Test("a part that is far from being there is asked for by itself")
    func farPart() async throws {
        let folder = try CacheFolder()
        try await withScript([content], .proxying(try folder.cache())) { (server, store) async throws in
            store.script.change { $0.pause = 100_000 }
            let first = try server.pulling(content)
            _ = try first.readHead()
            _ = try first.receive(exactly: 100_000)
            let part = try server.pulling(content, range: "300000-300099").readResponse()
            #expect(part.body == Array(content.bytes[300_000..<300_100]))
            #expect(store.log.value.gets == [nil, 300_000..<300_100])
            store.open()
            #expect(try first.receive(exactly: 300_000) == Array(content.bytes[100_000...]))
        }
    }

    @Test(
        "bytes that are not the blob reach nobody in full, and no file stays",
        arguments: ScriptedStore.Fault.allCases)
    func broken(_ fault: ScriptedStore.Fault) async throws {
        let folder = try CacheFolder()
        let cache = try folder.cache()
        try await withScript([content], .proxying(cache), failing: true) { (server, store) async throws in
            store.script.change {
                $0.pause = 50_000
                $0.faults = [fault: 390_000]
            }
            let clients = try (0..<3).map { _ in try server.pulling(content) }
            try await eventually { cache.counts.shared == 2 }
            store.open()
            for client in clients {
                #expect(try client.readHead().status == 200)
                #expect(try client.receiveToEnd().count < 400_000)
            }
            try await eventually { folder.names == [] && cache.size == 0 && server.failures.count == 3 }
            store.script.change { $0.faults = [:] }
            #expect(try await server.client.get(content.target).body == content.bytes)
        }
    }

    @Test("when all readers have gone away the fetch ends, and its file with it")
    func abandoned() async throws {
        let folder = try CacheFolder()
        let cache = try folder.cache()
        try await withScript([content], .proxying(cache)) { (server, store) async throws in
            store.script.change { $0.pause = 200_000 }
            let clients = try (0..<3).map { _ in try server.pulling(content) }
            try await eventually { cache.counts.shared == 2 }
            clients[0].reset()
            #expect(try await server.client.head(content.target).status == 200)
            #expect(store.log.value.ended == 0)
            clients[1].reset()
            clients[2].reset()
            try await eventually { store.log.value.ended == 1 && folder.names == [] && cache.size == 0 }
            store.open()
            #expect(try await server.client.get(content.target).body == content.bytes)
        }
    }

    @Test("the files stay within the limit, and what is used stays in them")
    func eviction() async throws {
        let folder = try CacheFolder()
        let limit = 1_300_000
        let cache = try folder.cache(size: limit)
        let contents = (0..<8).map { Content(sampleBytes(400_000, seed: $0)) }
        try await withScript(contents, .proxying(cache)) { (server, store) async throws in
            for (number, content) in contents.enumerated() {
                #expect(try await server.client.get(content.target).body == content.bytes)
                try await eventually { folder.names.contains { folder.path(of: content).hasSuffix($0) } }
                // The first one is in use all the time.
                #expect(try await server.client.get(contents[0].target).body == contents[0].bytes)
                #expect(cache.size <= limit)
                #expect(folder.names.count == min(number + 1, 3))
            }
            #expect(store.log.value.gets.count == contents.count)
        }
    }

    @Test("a file that is being read takes its room until it has been read")
    func evictionWhileRead() async throws {
        let folder = try CacheFolder()
        let cache = try folder.cache(size: 4 << 20)
        let large = Content(sampleBytes(4 << 20, seed: 1))
        try await withScript([large, content], .proxying(cache)) { (server, store) async throws in
            let client = try server.rawClient(receiveBuffer: 4 << 10)
            try client.send("GET \(large.target) HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = try client.readHead()
            try await eventually { folder.names.count == 1 && !folder.names[0].hasPrefix(".") }
            for _ in 0..<2 { #expect(try await server.client.get(content.target).body == content.bytes) }
            #expect(folder.names.count == 1)
            #expect(try client.receive(exactly: 4 << 20) == large.bytes)
            client.close()
            // Now it can make room.
            try await eventually {
                _ = try server.pulling(content).readResponse()
                return folder.names.contains { folder.path(of: content).hasSuffix($0) }
            }
            #expect(cache.size <= 4 << 20)
        }
    }

    @Test("a blob that is larger than the whole cache passes through")
    func tooLarge() async throws {
        let folder = try CacheFolder()
        try await withScript([content], .proxying(try folder.cache(size: 300_000))) { (server, store) async throws in
            for _ in 0..<2 { #expect(try await server.client.get(content.target).body == content.bytes) }
            #expect(folder.names == [])
            #expect(folder.problems.value == [])
        }
    }

    @Test("a directory that cannot be written is reported once, and blobs pass through")
    func unwritable() async throws {
        let folder = try CacheFolder()
        let cache = try folder.cache()
        try await withScript([content], .proxying(cache)) { (server, store) async throws in
            #expect(rmdir(folder.path) == 0)
            for _ in 0..<3 { #expect(try await server.client.get(content.target).body == content.bytes) }
            #expect(folder.problems.value.count == 1)
        }
    }
}
