import ObjectStorage
import Registry

/// Every setting with its default. The YAML file, the environment (`STOWAGE_` and the path in upper case) and the
/// options of the command line are laid over it in that order.
struct Configuration: Codable, Equatable, Sendable {
    /// `ADDRESS:PORT` to listen on without TLS; port 0 takes a free one, empty is none.
    var listen = "127.0.0.1:5000"
    var tls = TLS()
    /// Lets everybody who can reach a non-loopback address push and pull.
    var allowAnonymous = false
    /// Refuses every write with 405.
    var readOnly = false
    var access = Access()
    var limits = Limits()
    /// Whose `Forwarded` and `X-Forwarded-…` are believed.
    var proxies = Entries<ProxyEntry>()
    var audit = Audit()
    var storage = Storage()
    var manifests = Manifests()
    var uploads = Uploads()
    var pull = Pull()
    var http = HTTP()
    var log = Log()
    var stats = Stats()
    /// Where the values come from, which is no setting.
    var places = Places()

    private enum CodingKeys: String, CodingKey {
        case listen, tls, allowAnonymous, readOnly, access, limits, proxies, audit
        case storage, manifests, uploads, pull, http, log, stats
    }

    /// Where the bytes are.
    struct Storage: Codable, Equatable, Sendable {
        /// A directory, made when it does not exist, or `s3://BUCKET/PREFIX`.
        var location = "./stowage-data"
        /// Memory for small objects that are read often.
        var cacheSize = ByteCount(32 << 20)
        /// Only for a bucket.
        var s3 = S3()
    }

    struct Manifests: Codable, Equatable, Sendable {
        /// `reject` or `accept` manifests that refer to content the repository does not have.
        var missingReferences = MissingReferences.reject
    }

    struct Uploads: Codable, Equatable, Sendable {
        /// How long an upload may be idle before its bytes are removed and its session ends.
        var maximumAge = TimeSpan(24 * 3600)
    }

    /// How blobs get from a bucket to clients.
    struct Pull: Codable, Equatable, Sendable {
        /// Whether clients fetch blobs from the bucket themselves.
        var mode = PullMode.auto
        /// Smaller blobs always pass through the server.
        var redirectMinimumSize = ByteCount(16 << 10)
        var cache = Cache()

        /// Blobs that passed through and are kept on a local disk.
        struct Cache: Codable, Equatable, Sendable {
            /// A directory for this process alone; empty for no cache.
            var directory = ""
            var size = ByteCount(10 << 30)
        }
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

    /// What the store holds, for `stowage stats` and `GET /api/v1/stats`.
    struct Stats: Codable, Equatable, Sendable {
        /// How old an answer to `GET /api/v1/stats` may be before the store is walked again.
        var interval = TimeSpan(3600)
        /// Dollars for a GiB and month in each storage class.
        var prices = PriceList()
    }

    struct Log: Codable, Equatable, Sendable {
        var level = LogLevel.info
        var format = LogFormat.text
        /// One line for every request.
        var access = true
    }
}

/// Where a client's GET of a blob ends.
enum PullMode: String, Codable, CaseIterable, Sendable {
    /// At AWS as `redirect`, else as `proxy`.
    case auto
    /// At the bucket, by a 307 to a URL that is valid for a while.
    case redirect
    /// Here.
    case proxy
}

/// How much is logged.
enum LogLevel: String, Codable, CaseIterable, Sendable {
    case trace, debug, info, notice, warning, error, critical
}

/// How a line of the log looks.
enum LogFormat: String, Codable, CaseIterable, Sendable {
    case text, json
}
