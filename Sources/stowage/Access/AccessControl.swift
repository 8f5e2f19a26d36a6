import Access
import EventLoop
import Glibc
import HTTPClient
import HTTPServer
import Logging
import ObjectStorage
import OpenSSL
import RegistryAPI
import Synchronization

/// What of access control outlives a configuration: accounts, keys, counted failures, and the audit log.
///
/// Each configuration gets an `AccessController` of its own, which it gives to the registry as a whole.
final class AccessControl: Sendable {
    /// Files that were read, by path; a configuration that names another file has another value.
    private struct Parts {
        var passwords: (path: String, file: PasswordFile)?
        var robots: (path: String, file: RobotFile)?
        var tokens: (service: String, tokens: TokenService)?
        var issuers: [Issuer.Settings: Issuer] = [:]
        /// What callers have taken; nil where nothing is limited.
        var limits: RequestLimits?
        /// Keys that all replicas share; nil when there is a file of keys.
        var sharedKeys: SharedTokenKeys?
    }

    private static let connectionsToIssuers = 8

    private let work = PasswordFile.makePool()
    private let throttle = LoginThrottle()
    private let audit: AuditLog
    private let parts = Mutex(Parts())
    private let http: HTTPClient
    private let store: any ObjectStore
    private let blockingWork: BlockingWork
    private let logging: ServerLogging
    private let task = Mutex<Task<Void, Never>?>(nil)

    /// `store` has the keys of tokens, if no file has them.
    init(
        audit: AuditLog, store: any ObjectStore, loops: [EventLoop], blockingWork: BlockingWork, logging: ServerLogging
    ) {
        self.audit = audit
        self.store = store
        self.blockingWork = blockingWork
        self.logging = logging
        http = HTTPClient(loops: loops, connections: Self.connectionsToIssuers)
    }

    /// Reads the files of `configuration` and says who may do what; nil where everybody may do everything. Throws a
    /// `ConfigurationError` or what is wrong with the store; nothing has changed then.
    func controller(_ configuration: Configuration) async throws -> AccessController? {
        let old = parts.withLock { $0 }
        var shared: SharedTokenKeys?
        if configuration.givesTokens, configuration.access.tokens.keyFile.isEmpty {
            shared = try await SharedTokenKeys(configuration, store, old.sharedKeys)
        }
        let fresh = try await blockingWork.run { [self, shared] in try read(configuration, old, shared) }
        let problems = await configuration.issuerFileProblems
        guard problems.isEmpty else { throw ConfigurationError(problems) }
        for entry in configuration.access.issuers.all where entry.hasKeysFile {
            try await fresh.issuers[entry.settings]?.reloadKeys(now: time(nil))
        }
        let policy = try configuration.policy()
        parts.withLock { $0 = fresh }
        guard configuration.isControlled else { return nil }
        var methods = Authenticator.Methods()
        methods.passwords = fresh.passwords?.file
        methods.robots = fresh.robots?.file
        methods.issuers = configuration.access.issuers.all.compactMap { fresh.issuers[$0.settings] }
        methods.acceptsCertificates = configuration.tls.clientCertificates != .none
        methods.tokens = fresh.tokens?.tokens
        var settings = AccessController.Settings(
            authenticator: Authenticator(methods, throttle: throttle), policy: policy)
        settings.limits = fresh.limits
        settings.hasLogins = configuration.access.hasLogins
        settings.service = configuration.access.tokens.serviceName
        settings.tokens = fresh.tokens.map { configuration.access.tokens.settings($0.tokens) }
        let addresses = ClientAddresses(configuration)
        settings.clientAddress = { addresses.origin(of: $0).address }
        settings.origin = { addresses.externalOrigin(of: $0) }
        let rules = configuration.access.rules.all.map(\.place)
        settings.audit = { [audit] in audit.write(AuditLog.line($0, rules: rules)) }
        return AccessController(settings)
    }

    // MARK: Files

