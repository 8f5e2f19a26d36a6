import HTTPServer
import ObjectStorage
import Registry
import S3
import Synchronization

/// Counts what the server does, and writes it in the text format of Prometheus.
final class Metrics: Sendable {
    private struct RequestKey: Hashable {
        let endpoint: String
        let method: String
        let status: Int
    }

    private struct Histogram {
        var counts = [Int](repeating: 0, count: Metrics.bounds.count + 1)
        var sum = 0

        mutating func add(_ nanoseconds: Int) {
            counts[Metrics.bounds.firstIndex { nanoseconds <= $0.limit } ?? Metrics.bounds.count] += 1
            sum += nanoseconds
        }
    }

    private struct StoreKey: Hashable {
        let operation: String
        let result: String
    }

    private struct State {
        var requests: [RequestKey: Int] = [:]
        var durations: [String: Histogram] = [:]
        var uploads: [String: Int] = [:]
        var store: [StoreKey: Int] = [:]
        var bytesIn = 0
        var bytesOut = 0
        var rejected = 0
        var handshakeFailures = 0
        var loginFailures = 0
        var denied = 0
        var throttled = 0
        var bucketRequests: [StoreKey: Int] = [:]
        var bucketDurations: [String: Histogram] = [:]
        var bucketRetries = 0
        var bucketBytesSent = 0
        var bucketBytesReceived = 0
        var bytesRead = 0
        var bytesWritten = 0
    }

    /// What is not counted but looked at when somebody asks.
    struct Gauges {
        var openConnections = 0
        /// When the certificate ends, in seconds since 1970; nil without TLS.
        var certificateExpiry: Int?
        /// Bytes on their way into a bucket, now and at most; nil for a directory.
        var partMemory: (used: Int, peak: Int)?
        /// Blobs kept on a local disk; nil for a directory.
        var blobCache: (bytes: Int, counts: BlobCache.Counts)?
    }

    /// Upper bounds of the latency buckets in nanoseconds, and how they are written in seconds.
    private static let bounds: [(limit: Int, label: String)] = [
        (250_000, "0.00025"), (1_000_000, "0.001"), (2_500_000, "0.0025"), (10_000_000, "0.01"),
        (50_000_000, "0.05"), (250_000_000, "0.25"), (1_000_000_000, "1"), (5_000_000_000, "5"),
        (30_000_000_000, "30"), (300_000_000_000, "300"),
    ]

    private let state = Mutex(State())

    // MARK: Counting

    func count(_ exchange: Exchange) {
        let endpoint = String(describing: exchange.endpoint)
        let method = Self.label(exchange.head.method)
        let key = RequestKey(endpoint: endpoint, method: method, status: exchange.status.code)
        let upload = endpoint == "upload" ? Self.uploadResult(exchange) : nil
        state.withLock { state in
            state.requests[key, default: 0] += 1
            state.durations[endpoint, default: Histogram()].add(exchange.nanoseconds)
            state.bytesIn += exchange.bytesIn
            state.bytesOut += exchange.bytesOut
            if let upload { state.uploads[upload, default: 0] += 1 }
            switch exchange.status {
            // Without credentials it is only the question for some.
            case .unauthorized where endpoint == "token" || exchange.head.value("Authorization") != nil:
                state.loginFailures += 1
            case .forbidden: state.denied += 1
            case .tooManyRequests: state.throttled += 1
            default: break
            }
        }
    }

    /// A connection to the TLS port that never got to a request.
    func countHandshakeFailure() {
        state.withLock { $0.handshakeFailures += 1 }
    }

    /// Bytes that were no request.
    func countRejected() {
        state.withLock { $0.rejected += 1 }
    }

    func count(_ operation: StoreOperation, _ result: StoreResult) {
        let key = StoreKey(operation: operation.rawValue, result: result.rawValue)
        state.withLock { $0.store[key, default: 0] += 1 }
    }

    /// Bytes of objects that were stored.
    func count(written bytes: Int) { state.withLock { $0.bytesWritten += bytes } }

