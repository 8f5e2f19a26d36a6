import EventLoop
import Glibc
import HTTPServer
import Logging
import ObjectStorage
import Registry
import RegistryAPI
import Synchronization

/// The running server: everything built from a `Configuration` and wired together, in one place.
final class Application: Sendable {
    private let configuration: Mutex<Configuration>
    private let reload: @Sendable () throws -> Configuration
    private let store: any ObjectStore
    private let blockingWork = BlockingWork()
    private let janitor: Janitor
    private let registry: RegistryHandler
    private let server: HTTPServer
    private let loops: [EventLoop]
    private let logging: ServerLogging
    /// Where clients reach it.
    let address: SocketAddress

    /// Opens the store, then the socket, and starts serving. `reload` reads the configuration again.
    init(_ configuration: Configuration, reload: @escaping @Sendable () throws -> Configuration) async throws {
        self.configuration = Mutex(configuration)
        self.reload = reload
        logging = ServerLogging(configuration.log)
        let metrics = Metrics()
        let directory = try await configuration.openStore(blockingWork)
        store = MeteredObjectStore(base: directory, metrics: metrics)
        let repositories = try await Repositories(
            store: store, blockingWork: blockingWork, options: configuration.registryOptions,
            readOnly: configuration.readOnly)
        guard let wanted = SocketAddress(configuration.listen) else {
            throw ConfigurationError("listen: expected ADDRESS:PORT")
        }
        let socket = try ListeningSocket(wanted)
        address = socket.address
        var settings = RegistryHandler.Settings(repositories: repositories)
        settings.readOnly = configuration.readOnly
        registry = RegistryHandler(settings, onFailure: logging.report)
        loops = try (0..<configuration.loopCount).map { index throws(SystemCallError) in
            try EventLoop(name: "stowage.loop.\(index)")
        }
        let box = ServerBox()
        let readiness = Readiness(
            probe: { [store, registry] in try await store.probe(readOnly: registry.settings.readOnly) },
            clock: { EventLoop.now })
        let operations = OperationsHandler(
            registry: registry,
            metrics: {
                metrics.exposition(openConnections: box.server?.openConnections ?? 0, version: Version.current)
            },
            readiness: readiness, isDraining: { box.server?.isDraining ?? false })
        server = HTTPServer(
            loops: loops, limits: configuration.serverLimits, handler: operations,
            observers: logging.observers(metrics: metrics))
        box.server = server
        janitor = Janitor(directory: directory, registry: registry, logging: logging)
        try await server.listen(on: socket)
        janitor.start()
    }

    /// The logger of the program's own messages.
    var logger: Logger { logging.logger }

    /// Stops accepting, lets running requests finish, and returns.
    func stop() async {
        let timeout = configuration.withLock { $0.http.drainTimeout.seconds }
        logger.info("stopping; running requests have \(timeout) s to finish")
        janitor.stop()
        let busy = await server.shutDown(timeout: timeout)
        if busy > 0 { logger.warning("\(busy) connections were still busy and are closed") }
        logger.info("stopped")
        logging.flush()
    }

    /// Reads the configuration again and applies what can change while the server runs; a bad one changes nothing.
    func reloadConfiguration() async {
        do {
            let fresh = try reload()
            var settings = registry.settings
            settings.repositories = try await repositories(fresh)
            settings.readOnly = fresh.readOnly
            registry.settings = settings
            server.limits = fresh.serverLimits
            logging.apply(fresh.log)
            let old = configuration.withLock { configuration in
                defer { configuration = fresh.keepingWhatNeedsRestart(of: configuration) }
                return configuration
            }
            for setting in old.settingsThatNeedRestart(comparedTo: fresh) {
                logger.warning("\(setting) has changed, which takes effect with the next start")
            }
            logger.info("configuration reloaded")
        } catch {
            logger.error("the configuration was not reloaded: \(error)")
        }
    }

    /// The registry as `fresh` wants it.
    private func repositories(_ fresh: Configuration) async throws -> Repositories {
        let settings = registry.settings
        guard settings.readOnly, !fresh.readOnly else {
            return Repositories(settings.repositories, options: fresh.registryOptions)
        }
        // It may write from now on: what signs its uploads has to be in the store, or a restart would end them.
        try await store.probe(readOnly: false)
        return try await Repositories(store: store, blockingWork: blockingWork, options: fresh.registryOptions)
    }
}

/// Lets handlers made before the server ask it something.
private final class ServerBox: Sendable {
    private let boxed = Mutex<HTTPServer?>(nil)

    var server: HTTPServer? {
        get { boxed.withLock { $0 } }
        set { boxed.withLock { $0 = newValue } }
    }
}

extension Configuration {
    /// Event loops to run: one per processor the process may use, unless it is set.
    fileprivate var loopCount: Int {
        http.eventLoops > 0 ? http.eventLoops : max(1, sysconf(CInt(_SC_NPROCESSORS_ONLN)))
    }

    fileprivate var serverLimits: ServerLimits {
        var limits = ServerLimits()
        limits.connections = http.maximumConnections
        limits.body = http.maximumBodySize.bytes
        limits.bufferedBytes = http.maximumBufferedSize.bytes
        limits.heads.head = http.maximumHeadSize.bytes
        limits.heads.requestLine = min(limits.heads.requestLine, http.maximumHeadSize.bytes)
        limits.headTimeout = http.headTimeout.seconds
        limits.idleTimeout = http.idleTimeout.seconds
        limits.stallTimeout = http.stallTimeout.seconds
        return limits
    }

    fileprivate var registryOptions: Repositories.Options {
        var options = Repositories.Options()
        options.missingReferences = manifests.missingReferences
        options.uploadAge = uploads.maximumAge.seconds
        return options
    }

    /// Opens the directory and proves that it can be used.
    fileprivate func openStore(_ blockingWork: BlockingWork) async throws -> DirectoryObjectStore {
        do {
            let store = try DirectoryObjectStore(
                root: storage.location, blockingWork: blockingWork, cacheLimit: storage.cacheSize.bytes,
                readOnly: readOnly)
            try await store.probe(readOnly: readOnly)
            return store
        } catch {
            throw ConfigurationError("the directory \(storage.location) cannot be used: \(error)")
        }
    }

    /// These settings with those of `running` that are read only at the start.
    fileprivate func keepingWhatNeedsRestart(of running: Configuration) -> Configuration {
        var kept = self
        kept.listen = running.listen
        kept.storage = running.storage
        kept.http.eventLoops = running.http.eventLoops
        return kept
    }

    /// The settings that differ and are read only at the start.
    fileprivate func settingsThatNeedRestart(comparedTo other: Configuration) -> [String] {
        var names: [String] = []
        if listen != other.listen { names.append("listen") }
        if storage != other.storage { names.append("storage") }
        if http.eventLoops != other.http.eventLoops { names.append("http.eventLoops") }
        return names
    }
}
