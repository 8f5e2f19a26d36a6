import TestSupport
import Testing

@testable import stowage

/// `/metrics`: what it counts, and that Prometheus can read it.
@Suite struct MetricsTests {
    private static func read(_ server: ServerProcess) async throws -> Exposition {
        let reply = try await server.client.expect(200, "GET", "/metrics")
        #expect(reply["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8")
        return try Exposition(reply.text)
    }

    @Test func aFreshServerExposesEveryFamily() async throws {
        try await withServerProcess { server in
            let metrics = try await Self.read(server)
            #expect(
                metrics.types == [
                    "stowage_build_info": "gauge", "stowage_http_requests_total": "counter",
                    "stowage_http_request_duration_seconds": "histogram", "stowage_http_request_bytes_total": "counter",
                    "stowage_http_response_bytes_total": "counter", "stowage_http_rejected_total": "counter",
                    "stowage_http_connections": "gauge", "stowage_uploads_total": "counter",
                    "stowage_store_operations_total": "counter", "stowage_store_read_bytes_total": "counter",
                    "stowage_store_written_bytes_total": "counter", "stowage_login_failures_total": "counter",
                    "stowage_denied_requests_total": "counter", "stowage_throttled_requests_total": "counter",
                ])
            #expect(metrics.value("stowage_build_info", ["version": Version.current]) == 1)
            #expect(metrics.value("stowage_http_connections") == 1)
        }
    }

    @Test(.s3) func aServerOnABucketCountsItsRequests() async throws {
        let server = try await ServerProcess(S3Place(on: try S3Server.shared()))
        let before = try await Self.read(server)
        let layer = Content("a layer that is counted")
        try await server.client.push(layer, to: "app")
        #expect(try await server.client.has(layer, in: "app"))
        let metrics = try await Self.read(server)
        #expect(metrics.types["stowage_s3_requests_total"] == "counter")
        #expect(metrics.types["stowage_s3_request_duration_seconds"] == "histogram")
        for (operation, count) in [("PutObject", 2.0), ("GetObject", 1)] {
            let labels = ["operation": operation, "result": "ok"]
            let name = "stowage_s3_requests_total"
            #expect(metrics.value(name, labels) - before.value(name, labels) == count, "\(operation)")
        }
        for name in ["stowage_store_written_bytes_total", "stowage_store_read_bytes_total"] {
            #expect(metrics.value(name) - before.value(name) == Double(layer.bytes.count), "\(name)")
        }
        #expect(metrics.value("stowage_s3_sent_bytes_total") >= Double(layer.bytes.count))
        #expect(metrics.value("stowage_s3_received_bytes_total") >= Double(layer.bytes.count))
        #expect(metrics.value("stowage_s3_retries_total") == 0)
        #expect(metrics.value("stowage_s3_buffer_bytes") == 0)
        #expect(metrics.value("stowage_s3_buffer_peak_bytes") > 0)
        #expect(try await server.stop() == .status(0))
    }

    @Test func requestsAreCountedByEndpointMethodAndStatus() async throws {
        try await withServerProcess { server in
            let client = server.client
            let blob = Content("layer")
            let manifest = Content.manifest(config: blob, layers: [])
            try await client.push(blob, to: "app")
            try await client.push(manifest: manifest, as: "one", to: "app")
            let requests: [(String, String, Int, String)] = [
                ("GET", "/v2/", 200, "base"), ("POST", "/v2/", 405, "base"),
                ("GET", "/v2/_catalog", 200, "catalog"), ("GET", "/v2/app/tags/list", 200, "tags"),
                ("GET", "/v2/none/tags/list", 404, "tags"), ("HEAD", "/v2/app/manifests/one", 200, "manifest"),
                ("GET", "/v2/app/manifests/none", 404, "manifest"),
                ("GET", "/v2/app/blobs/\(blob.digest)", 200, "blob"),
                ("GET", "/v2/app/referrers/\(manifest.digest)", 200, "referrers"),
                ("GET", "/v2/app/blobs/uploads/forged", 404, "upload"),
                ("DELETE", "/v2/app/manifests/one", 202, "manifest"),
                ("GET", "/elsewhere", 404, "other"), ("HEAD", "/healthz", 200, "operations"),
                ("BREW", "/v2/", 405, "base"), ("PROPFIND", "/v2/app/blobs/\(blob.digest)", 405, "blob"),
            ]
            let before = try await Self.read(server)
            for (method, target, status, _) in requests { try await client.expect(status, method, target) }
            let after = try await Self.read(server)
            for (method, target, status, endpoint) in requests {
                let known = ["GET", "HEAD", "POST", "DELETE"].contains(method)
                let labels = ["endpoint": endpoint, "method": known ? method : "other", "status": "\(status)"]
                let increase =
                    after.value("stowage_http_requests_total", labels)
                    - before.value("stowage_http_requests_total", labels)
                #expect(increase == 1, "\(method) \(target)")
            }
            // What clients make up makes no series.
            #expect(!after.samples.contains { $0.labels.values.contains("BREW") })
            let name = "stowage_http_request_duration_seconds_count"
            // The first reading of the metrics was counted after it was written.
            #expect(after.value(name) - before.value(name) == Double(requests.count) + 1)
            #expect(after.value("stowage_http_requests_total") == after.value(name))
        }
    }

    @Test func bytesAndUploadsAreCounted() async throws {
        try await withServerProcess { server in
            let client = server.client
            let blob = Content(sampleBytes(300_000))
            let before = try await Self.read(server)
            try await client.push(blob, to: "app")
            let location = try await client.startUpload("app")
            let next = try await client.expect(202, "PATCH", location, [], .chunked(Array(blob.bytes[..<1000])))
            let target = try #require(next["Location"])
            try await client.expect(404, "PUT", "/v2/app/blobs/uploads/forged?digest=\(blob.digest)", [], .counted([]))
            try await client.expect(204, "DELETE", target)
            _ = try await client.expect(200, "GET", "/v2/app/blobs/\(blob.digest)")
            let after = try await Self.read(server)
            func increase(_ name: String, _ labels: [String: String] = [:]) -> Double {
                after.value(name, labels) - before.value(name, labels)
            }
            #expect(increase("stowage_http_request_bytes_total") == 301_000)
            #expect(increase("stowage_http_response_bytes_total") >= 300_000)
            #expect(increase("stowage_uploads_total", ["result": "started"]) == 1)
            #expect(increase("stowage_uploads_total", ["result": "completed"]) == 1)
            #expect(increase("stowage_uploads_total", ["result": "cancelled"]) == 1)
            #expect(increase("stowage_uploads_total", ["result": "failed"]) == 1)
        }
    }

    @Test func operationsOnTheStoreAreCounted() async throws {
        try await withServerProcess { server in
            let client = server.client
            let blob = Content("layer")
            let before = try await Self.read(server)
            try await client.push(blob, to: "app")
            try await client.push(manifest: .manifest(config: blob, layers: []), as: "one", to: "app")
            try await client.expect(404, "GET", "/v2/app/manifests/none")
            try await client.expect(200, "GET", "/v2/app/tags/list")
            try await client.expect(202, "DELETE", "/v2/app/manifests/one")
            try await client.expect(200, "GET", "/readyz")
            let after = try await Self.read(server)
            let expected = [
                ("writer", "ok"), ("commit", "ok"), ("put", "ok"), ("head", "ok"), ("head", "absent"),
                ("get", "absent"),
                ("list", "ok"), ("delete", "ok"), ("probe", "ok"),
            ]
            for (operation, result) in expected {
                let labels = ["operation": operation, "result": result]
                let counts = [before, after].map { $0.value("stowage_store_operations_total", labels) }
                #expect(counts[0] < counts[1], "\(labels)")
            }
            #expect(after.value("stowage_store_operations_total", ["result": "error"]) == 0)
        }
    }

    @Test func connectionsAndNonsenseAreCounted() async throws {
        try await withServerProcess { server in
            let open = try (0..<20).map { _ in try server.connect() }
            for connection in open { #expect(try connection.request("GET", "/v2/").status == 200) }
            #expect(try await Self.read(server).value("stowage_http_connections") == 21)
            let nonsense = try server.connect()
            try nonsense.send("nonsense\r\n\r\n")
            #expect(try nonsense.readResponse().status == 400)
            for connection in open { connection.close() }
            nonsense.close()
            try await server.client.awaitMetric("stowage_http_connections") { $0 == 1 }
            let metrics = try await Self.read(server)
            #expect(metrics.value("stowage_http_rejected_total") == 1)
        }
    }
}
