import Glibc
import HTTPServer
import Logging
import ObjectStorage
import OpenSSL
import S3
import Synchronization

/// The program's log on standard error: its own messages and the access log, through one writer.
final class ServerLogging: Sendable {
    private let writer: LineWriter
    private let current: CurrentLogSettings

    init(_ configuration: Configuration) {
        let current = CurrentLogSettings(configuration)
        self.current = current
        writer = LineWriter(.open(STDERR_FILENO)) { count in
            let message = "\(count) log lines were dropped because nobody reads the log fast enough"
            return ServerLogHandler.line(.warning, message, current.settings.format)
        }
    }

    /// Uses other settings from now on.
    func apply(_ configuration: Configuration) { current.apply(configuration) }

    /// A logger with the settings of now.
    var logger: Logger {
        let settings = current.settings
        return Logger(label: "stowage") { _ in
            ServerLogHandler(logLevel: Logger.Level(settings.level), format: settings.format, writer: self.writer)
        }
    }

    /// What the server tells, counted and logged.
    func observers(metrics: Metrics) -> HTTPServer.Observers {
        var observers = HTTPServer.Observers()
        observers.exchange = { [self] exchange in
            metrics.count(exchange)
            let (settings, addresses) = current.all
            guard settings.access else { return }
            let client = addresses.origin(of: exchange.head, peer: exchange.peer).address
            writer.write(AccessLog.line(exchange, client: client, settings.format))
        }
        observers.rejected = { [self] error in
            metrics.countRejected()
            logger.debug("no valid request: \(error.reason)")
        }
        observers.handshakeFailed = { [self] error, peer in
            metrics.countHandshakeFailure()
            logger.debug("no TLS connection with \(peer): \(error)")
        }
        observers.failure = { [self] error, id in report(error, requestID: id) }
        return observers
    }

    /// What a bucket's client tells, counted and logged.
    func bucketObservers(_ metrics: Metrics) -> BucketConnection.Observers {
        var observers = BucketConnection.Observers()
        observers.attempt = { [self] attempt in
            metrics.count(attempt)
            guard attempt.status == 0 || attempt.status >= 500 else { return }
            let result = attempt.failure ?? "status \(attempt.status)"
            logger.debug("\(attempt.operation) of \(attempt.key ?? "the bucket"): \(result)")
        }
        observers.credentialsFailure = { [self] error in logger.error("credentials: \(error)") }
        return observers
    }

    /// What a bucket cannot do, one line for each feature.
    func tell(of opened: OpenedStore) {
        guard case .bucket(let connection) = opened else { return }
        logger.info("\(opened.summary), credentials from \(connection.credentials.name)")
        for loss in connection.store.capabilities.losses { logger.warning("the bucket lacks a feature: \(loss)") }
    }

    /// What clients will not take of a certificate, or soon not any more.
    func tell(of identity: TLSIdentity?) {
        for problem in identity?.context.problems(now: time(nil)) ?? [] { logger.warning("\(problem)") }
    }

    /// That whoever listens on the way reads passwords, if nothing says otherwise.
    func tellOfClearPasswords(_ configuration: Configuration) {
        guard configuration.sendsPasswordsInTheClear else { return }
        let advice = "use tls.listen instead, or name in proxies the proxy that does TLS"
        logger.warning(
            "listen can be reached from other machines without TLS, so passwords and tokens are sent in the clear; \(advice)"
        )
    }

    /// A failure whose reason the client was not told.
    @Sendable func report(_ error: any Error, requestID: String) {
        logger.error("\(error)", metadata: ["requestID": "\(requestID)"])
    }

    /// What became of a file that has changed.
    @Sendable func report(file name: String, failure: (any Error)?) {
        if let failure {
            logger.error("\(name) has changed and cannot be used, what was there before stays in use: \(failure)")
        } else {
            logger.notice("\(name) has changed and was read again")
        }
    }

    /// Writes everything before the program ends.
    func flush() { writer.flush() }
}

/// The log's settings, which may change while the server runs.
private final class CurrentLogSettings: Sendable {
    private let locked: Mutex<(log: Configuration.Log, addresses: ClientAddresses)>

    init(_ configuration: Configuration) {
        locked = Mutex((configuration.log, ClientAddresses(configuration)))
    }

    func apply(_ configuration: Configuration) {
        locked.withLock { $0 = (configuration.log, ClientAddresses(configuration)) }
    }

    var settings: Configuration.Log { all.log }
    var all: (log: Configuration.Log, addresses: ClientAddresses) { locked.withLock { $0 } }
}
