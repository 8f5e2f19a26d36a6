import HTTPServer
import ObjectStorage
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
        let bucket = Self.bounds.firstIndex { exchange.nanoseconds <= $0.limit } ?? Self.bounds.count
        let upload = endpoint == "upload" ? Self.uploadResult(exchange) : nil
        state.withLock { state in
            state.requests[key, default: 0] += 1
            state.durations[endpoint, default: Histogram()].counts[bucket] += 1
            state.durations[endpoint, default: Histogram()].sum += exchange.nanoseconds
            state.bytesIn += exchange.bytesIn
            state.bytesOut += exchange.bytesOut
            if let upload { state.uploads[upload, default: 0] += 1 }
        }
    }

    /// Bytes that were no request.
    func countRejected() {
        state.withLock { $0.rejected += 1 }
    }

    func count(_ operation: StoreOperation, _ result: StoreResult) {
        let key = StoreKey(operation: operation.rawValue, result: result.rawValue)
        state.withLock { $0.store[key, default: 0] += 1 }
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
    func exposition(openConnections: Int, version: String) -> [UInt8] {
        let state = state.withLock { $0 }
        var out = Exposition()
        out.family("stowage_build_info", "gauge", "The version that runs.")
        out.sample("stowage_build_info", [("version", version)], "1")
        out.family("stowage_http_requests_total", "counter", "Requests answered.")
        for (key, count) in state.requests.sorted(by: { "\($0.key)" < "\($1.key)" }) {
            let labels = [("endpoint", key.endpoint), ("method", key.method), ("status", String(key.status))]
            out.sample("stowage_http_requests_total", labels, String(count))
        }
        histograms(state.durations, &out)
        out.counter("stowage_http_request_bytes_total", "Bytes of request bodies received.", state.bytesIn)
        out.counter("stowage_http_response_bytes_total", "Bytes of response bodies sent.", state.bytesOut)
        out.counter(
            "stowage_http_rejected_total", "Connections ended because they sent no valid request.", state.rejected)
        out.family("stowage_http_connections", "gauge", "Connections open now.")
        out.sample("stowage_http_connections", [], String(openConnections))
        out.family("stowage_uploads_total", "counter", "Uploads by what became of them.")
        for (result, count) in state.uploads.sorted(by: { $0.key < $1.key }) {
            out.sample("stowage_uploads_total", [("result", result)], String(count))
        }
        out.family("stowage_store_operations_total", "counter", "Operations on the object store.")
        for (key, count) in state.store.sorted(by: { "\($0.key)" < "\($1.key)" }) {
            let labels = [("operation", key.operation), ("result", key.result)]
            out.sample("stowage_store_operations_total", labels, String(count))
        }
        return out.bytes
    }

    private func histograms(_ durations: [String: Histogram], _ out: inout Exposition) {
        let name = "stowage_http_request_duration_seconds"
        out.family(name, "histogram", "From the complete request head to the last byte of the response.")
        for (endpoint, histogram) in durations.sorted(by: { $0.key < $1.key }) {
            var total = 0
            for (index, count) in histogram.counts.enumerated() {
                total += count
                let bound = index < Self.bounds.count ? Self.bounds[index].label : "+Inf"
                out.sample("\(name)_bucket", [("endpoint", endpoint), ("le", bound)], String(total))
            }
            out.sample("\(name)_sum", [("endpoint", endpoint)], Exposition.seconds(histogram.sum))
            out.sample("\(name)_count", [("endpoint", endpoint)], String(total))
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

    static func seconds(_ nanoseconds: Int) -> String {
        "\(nanoseconds / 1_000_000_000).\(String(1_000_000_000 + nanoseconds % 1_000_000_000).dropFirst())"
    }
}
