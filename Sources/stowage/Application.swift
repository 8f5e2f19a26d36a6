import EventLoop
import Glibc
import HTTPServer
import Logging
import ObjectStorage
import OpenSSL
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
    private let access: AccessControl
    private let audit: AuditLog
    private let files: FileWatch
    private let identity: TLSIdentity?
    /// Where clients reach it.
    let addresses: Listeners.Addresses

    /// Opens the store, then the socket, and starts serving. `reload` reads the configuration again.
    init(_ configuration: Configuration, reload: @escaping @Sendable () throws -> Configuration) async throws {
        self.configuration = Mutex(configuration)
        self.reload = reload
        logging = ServerLogging(configuration)
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
        let listeners = try Listeners(configuration)
        addresses = listeners.addresses
        identity = listeners.identity
        logging.tell(of: identity)
        logging.tellOfClearPasswords(configuration)
        blobCache = try configuration.openBlobCache(opened, blockingWork, logging)
        audit = AuditLog(try configuration.audit.target(configuration.places))
        access = AccessControl(
            audit: audit, store: store, loops: loops, blockingWork: blockingWork, logging: logging)
        var settings = RegistryHandler.Settings(repositories: repositories)
        settings.access = try await access.controller(configuration)
        settings.readOnly = configuration.readOnly
        settings.pulls = configuration.pullSettings(opened, blobCache)
        registry = RegistryHandler(settings, onFailure: logging.report)
        let box = ServerBox()
        statistics = StatisticsService(
            prices: configuration.stats.prices, interval: configuration.stats.interval.seconds,
            onFailure: { [logging] in logging.logger.error("the statistics could not be computed: \($0)") },
            walk: { [store] in try await StatisticsWalk(store).run() })
        let operations = OperationsHandler(
            registry: registry, access: { [registry] in registry.settings.access }, statistics: statistics,
            metrics: { [opened, blobCache, identity] in
                let gauges = Metrics.Gauges(
                    openConnections: box.server?.openConnections ?? 0,
                    certificateExpiry: identity?.context.expiry, partMemory: opened.bucket?.budget.usage,
                    blobCache: blobCache.map { ($0.size, $0.counts) })
                return metrics.exposition(gauges, version: Version.current)
            },
            readiness: opened.readiness(of: store, registry), isDraining: { box.server?.isDraining ?? false })
        server = HTTPServer(
            loops: loops, limits: configuration.serverLimits, handler: operations,
            observers: logging.observers(metrics: metrics))
        box.server = server
        janitor = Janitor(opened, registry: registry, logging: logging)
        files = FileWatch(work: blockingWork, report: logging.report(file:failure:))
        watchFiles()
        try await listeners.serve(with: server)
        janitor.start()
        files.start()
        access.start()
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
        files.stop()
        access.stop()
        statistics.stop()
        let busy = await server.shutDown(timeout: timeout)
        if busy > 0 { logger.warning("\(busy) connections were still busy and are closed") }
        logger.info("stopped")
        logging.flush()
        audit.flush()
    }

    /// Reads the configuration again and applies what can change while the server runs; a bad one changes nothing.
    func reloadConfiguration() async {
        do {
            let fresh = try reload()
            let kept = try fresh.takenUp(by: configuration.withLock { $0 })
            let context = try await blockingWork.run { try fresh.tlsContext() }
            let target = try await blockingWork.run { try fresh.audit.target(fresh.places) }
            var settings = registry.settings
            settings.repositories = try await repositories(fresh)
            settings.access = try await access.controller(kept)
            settings.readOnly = fresh.readOnly
            settings.pulls = fresh.pullSettings(opened, blobCache)
            registry.settings = settings
            server.limits = fresh.serverLimits
            if let context { identity?.context = context }
            audit.redirect(to: target)
            logging.apply(fresh)
            let old = configuration.withLock { configuration in
                defer { configuration = kept }
                return configuration
            }
            for setting in old.settingsThatNeedRestart(comparedTo: fresh) {
                logger.warning("\(setting) has changed, which takes effect with the next start")
            }
            watchFiles()
            logger.info("configuration reloaded")
        } catch {
            logger.error("the configuration was not reloaded: \(error)")
        }
    }

    /// Reads files again when they change, until the next reload of the configuration names others.
    private func watchFiles() {
        let configuration = configuration.withLock { $0 }
        var groups: [FileWatch.Group] = []
        if let identity, let paths = configuration.tls.files?.paths {
            groups.append(
                FileWatch.Group(name: "the certificate", paths: paths) { [blockingWork] in
                    let context = try await blockingWork.run { try configuration.tlsContext() }
                    if let context { identity.context = context }
                })
        }
        files.watch(groups + access.watched(configuration))
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
