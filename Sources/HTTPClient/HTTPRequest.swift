package import EventLoop

/// A request of the HTTP client; it can be sent any number of times.
package struct HTTPRequest: Sendable {
    package var method: String
    /// Absolute and percent-encoded; sent as it stands.
    package var url: String
    /// Fields beside `Host` and `Content-Length`, which the client writes.
    package var fields: [(name: String, value: String)]
    package var body: HTTPRequestBody
    package var limits: HTTPLimits
    /// A file of PEM certificates to trust instead of the system's.
    package var caFile: String?

    package init(
        method: String = "GET", url: String, fields: [(name: String, value: String)] = [],
        body: HTTPRequestBody = .none, limits: HTTPLimits = HTTPLimits(), caFile: String? = nil
    ) {
        self.method = method
        self.url = url
        self.fields = fields
        self.body = body
        self.limits = limits
        self.caFile = caFile
    }
}

/// What a request carries, always in memory, so that it can be sent again.
package enum HTTPRequestBody: Sendable {
    case none
    case bytes([UInt8])
    /// The first `count` bytes of consecutive buffers, all of them full but the last.
    case pieces([Buffer], count: Int)

    /// The number of bytes.
    package var count: Int {
        switch self {
        case .none: 0
        case .bytes(let bytes): bytes.count
        case .pieces(_, let count): count
        }
    }
}

/// How long the parts of a request may take, in milliseconds; each is checked a few times a second.
package struct HTTPLimits: Sendable {
    /// Until a connection is made, TLS included, and for a turn when all connections are in use.
    package var connect = 10_000
    /// From the last byte sent until the head of the answer is there.
    package var head = 30_000
    /// Without any byte moving although this side is ready for it.
    package var stall = 30_000
    /// For all of it; 0 is no limit. A download whose reader takes its time counts too.
    package var overall = 0

    package init(connect: Int = 10_000, head: Int = 30_000, stall: Int = 30_000, overall: Int = 0) {
        self.connect = connect
        self.head = head
        self.stall = stall
        self.overall = overall
    }
}