    /// Bytes of objects that were asked for.
    func count(read bytes: Int) { state.withLock { $0.bytesRead += bytes } }

    /// One request to a bucket; one that is sent again counts again.
    func count(_ attempt: S3Attempt) {
        let key = StoreKey(operation: attempt.operation, result: Self.result(attempt.status))
        let nanoseconds = attempt.milliseconds * 1_000_000
        state.withLock { state in
            state.bucketRequests[key, default: 0] += 1
            state.bucketDurations[attempt.operation, default: Histogram()].add(nanoseconds)
            if attempt.isRepeated { state.bucketRetries += 1 }
            state.bucketBytesSent += attempt.bytesSent
            state.bucketBytesReceived += attempt.bytesReceived
        }
    }

    private static func result(_ status: Int) -> String {
        switch status {
        case 0: "unanswered"
        case ..<400: "ok"
        case 403: "denied"
        case 404: "absent"
        case 409, 412: "refused"
        case 429, 503: "busy"
        default: "error"
        }
    }

    /// Methods that clients make up must not make up metrics.
    private static func label(_ method: Method) -> String {
        if case .other = method { return "other" }
        return method.name
    }

    /// What became of an upload by this request; nil when it just goes on.
    private static func uploadResult(_ exchange: Exchange) -> String? {
        switch (exchange.head.method, exchange.status.code) {
        case (.post, 202): "started"
        case (_, 201): "completed"
        case (.delete, 204): "cancelled"
        case (_, 400...): "failed"
        default: nil
        }
    }

    // MARK: Exposition

    /// Everything counted, and the gauges given.
    func exposition(_ gauges: Gauges, version: String) -> [UInt8] {
        let state = state.withLock { $0 }
        var out = Exposition()
        out.family("stowage_build_info", "gauge", "The version that runs.")
        out.sample("stowage_build_info", [("version", version)], "1")
        out.family("stowage_http_requests_total", "counter", "Requests answered.")
        for (key, count) in state.requests.sorted(by: { "\($0.key)" < "\($1.key)" }) {
            let labels = [("endpoint", key.endpoint), ("method", key.method), ("status", String(key.status))]
            out.sample("stowage_http_requests_total", labels, String(count))
        }
        histograms(
            "stowage_http_request_duration_seconds",
            "From the complete request head to the last byte of the response.", "endpoint", state.durations, &out)
        out.counter("stowage_http_request_bytes_total", "Bytes of request bodies received.", state.bytesIn)
        out.counter("stowage_http_response_bytes_total", "Bytes of response bodies sent.", state.bytesOut)
        out.counter(
            "stowage_http_rejected_total", "Connections ended because they sent no valid request.", state.rejected)
        out.family("stowage_http_connections", "gauge", "Connections open now.")
        out.sample("stowage_http_connections", [], String(gauges.openConnections))
        out.family("stowage_uploads_total", "counter", "Uploads by what became of them.")
        for (result, count) in state.uploads.sorted(by: { $0.key < $1.key }) {
            out.sample("stowage_uploads_total", [("result", result)], String(count))
        }
        out.family("stowage_store_operations_total", "counter", "Operations on the object store.")
        for (key, count) in state.store.sorted(by: { "\($0.key)" < "\($1.key)" }) {
            let labels = [("operation", key.operation), ("result", key.result)]
            out.sample("stowage_store_operations_total", labels, String(count))
        }
        out.counter("stowage_store_read_bytes_total", "Bytes of objects asked for.", state.bytesRead)
        out.counter("stowage_store_written_bytes_total", "Bytes of objects stored.", state.bytesWritten)
        out.counter("stowage_login_failures_total", "Requests with credentials that are not good.", state.loginFailures)
        out.counter("stowage_denied_requests_total", "Requests of known callers that no rule allows.", state.denied)
        out.counter("stowage_throttled_requests_total", "Requests answered with 429.", state.throttled)
        if let expiry = gauges.certificateExpiry {
            out.counter("stowage_tls_handshake_failures_total", "TLS connections that failed.", state.handshakeFailures)
            out.gauge(
                "stowage_tls_certificate_expiry_seconds", "When the certificate ends, in seconds since 1970.", expiry)
        }
        bucket(state, gauges, &out)
        return out.bytes
    }

