package import EventLoop
import Glibc
import HTTPClient
package import HTTPServer
import OCI
package import ObjectStorage
package import Registry
package import RegistryAPI
import S3
import Synchronization
import Testing

/// The backends every test of the registry runs on.
package enum StoreKind: String, CaseIterable, Sendable {
    case memory, directory
    /// A bucket of Ceph's object gateway.
    case bucket

    /// All, unless there are no S3 servers on this machine.
    package static let allCases: [StoreKind] = [.memory, .directory] + (S3Server.isEnabled ? [.bucket] : [])
}

/// A store for one test; one on disk is removed with everything in it when the test lets go of it.
package final class TestStore: Sendable {
    package let store: any ObjectStore
    /// Where the files are; nil for other stores.
    package let directory: TemporaryDirectory?
    private let open: @Sendable () throws -> any ObjectStore

    package init(_ kind: StoreKind) throws {
        switch kind {
        case .memory:
            let store = MemoryObjectStore()
            directory = nil
            open = { store }
        case .directory:
            let directory = try TemporaryDirectory()
            self.directory = directory
            open = { try DirectoryObjectStore(root: directory.path, blockingWork: TestServer.blockingWork) }
        case .bucket:
            let place = S3Place(on: try S3Server.shared())
            directory = nil
            open = { S3ObjectStore(client: place.client(http: try TestServer.http.get())) }
        }
        store = try open()
    }

    /// The same bytes as another process would open them.
    package func reopened() throws -> any ObjectStore { try open() }
}

/// The real server and handler in this process, on a free port of the loopback address.
package final class TestServer: Sendable {
    /// What a test may want to be otherwise.
    package struct Settings: Sendable {
        package var options = Repositories.Options()
        package var readOnly = false
        package var limits = ServerLimits()
        package var pulls = PullSettings()
        /// Nil lets everybody do everything.
        package var access: AccessController?
        /// Seconds since 1970.
        package var now: @Sendable () -> Int = { time(nil) }

        package init() {}

        /// Takes manifests whose references are missing.
        package static var sparse: Settings {
            var settings = Settings()
            settings.options.missingReferences = .accept
            return settings
        }
    }

    /// The pool all test servers share.
    package static let blockingWork = BlockingWork()
    static let http = Result { HTTPClient(loops: try loops.get()) }
    private static let loops = Result { try (0..<2).map { try EventLoop(name: "test-\($0)") } }

    package let store: any ObjectStore
    package let port: UInt16
    package let repositories: Repositories
    /// A client of this server.
    package let client: RegistryClient
    /// The handler, whose settings may be changed while it serves.
    package let handler: RegistryHandler
    private let server: HTTPServer
    private let failed: Failures

    /// Starts a server on `store`.
    package init(_ store: any ObjectStore, _ settings: Settings = Settings()) async throws {
        self.store = store
        let failed = Failures()
        self.failed = failed
        repositories = try await Repositories(
            store: store, blockingWork: Self.blockingWork, options: settings.options, readOnly: settings.readOnly,
            now: settings.now)
        var served = RegistryHandler.Settings(repositories: repositories)
        served.readOnly = settings.readOnly
        served.pulls = settings.pulls
        served.access = settings.access
        handler = RegistryHandler(served) { error, _ in failed.note(error) }
        var observers = HTTPServer.Observers()
        observers.failure = { error, _ in failed.note(error) }
        server = HTTPServer(
            loops: try Self.loops.get(), limits: settings.limits, handler: handler, observers: observers)
        let wanted = try #require(SocketAddress("127.0.0.1:0"))
        let socket = try ListeningSocket(wanted)
        port = socket.address.port
        client = RegistryClient(port: port)
        try await server.listen(on: socket)
    }

    /// What requests have failed with so far that was not the client's fault.
    package var failures: [String] { failed.all }

    /// Closes the client's connections and stops.
    package func stop() async {
        client.close()
        _ = await server.shutDown(timeout: 10)
    }
}

/// Failures in the order they came.
private final class Failures: Sendable {
    private let noted = Mutex<[String]>([])

    var all: [String] { noted.withLock { $0 } }

    func note(_ error: any Error) {
        noted.withLock { $0.append("\(error)") }
    }
}

/// Runs `body` with a server on a fresh store, and records an issue when a request failed by the server's fault.
package func withServer<Value>(
    on kind: StoreKind, _ settings: TestServer.Settings = TestServer.Settings(),
    _ body: (TestServer) async throws -> Value
) async throws -> Value {
    let store = try TestStore(kind)
    return try await withServer(on: store, settings, body)
}

/// Runs `body` with a server on `store`; see above.
package func withServer<Value>(
    on store: TestStore, _ settings: TestServer.Settings = TestServer.Settings(), failing: Bool = false,
    _ body: (TestServer) async throws -> Value
) async throws -> Value {
    let server = try await TestServer(try store.reopened(), settings)
    do {
        let value = try await body(server)
        await server.stop()
        if !failing { #expect(server.failures == []) }
        return value
    } catch {
        await server.stop()
        throw error
    }
}
