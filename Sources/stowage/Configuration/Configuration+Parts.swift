import EventLoop
import Glibc
import HTTPServer
import Logging
import ObjectStorage
import Registry
import RegistryAPI

extension Configuration {
    /// One event loop per processor the process may use, unless their number is set.
    func makeLoops() throws(SystemCallError) -> [EventLoop] {
        let count = http.eventLoops > 0 ? http.eventLoops : max(1, sysconf(CInt(_SC_NPROCESSORS_ONLN)))
        return try (0..<count).map { index throws(SystemCallError) in try EventLoop(name: "stowage.loop.\(index)") }
    }

    var serverLimits: ServerLimits {
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

    var registryOptions: Repositories.Options {
        var options = Repositories.Options()
        options.missingReferences = manifests.missingReferences
        options.uploadAge = uploads.maximumAge.seconds
        options.readOnly = readOnly
        options.s3loSettings = { try S3loSettings(yaml: $0) }
        return options
    }

    /// What a bucket's blobs pass through; nil for a directory, whose files are as near as a cache's.
    func openBlobCache(
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

    func pullSettings(_ opened: OpenedStore, _ cache: BlobCache?) -> PullSettings {
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
    func keepingWhatNeedsRestart(of running: Configuration) -> Configuration {
        var kept = self
        kept.listen = running.listen
        // Without a listener there are no files to show, and with a new one none that are shown yet.
        if tls.listen.isEmpty != running.tls.listen.isEmpty { kept.tls = running.tls }
        kept.tls.listen = running.tls.listen
        kept.storage = running.storage
        kept.stats = running.stats
        kept.http.eventLoops = running.http.eventLoops
        kept.pull.cache = running.pull.cache
        return kept
    }

    /// What a server takes up that goes on listening where `running` says. Throws a `ConfigurationError` if that lets
    /// everybody in where only the configuration as a whole would not.
    func takenUp(by running: Configuration) throws(ConfigurationError) -> Configuration {
        let kept = keepingWhatNeedsRestart(of: running)
        let problems = kept.listenerProblems(places.place)
        guard problems.isEmpty else {
            throw ConfigurationError(problems.map { "\($0); until its next start the server listens there" })
        }
        return kept
    }

    /// The settings that differ and are read only at the start.
    func settingsThatNeedRestart(comparedTo other: Configuration) -> [String] {
        var names: [String] = []
        if listen != other.listen { names.append("listen") }
        if tls.listen != other.tls.listen { names.append("tls.listen") }
        if storage != other.storage { names.append("storage") }
        if stats != other.stats { names.append("stats") }
        if pull.cache != other.pull.cache { names.append("pull.cache") }
        if http.eventLoops != other.http.eventLoops { names.append("http.eventLoops") }
        return names
    }
}