    /// What `configuration` names, read now.
    private func read(_ configuration: Configuration, _ old: Parts, _ shared: SharedTokenKeys?) throws -> Parts {
        var parts = Parts()
        parts.sharedKeys = shared
        if let limits = configuration.limits.settings {
            parts.limits = old.limits?.settings == limits ? old.limits : RequestLimits(limits)
        }
        for entry in configuration.access.issuers.all {
            parts.issuers[entry.settings] = try old.issuers[entry.settings] ?? issuer(entry)
        }
        let access = configuration.access
        let (passwords, robots, keys) = (access.htpasswd.file, access.robots.file, access.tokens.keyFile)
        if !passwords.isEmpty {
            parts.passwords = try configuration.at(["htpasswd", "file"]) {
                if let known = old.passwords, known.path == passwords {
                    try known.file.reload()
                    return known
                }
                return (passwords, try PasswordFile(path: passwords, work: work))
            }
        }
        if !robots.isEmpty {
            parts.robots = try configuration.at(["robots", "file"]) {
                if let known = old.robots, known.path == robots {
                    try known.file.reload()
                    return known
                }
                return (robots, try RobotFile(path: robots))
            }
        }
        if configuration.givesTokens {
            let signing = try configuration.at(["tokens", "keyFile"]) {
                try shared?.latest ?? SigningKeyFile.read(keys)
            }
            let service = access.tokens.serviceName
            if let known = old.tokens, known.service == service {
                known.tokens.use(signing)
                parts.tokens = known
            } else {
                parts.tokens = (service, TokenService(keys: signing, service: service))
            }
        }
        return parts
    }

    private func issuer(_ entry: IssuerEntry) throws(ConfigurationError) -> Issuer {
        do throws(IssuerError) {
            return try Issuer(entry.settings, http: http) { [logging] in logging.logger.warning("\($0)") }
        } catch {
            throw ConfigurationError("\(entry.place): access.issuers: \(error)")
        }
    }

    // MARK: Keys

    /// Takes up what other replicas do with the shared keys, and does what is due.
    func start() {
        task.withLock { task in
            task = Task {
                while !Task.isCancelled {
                    // Cancelled: the loop ends.
                    try? await Task.sleep(for: SharedTokenKeys.interval)
                    await refreshKeys()
                }
            }
        }
    }

    func stop() {
        task.withLock { $0 }?.cancel()
    }

    private func refreshKeys() async {
        let parts = parts.withLock { $0 }
        guard let shared = parts.sharedKeys, let tokens = parts.tokens?.tokens, !Task.isCancelled else { return }
        do {
            tokens.use(try await shared.refresh())
        } catch {
            logging.logger.warning("the keys of tokens in the store could not be read: \(error)")
        }
    }

    // MARK: Changes

    /// The files of the last configuration, to be read again when they change.
    func watched(_ configuration: Configuration) -> [FileWatch.Group] {
        let parts = parts.withLock { $0 }
        var groups: [FileWatch.Group] = []
        if let (path, file) = parts.passwords {
            groups.append(group("the htpasswd file", path) { try file.reload() })
        }
        if let (path, file) = parts.robots {
            groups.append(group("the robot file", path) { try file.reload() })
        }
        let keys = configuration.access.tokens.keyFile
        if let tokens = parts.tokens?.tokens, !keys.isEmpty {
            groups.append(group("the token key file", keys) { tokens.use(try SigningKeyFile.read(keys)) })
        }
        for entry in configuration.access.issuers.all where entry.hasKeysFile {
            guard let issuer = parts.issuers[entry.settings] else { continue }
            let name = "the key file of issuer \(entry.name)"
            groups.append(
                FileWatch.Group(name: name, paths: [entry.settings.keysFile]) {
                    try await issuer.reloadKeys(now: time(nil))
                })
        }
        return groups
    }

    /// One file, which `read` blocks to read.
    private func group(_ name: String, _ path: String, _ read: @escaping @Sendable () throws -> Void) -> FileWatch.Group
    {
        FileWatch.Group(name: name, paths: [path]) { [blockingWork] in try await blockingWork.run(read) }
    }
}

extension Configuration {
    /// Whether `/token` is there.
    fileprivate var givesTokens: Bool {
        access.challenge == .bearer && (access.hasLogins || tls.clientCertificates != .none)
    }
}

extension Configuration.Limits {
    /// Nil where nothing is limited.
    fileprivate var settings: RequestLimits.Settings? {
        var settings = RequestLimits.Settings()
        let none = settings
        settings.requestsPerSecond = requestsPerSecond
        settings.requestBurst = burst
        settings.receivedBytesPerSecond = receivedBytesPerSecond.bytes
        settings.sentBytesPerSecond = sentBytesPerSecond.bytes
        settings.concurrentUploads = concurrentUploads
        return settings == none ? nil : settings
    }
}

extension Configuration.Access.Tokens {
    /// What challenges and tokens call this registry.
    var serviceName: String {
        if !service.isEmpty { return service }
        return externalURL.split(separator: "/").last.map(String.init) ?? "stowage"
    }

    func settings(_ service: TokenService) -> TokenSettings {
        var settings = TokenSettings(service: service)
        settings.lifetime = lifetime.seconds
        settings.refreshLifetime = refreshLifetime.seconds
        return settings
    }
}
