import Access
import EventLoop
import Glibc
import HTTPServer
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
    }

    private let work = PasswordFile.makePool()
    private let throttle = LoginThrottle()
    private let audit: AuditLog
    private let parts = Mutex(Parts())
    /// Of a server whose configuration names no file of keys.
    private let ownKey = SigningKey(secret: RandomBytes.make(32))

    init(audit: AuditLog) {
        self.audit = audit
    }

    /// Reads the files of `configuration` and says who may do what; nil where everybody may do everything. Throws a
    /// `ConfigurationError`; nothing has changed then. Blocks.
    func controller(_ configuration: Configuration) throws -> AccessController? {
        let old = parts.withLock { $0 }
        let fresh = try read(configuration, old)
        let policy = try configuration.policy()
        parts.withLock { $0 = fresh }
        guard configuration.isControlled else { return nil }
        var methods = Authenticator.Methods()
        methods.passwords = fresh.passwords?.file
        methods.robots = fresh.robots?.file
        methods.acceptsCertificates = configuration.tls.clientCertificates != .none
        methods.tokens = fresh.tokens?.tokens
        var settings = AccessController.Settings(
            authenticator: Authenticator(methods, throttle: throttle), policy: policy)
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
    private func read(_ configuration: Configuration, _ old: Parts) throws -> Parts {
        var parts = Parts()
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
        if access.hasLogins || configuration.tls.clientCertificates != .none, access.challenge == .bearer {
            let signing = try configuration.at(["tokens", "keyFile"]) { keys.isEmpty ? [ownKey] : try SigningKeyFile.read(keys) }
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

    /// The files of the last configuration, to be read again when they change.
    func watched(_ configuration: Configuration) -> [FileWatch.Group] {
        let parts = parts.withLock { $0 }
        var groups: [FileWatch.Group] = []
        if let (path, file) = parts.passwords {
            groups.append(FileWatch.Group(name: "the htpasswd file", paths: [path]) { try file.reload() })
        }
        if let (path, file) = parts.robots {
            groups.append(FileWatch.Group(name: "the robot file", paths: [path]) { try file.reload() })
        }
        let keys = configuration.access.tokens.keyFile
        if let tokens = parts.tokens?.tokens, !keys.isEmpty {
            groups.append(
                FileWatch.Group(name: "the token key file", paths: [keys]) {
                    tokens.use(try SigningKeyFile.read(keys))
                })
        }
        return groups
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
