import EventLoop
import OCI
import ObjectStorage
import Registry
import RegistryAPI
import TestSupport
import Testing

/// A store that gives large objects as streams, which do what a test wants: wait, break off, or give wrong bytes.
final class ScriptedStore: ObjectStore {
    /// What becomes of the streams of blobs.
    struct Script: Sendable {
        var chunkSize = 50_000
        /// Where they wait until `isOpen`.
        var pause: Int?
        var isOpen = false
        /// What goes wrong, and at which byte.
        var faults: [Fault: Int] = [:]
        /// Streams say that nothing on their way can damage them.
        var isProtected = false
        /// HEAD of a blob fails.
        var headsFail = false
        /// Objects that are smaller are given as bytes.
        var smallSize = 1_000
    }

    /// What can go wrong in a stream.
    enum Fault: CaseIterable {
        /// It changes a byte, ends there as if that were all, or throws.
        case damage, end, cut
    }

    /// What was asked for.
    struct Log: Sendable {
        var gets: [Range<Int>?] = []
        var heads = 0
        var linkHeads = 0
        var begun = 0
        var ended = 0
        var urls = 0
    }

    let base = MemoryObjectStore()
    let script = Guarded(Script())
    let log = Guarded(Log())
    /// Before a blob's key.
    let urlPrefix = Guarded<String?>(nil)

    func open() { script.change { $0.isOpen = true } }

    /// Puts a blob there, linked into `repo`.
    func add(_ content: Content) async throws {
        try await base.put(
            content.bytes, at: StorageLayout.blob(content.digest), metadata: ObjectMetadata(), condition: .always)
        try await base.put(
            [], at: StorageLayout.link(content.digest, in: try RepositoryName("repo")), metadata: ObjectMetadata(),
            condition: .always)
    }

    func remove(_ content: Content) async throws {
        try await base.delete([StorageLayout.blob(content.digest)])
    }

    // MARK: What is scripted

    func head(_ key: ObjectKey) async throws -> ObjectInfo? {
        guard key.string.hasPrefix("blobs/") else {
            if key.string.contains("/_blobs/") { log.change { $0.linkHeads += 1 } }
            return try await base.head(key)
        }
        log.change { $0.heads += 1 }
        if script.value.headsFail { throw ObjectStoreError.unavailable("scripted") }
        return try await base.head(key)
    }

    func get(_ key: ObjectKey, range: Range<Int>?) async throws -> StoredObject? {
        guard key.string.hasPrefix("blobs/") else { return try await base.get(key, range: range) }
        log.change { $0.gets.append(range) }
        guard let object = try await base.get(key, range: range), case .bytes(let bytes) = object.body else {
            return nil
        }
        guard bytes.count >= script.value.smallSize else { return object }
        return StoredObject(info: object.info, body: .stream(ScriptedStream(store: self, bytes: bytes)))
    }

    func presignedURL(for key: ObjectKey) async throws -> String? {
        log.change { $0.urls += 1 }
        return urlPrefix.value.map { $0 + key.string }
    }

    // MARK: What is not

    var location: String { base.location }

    func probe(readOnly: Bool) async throws { try await base.probe(readOnly: readOnly) }

    func bytes(of key: ObjectKey, limit: Int) async throws -> SmallObject? {
        try await base.bytes(of: key, limit: limit)
    }

    func put(
        _ bytes: [UInt8], at key: ObjectKey, metadata: ObjectMetadata, condition: PutCondition
    ) async throws -> ObjectInfo {
        try await base.put(bytes, at: key, metadata: metadata, condition: condition)
    }

    func writer(expecting key: ObjectKey, size: Int?) async throws -> any ObjectWriter {
        try await base.writer(expecting: key, size: size)
    }

    func compose(
        _ sources: [ObjectKey], keeping: [ObjectKey], at key: ObjectKey, metadata: ObjectMetadata,
        condition: PutCondition
    ) async throws -> ObjectInfo {
        try await base.compose(sources, keeping: keeping, at: key, metadata: metadata, condition: condition)
    }

    func delete(_ keys: [ObjectKey]) async throws { try await base.delete(keys) }

    func delete(_ key: ObjectKey, ifMatch etag: String) async throws -> Bool {
        try await base.delete(key, ifMatch: etag)
    }

    func list(prefix: String, after: String?, limit: Int) async throws -> ObjectListing {
        try await base.list(prefix: prefix, after: after, limit: limit)
    }
}

/// An object's bytes as the store's script has them; whole objects only are damaged.
private struct ScriptedStream: ObjectStream {
    let store: ScriptedStore
    let bytes: [UInt8]
    var size: Int { bytes.count }
    var isProtected: Bool { store.script.value.isProtected }

    func forEachChunk(_ use: (RawSpan) async throws -> Void) async throws {
        store.log.change { $0.begun += 1 }
        defer { store.log.change { $0.ended += 1 } }
        let script = store.script.value
        var bytes = bytes
        if let place = script.faults[.damage] { bytes[place] ^= 1 }
        let end = min(script.faults[.end] ?? size, size)
        var offset = 0
        while offset < end {
            if let cut = script.faults[.cut], offset >= cut { throw ObjectStoreError.unavailable("scripted") }
            if let pause = script.pause, offset >= pause {
                // Ends with an error when the task is cancelled, as a store's streams do.
                while !store.script.value.isOpen { try await Task.sleep(for: .milliseconds(1)) }
            }
            let stops = [end, script.pause, script.faults[.cut]].compactMap { $0 }.filter { $0 > offset }
            let count = min(script.chunkSize, (stops.min() ?? end) - offset)
            try await use(bytes.span.bytes.extracting(offset..<offset + count))
            offset += count
        }
    }
}

extension TestServer.Settings {
    /// Blobs pass through `cache`.
    static func proxying(_ cache: BlobCache?) -> TestServer.Settings {
        var settings = TestServer.Settings()
        settings.pulls.cache = cache
        return settings
    }
}

/// Runs `body` with a server on a scripted store that holds `contents`.
func withScript(
    _ contents: [Content], _ settings: TestServer.Settings, failing: Bool = false,
    _ body: (TestServer, ScriptedStore) async throws -> Void
) async throws {
    let store = ScriptedStore()
    for content in contents { try await store.add(content) }
    let server = try await TestServer(store, settings)
    do {
        try await body(server, store)
        store.open()
        await server.stop()
        try await eventually { store.log.value.begun == store.log.value.ended }
        if !failing { #expect(server.failures == []) }
    } catch {
        store.open()
        await server.stop()
        throw error
    }
}

extension TestServer {
    /// A client that sees each byte as it comes.
    func rawClient(receiveBuffer: CInt? = nil) throws -> RawHTTPClient {
        try RawHTTPClient(try #require(SocketAddress("127.0.0.1:\(port)")), receiveBuffer: receiveBuffer)
    }

    /// A client that has sent a GET for a blob of `repo`, and not read the answer.
    func pulling(_ content: Content, range: String? = nil) throws -> RawHTTPClient {
        let client = try rawClient()
        let fields = range.map { "Range: bytes=\($0)\r\n" } ?? ""
        try client.send("GET \(content.target) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
        return client
    }

    /// The answers to `count` GETs at once.
    func pull(_ content: Content, times count: Int) async throws -> [Reply] {
        try await withThrowingTaskGroup { group in
            for _ in 0..<count { group.addTask { try await self.client.get(content.target) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }
}

extension Content {
    /// In the repository `repo`.
    var target: String { "/v2/repo/blobs/\(digest)" }
}

extension BlobCache.Counts {
    /// Hits, shared, misses.
    var list: [Int] { [hits, shared, misses] }
}
