import HTTPServer
import ObjectStorage
import TestSupport
import Testing

/// A registry whose requests to its store are counted.
struct BudgetMeter: Sendable {
    /// What is counted.
    enum Kind: String, CaseIterable, Sendable {
        /// The verbs of `ObjectStore`, over a store in memory.
        case verbs
        /// The requests a real S3 server gets.
        case requests

        /// All, unless there are no S3 servers on this machine.
        static let allCases: [Kind] = [.verbs] + (S3Server.isEnabled ? [.requests] : [])
    }

    let kind: Kind
    let store: ObservedObjectStore
    let server: TestServer
    private let proxy: FaultProxy?

    var client: RegistryClient { server.client }

    init(_ kind: Kind) async throws {
        self.kind = kind
        switch kind {
        case .verbs:
            proxy = nil
            store = ObservedObjectStore(MemoryObjectStore())
        case .requests:
            let ceph = try S3Server.shared()
            let proxy = try FaultProxy(to: ceph)
            self.proxy = proxy
            store = ObservedObjectStore(try S3Place(on: ceph).store(through: proxy))
        }
        server = try await TestServer(store, Self.settings)
    }

    /// For these replicas it is the same second all the time, however slow the machine is.
    private static var settings: TestServer.Settings {
        var settings = TestServer.Settings()
        settings.now = { 1_800_000_000 }
        return settings
    }

    /// The requests of `body`, whose last answer must have that status: `head blob`, `put link`, sorted, for those that
    /// run at once have no order.
    func cost(_ status: Int, _ body: () async throws -> Reply) async throws -> [String] {
        store.reset()
        proxy?.counter.reset()
        let reply = try await body()
        #expect(reply.status == status)
        if let proxy { return proxy.counter.requests.map(Self.name).sorted() }
        return store.operations.compactMap(Self.name).sorted()
    }

    /// Runs `body` with another replica on the same store, which knows nothing of what this one has done.
    func withReplica(_ body: (RegistryClient) async throws -> Void) async throws {
        let replica = try await TestServer(store, Self.settings)
        do {
            try await body(replica.client)
            await replica.stop()
        } catch {
            await replica.stop()
            throw error
        }
    }

    /// Stops the server, and whatever is between it and the store.
    func stop() async {
        await server.stop()
        proxy?.stop()
    }

    // MARK: Names

    /// nil for what asks the store nothing by itself.
    private static func name(of operation: ObservedObjectStore.Operation) -> String? {
        let key = thing(at: "/\(operation.key)")
        return switch operation.verb {
        case .writer: nil
        case .get, .bytes: "get \(key)"
        case .put, .commit: "put \(key)"
        case .head, .delete, .list, .compose: "\(operation.verb) \(key)"
        }
    }

    private static func name(of request: S3Request) -> String {
        let target = PercentCoding.decode(Substring(request.target)) ?? request.target
        return switch request.operation {
        case .getObject: "get \(thing(at: target))"
        case .headObject: "head \(thing(at: target))"
        case .putObject: "put \(thing(at: target))"
        case .deleteObject: "delete \(thing(at: target))"
        case .copyObject: "copy \(thing(at: target))"
        case .listObjectsV2:
            "list \(thing(at: String(target.split(separator: "&").first { $0.hasPrefix("prefix=") } ?? "")))"
        default: request.operation.rawValue
        }
    }

    /// What is at a key.
    private static func thing(at key: String) -> String {
        switch key {
        case _ where key.contains("/_blobs/"): "link"
        case _ where key.contains("/_manifests/"): "record"
        case _ where key.contains("/_referrers/"): "referrer"
        case _ where key.contains("/_catalog/"): "catalog"
        case _ where key.contains("/_uploads/"): "upload"
        case _ where key.contains("/blobs/sha"): "blob"
        case _ where key.contains("/recipes/"): "recipe"
        case _ where key.hasSuffix("/signatures/"): "signatures"
        case _ where key.contains("/manifests/") && key.contains(":"): "digest tag"
        case _ where key.contains("/manifests/"): key.hasSuffix("/manifest.json") ? "tag" : "tags"
        default: key
        }
    }
}
