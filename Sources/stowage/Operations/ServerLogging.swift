import Glibc
import HTTPServer
import Logging
import Synchronization

/// The program's log on standard error: its own messages and the access log, through one writer.
final class ServerLogging: Sendable {
    private let writer = LineWriter(descriptor: STDERR_FILENO)
    private let settings: Mutex<Configuration.Log>

    init(_ settings: Configuration.Log) {
        self.settings = Mutex(settings)
    }

    /// Uses other settings from now on.
    func apply(_ settings: Configuration.Log) {
        self.settings.withLock { $0 = settings }
    }

    /// A logger with the settings of now.
    var logger: Logger {
        let settings = settings.withLock { $0 }
        return Logger(label: "stowage") { _ in
            ServerLogHandler(logLevel: Logger.Level(settings.level), format: settings.format, writer: self.writer)
        }
    }

    /// What the server tells, counted and logged.
    func observers(metrics: Metrics) -> HTTPServer.Observers {
        var observers = HTTPServer.Observers()
        observers.exchange = { [self] exchange in
            metrics.count(exchange)
            let settings = settings.withLock { $0 }
            if settings.access { writer.write(AccessLog.line(exchange, settings.format)) }
        }
        observers.rejected = { [self] error in
            metrics.countRejected()
            logger.debug("no valid request: \(error.reason)")
        }
        observers.failure = { [self] error, id in report(error, requestID: id) }
        return observers
    }

    /// A failure whose reason the client was not told.
    @Sendable func report(_ error: any Error, requestID: String) {
        logger.error("\(error)", metadata: ["requestID": "\(requestID)"])
    }

    /// Writes everything before the program ends.
    func flush() { writer.flush() }
}
