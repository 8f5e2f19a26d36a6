import ObjectStorage
import Registry

/// Every setting with its default. The YAML file, the environment (`STOWAGE_` and the path in upper case) and the
/// options of the command line are laid over it in that order.
struct Configuration: Codable, Equatable, Sendable {
    /// `ADDRESS:PORT` to listen on; port 0 takes a free one.
    var listen = "127.0.0.1:5000"
    /// Lets everybody who can reach a non-loopback address push and pull.
    var allowAnonymous = false
    /// Refuses every write with 405.
    var readOnly = false
    var storage = Storage()
    var manifests = Manifests()
    var uploads = Uploads()
    var http = HTTP()
    var log = Log()

    /// Where the bytes are.
    struct Storage: Codable, Equatable, Sendable {
        /// A directory, made when it does not exist.
        var location = "./stowage-data"
        /// Memory for small objects that are read often.
        var cacheSize = ByteCount(32 << 20)
    }

    struct Manifests: Codable, Equatable, Sendable {
        /// `reject` or `accept` manifests that refer to content the repository does not have.
        var missingReferences = MissingReferences.reject
    }

    struct Uploads: Codable, Equatable, Sendable {
        /// How long an upload may be idle before its bytes are removed and its session ends.
        var maximumAge = TimeSpan(24 * 3600)
    }

    /// What the server takes from its clients, and how long it waits for them.
    struct HTTP: Codable, Equatable, Sendable {
        /// Event loops; 0 for one per processor.
        var eventLoops = 0
        /// Open connections; further ones are told to come back.
        var maximumConnections = 10_000
        /// The longest request body, which is the largest layer.
        var maximumBodySize = ByteCount(128 << 30)
        /// The longest request head.
        var maximumHeadSize = ByteCount(32 << 10)
        /// Memory for request and response bodies (manifests, lists) of all connections together; more gets 503.
        var maximumBufferedSize = ByteCount(256 << 20)
        /// For a complete request head, from its first byte.
        var headTimeout = TimeSpan(20)
        /// Between two requests on one connection.
        var idleTimeout = TimeSpan(90)
        /// Without a byte moving in a request or response body.
        var stallTimeout = TimeSpan(60)
        /// For running requests to finish after SIGTERM or SIGINT.
        var drainTimeout = TimeSpan(30)
    }

    struct Log: Codable, Equatable, Sendable {
        var level = LogLevel.info
        var format = LogFormat.text
        /// One line for every request.
        var access = true
    }
}

/// How much is logged.
enum LogLevel: String, Codable, CaseIterable, Sendable {
    case trace, debug, info, notice, warning, error, critical
}

/// How a line of the log looks.
enum LogFormat: String, Codable, CaseIterable, Sendable {
    case text, json
}