    /// What only a bucket has.
    private func bucket(_ state: State, _ gauges: Gauges, _ out: inout Exposition) {
        guard let memory = gauges.partMemory else { return }
        out.family(
            "stowage_s3_requests_total", "counter", "Requests to the bucket; one that is sent again counts again.")
        for (key, count) in state.bucketRequests.sorted(by: { "\($0.key)" < "\($1.key)" }) {
            let labels = [("operation", key.operation), ("result", key.result)]
            out.sample("stowage_s3_requests_total", labels, String(count))
        }
        histograms(
            "stowage_s3_request_duration_seconds", "From the beginning of a request to the head of its answer.",
            "operation", state.bucketDurations, &out)
        out.counter("stowage_s3_retries_total", "Requests that were sent again.", state.bucketRetries)
        out.counter(
            "stowage_s3_sent_bytes_total", "Bytes of request bodies to the bucket.", state.bucketBytesSent)
        out.counter(
            "stowage_s3_received_bytes_total", "Bytes of answers from the bucket, as announced.",
            state.bucketBytesReceived)
        out.gauge("stowage_s3_buffer_bytes", "Memory for bytes on their way into the bucket.", memory.used)
        out.gauge("stowage_s3_buffer_peak_bytes", "The most of it since the start.", memory.peak)
        guard let cache = gauges.blobCache else { return }
        out.gauge("stowage_pull_cache_bytes", "Blobs kept on the local disk.", cache.bytes)
        let name = "stowage_pull_cache_requests_total"
        out.family(name, "counter", "Blobs from a file, by a fetch that was under way, and by one of their own.")
        for (result, count) in [
            ("hit", cache.counts.hits), ("shared", cache.counts.shared), ("miss", cache.counts.misses),
        ] {
            out.sample(name, [("result", result)], String(count))
        }
    }

    private func histograms(
        _ name: String, _ help: String, _ label: String, _ durations: [String: Histogram], _ out: inout Exposition
    ) {
        out.family(name, "histogram", help)
        for (value, histogram) in durations.sorted(by: { $0.key < $1.key }) {
            var total = 0
            for (index, count) in histogram.counts.enumerated() {
                total += count
                let bound = index < Self.bounds.count ? Self.bounds[index].label : "+Inf"
                out.sample("\(name)_bucket", [(label, value), ("le", bound)], String(total))
            }
            out.sample("\(name)_sum", [(label, value)], Exposition.seconds(histogram.sum))
            out.sample("\(name)_count", [(label, value)], String(total))
        }
    }
}

/// Text in the exposition format of Prometheus, version 0.0.4. Label values here never need escaping.
private struct Exposition {
    private(set) var bytes: [UInt8] = []

    mutating func family(_ name: String, _ type: String, _ help: String) {
        bytes += Array("# HELP \(name) \(help)\n# TYPE \(name) \(type)\n".utf8)
    }

    mutating func sample(_ name: String, _ labels: [(String, String)], _ value: String) {
        let list = labels.map { "\($0.0)=\"\($0.1)\"" }.joined(separator: ",")
        bytes += Array("\(name)\(list.isEmpty ? "" : "{\(list)}") \(value)\n".utf8)
    }

    mutating func counter(_ name: String, _ help: String, _ value: Int) {
        family(name, "counter", help)
        sample(name, [], String(value))
    }

    mutating func gauge(_ name: String, _ help: String, _ value: Int) {
        family(name, "gauge", help)
        sample(name, [], String(value))
    }

    static func seconds(_ nanoseconds: Int) -> String {
        "\(nanoseconds / 1_000_000_000).\(String(1_000_000_000 + nanoseconds % 1_000_000_000).dropFirst())"
    }
}
