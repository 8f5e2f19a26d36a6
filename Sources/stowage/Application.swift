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
    private let opened: OpenedStore
    private let store: any ObjectStore
    private let blobCache: BlobCache?
    private let blockingWork = BlockingWork()
    private let janitor: Janitor
    private let statistics: StatisticsService
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
        loops = try configuration.makeLoops()
        opened = try OpenedStore(
            configuration, loops: loops, blockingWork: blockingWork, observers: logging.bucketObservers(metrics))
        try await opened.prove(readOnly: configuration.readOnly)
        logging.tell(of: opened)
        store = MeteredObjectStore(base: opened.store, metrics: metrics)
        let repositories = try await Repositories(
            store: store, blockingWork: blockingWork, options: configuration.registryOptions,
            readOnly: configuration.readOnly)
        guard let wanted = SocketAddress(configuration.listen) else {
            throw ConfigurationError("listen: expected ADDRESS:PORT")
        }
        let socket = try ListeningSocket(wanted)
        address = socket.address
        blobCache = try configuration.openBlobCache(opened, blockingWork, logging)
        var settings = RegistryHandler.Settings(repositories: repositories)
        settings.readOnly = configuration.readOnly
        settings.pulls = configuration.pullSettings(opened, blobCache)
        registry = RegistryHandler(settings, onFailure: logging.report)
        let box = ServerBox()
        statistics = StatisticsService(
            prices: configuration.stats.prices, interval: configuration.stats.interval.seconds,
            onFailure: { [logging] in logging.logger.error("the statistics could not be computed: \($0)") },
            walk: { [store] in try await StatisticsWalk(store).run() })
        let operations = OperationsHandler(
            registry: registry, statistics: statistics,
            metrics: { [opened, blobCache] in
                let gauges = Metrics.Gauges(
                    openConnections: box.server?.openConnections ?? 0, partMemory: opened.bucket?.budget.usage,
                    blobCache: blobCache.map { ($0.size, $0.counts) })
                return metrics.exposition(gauges, version: Version.current)
            },
            readiness: opened.readiness(of: store, registry), isDraining: { box.server?.isDraining ?? false })
        server = HTTPServer(
            loops: loops, limits: configuration.serverLimits, handler: operations,
            observers: logging.observers(metrics: metrics))
        box.server = server
        janitor = Janitor(opened, registry: registry, logging: logging)
        try await server.listen(on: socket)
        janitor.start()
    }

    /// The store in a few words.
    var storeSummary: String { opened.summary }

    /// The logger of the program's own messages.
    var logger: Logger { logging.logger }

    /// Stops accepting, lets running requests finish, and returns.
    func stop() async {
        let timeout = configuration.withLock { $0.http.drainTimeout.seconds }
        logger.info("stopping; running requests have \(timeout) s to finish")
        janitor.stop()
        statistics.stop()
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
            settings.pulls = fresh.pullSettings(opened, blobCache)
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
        try await opened.prove(readOnly: false)
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
    /// One event loop per processor the process may use, unless their number is set.
    func makeLoops() throws(SystemCallError) -> [EventLoop] {
        let count = http.eventLoops > 0 ? http.eventLoops : max(1, sysconf(CInt(_SC_NPROCESSORS_ONLN)))
        return try (0..<count).map { index throws(SystemCallError) in try EventLoop(name: "stowage.loop.\(index)") }
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
        options.readOnly = readOnly
        options.s3loSettings = { try S3loSettings(yaml: $0) }
        return options
    }

    /// What a bucket's blobs pass through; nil for a directory, whose files are as near as a cache's.
    fileprivate func openBlobCache(
        _ opened: OpenedStore, _ blockingWork: BlockingWork, _ logging: ServerLogging
    ) throws -> BlobCache? {
        guard case .bucket = opened else { return nil }
        let directory = pull.cache.directory.isEmpty ? nil : pull.cache.directory
        do {
            return try BlobCache(
                directory: directory, size: pull.cache.size.bytes, blockingWork: blockingWork,
                report: { logging.logger.warning("a blob is not kept in pull.cache.directory: \($0)") })
        } catch {
            throw ConfigurationError("pull.cache.directory: \(error)")
        }
    }

    fileprivate func pullSettings(_ opened: OpenedStore, _ cache: BlobCache?) -> PullSettings {
        var settings = PullSettings()
        settings.redirectMinimumSize = pull.redirectMinimumSize.bytes
        settings.cache = cache
        settings.mode =
            switch pull.mode {
            case .redirect: .redirect
            case .proxy: .proxy
            // Whoever reaches the registry reaches AWS too, most likely; nobody knows of other servers.
            case .auto: opened.isAtAWS ? .redirect : .proxy
            }
        return settings
    }

    /// These settings with those of `running` that are read only at the start.
    fileprivate func keepingWhatNeedsRestart(of running: Configuration) -> Configuration {
        var kept = self
        kept.listen = running.listen
        kept.storage = running.storage
        kept.stats = running.stats
        kept.http.eventLoops = running.http.eventLoops
        kept.pull.cache = running.pull.cache
        return kept
    }

    /// The settings that differ and are read only at the start.
    fileprivate func settingsThatNeedRestart(comparedTo other: Configuration) -> [String] {
        var names: [String] = []
        if listen != other.listen { names.append("listen") }
        if storage != other.storage { names.append("storage") }
        if stats != other.stats { names.append("stats") }
        if pull.cache != other.pull.cache { names.append("pull.cache") }
        if http.eventLoops != other.http.eventLoops { names.append("http.eventLoops") }
        return names
    }
}
