import Glibc
import OCI
import TestSupport
import Testing

extension Robustness {
    /// Clients that take their time, or do nothing at all, cost their own connections and nobody else's time.
    @Suite struct SlowClientsTests {
        private static let dozens = 48

        @Test func slowReadersAndWritersHoldNobodyUp() async throws {
            let blob = Content(sampleBytes(8 << 20))
            let piece = sampleBytes(40_000)
            try await withRobustServer { server in
                try await server.client.push(blob, to: "app")
                let writers = try (0..<Self.dozens).map { _ in
                    try Self.beginUpload(server, length: piece.count)
                }
                let readers = try (0..<Self.dozens).map { _ in
                    try Self.beginDownload(server, blob)
                }
                let talkers = try (0..<Self.dozens).map { _ in
                    let talker = try server.connect()
                    try talker.send("GET /v2/ HTTP/1.1\r\nHost: te")
                    return talker
                }
                let clock = ContinuousClock()
                var slowest = Duration.zero
                var read: [UInt8] = []
                for round in 0..<100 {
                    for writer in writers { try writer.send(piece[round...round]) }
                    for (index, reader) in readers.enumerated() {
                        let bytes = try reader.receive(exactly: 64)
                        if index == 0 { read += bytes }
                    }
                    let start = clock.now
                    try await server.client.push(Content("layer \(round)"), to: "other")
                    #expect(try await server.client.has(Content("layer \(round)"), in: "other"))
                    slowest = max(slowest, clock.now - start)
                }
                // Far more than it takes, and far less than any of the slow ones would hold it up.
                #expect(slowest < .seconds(5))
                for writer in writers { try writer.send(piece[100...]) }
                for writer in writers { #expect(try writer.readResponse().status == 202) }
                #expect(try read + readers[0].receive(exactly: blob.bytes.count - read.count) == blob.bytes)
                try readers[1].discard(blob.bytes.count - 100 * 64)
                for talker in talkers { try talker.send("st\r\n\r\n") }
                for talker in talkers { #expect(try talker.readResponse().status == 200) }
            }
        }

        /// Those that stop are let go after their time; one that moves, however slowly, is not.
        @Test func whoStopsIsLetGo() async throws {
            let blob = Content(sampleBytes(8 << 20))
            let environment = [
                "STOWAGE_HTTP_STALL_TIMEOUT": "2s", "STOWAGE_HTTP_HEAD_TIMEOUT": "2s",
                "STOWAGE_HTTP_IDLE_TIMEOUT": "2s",
            ]
            try await withRobustServer(environment: environment) { server in
                try await server.client.push(blob, to: "app")
                server.client.close()
                let moving = try Self.beginUpload(server, length: nil)
                let writer = try Self.beginUpload(server, length: 1000)
                let head = try server.connect()
                try head.send("GET /v2/ HTTP/1.1\r\nHost: te")
                let idle = try server.connect()
                #expect(try idle.request("GET", "/v2/").status == 200)
                let silent = try server.connect()
                let reader = try Self.beginDownload(server, blob)
                var sent = 0
                let clock = ContinuousClock()
                let start = clock.now
                try await eventually {
                    try moving.send("1\r\n.\r\n")
                    sent += 1
                    return [writer, head, idle, silent].allSatisfy(\.hasInput)
                }
                #expect(clock.now - start > .milliseconds(1500))
                for gone in [writer, head, idle, silent] { gone.close() }
                // Three times as long as it may stop for.
                try await eventually {
                    try moving.send("1\r\n.\r\n")
                    sent += 1
                    return clock.now - start > .seconds(6)
                }
                try moving.send("0\r\n\r\n")
                let response = try moving.readResponse()
                #expect(response.status == 202 && response["Range"] == "0-\(sent - 1)")
                // The kernel had taken some of the blob for it, but never all.
                #expect(throws: (any Error).self) { try reader.discard(blob.bytes.count) }
                moving.close()
                try await server.client.awaitMetric("stowage_http_connections") { $0 == 1 }
            }
        }

        @Test func thousandsOfHalfOpenConnectionsCostLittle() async throws {
            let count = min(4000, OpenFiles.raise() / 2 - 500)
            try #require(count >= 200, "this process may open too few files")
            try await withRobustServer { server in
                for index in 0..<50 { try await server.client.push(Content("layer \(index)"), to: "app") }
                let before = try server.process.residentMemory()
                var connections: [RawHTTPClient] = []
                for index in 0..<count {
                    let connection = try server.connect()
                    switch index % 4 {
                    case 0: break
                    case 1: try connection.send("GET /v2/ HTTP/1.1\r\nHost: te")
                    case 2: #expect(try connection.request("GET", "/v2/").status == 200)
                    // A complete head, and a body of which nothing comes.
                    default:
                        try connection.send(
                            "PATCH /v2/app/blobs/uploads/forged HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n")
                    }
                    connections.append(connection)
                }
                let clock = ContinuousClock()
                let start = clock.now
                try await server.client.push(Content("another layer"), to: "app")
                let metrics = try Exposition(try await server.client.expect(200, "GET", "/metrics").text)
                #expect(clock.now - start < .seconds(5))
                #expect(metrics.value("stowage_http_connections") == Double(count) + 1)
                // Half of them have sent half a head, which takes a buffer of 16 KiB; the others take next to nothing.
                let each = (try server.process.residentMemory() - before) / count
                print("half-open connections: \(count), \(each) bytes each")
                #expect(each < 16 << 10)
                for connection in connections { connection.close() }
                try await server.client.awaitMetric("stowage_http_connections") { $0 == 1 }
            }
        }

        // MARK: -

        private static func beginUpload(_ server: ServerProcess, length: Int?) throws -> RawHTTPClient {
            let client = try server.connect()
            let begun = try client.request("POST", "/v2/app/blobs/uploads/", body: [])
            let location = try #require(begun["Location"])
            let framing = length.map { "Content-Length: \($0)" } ?? "Transfer-Encoding: chunked"
            try client.send("PATCH \(location) HTTP/1.1\r\nHost: test\r\n\(framing)\r\n\r\n")
            return client
        }

        private static func beginDownload(_ server: ServerProcess, _ blob: Content) throws -> RawHTTPClient {
            let client = try server.connect(receiveBuffer: 4 << 10)
            try client.send("GET /v2/app/blobs/\(blob.digest) HTTP/1.1\r\nHost: test\r\n\r\n")
            #expect(try client.readHead().status == 200)
            return client
        }
    }
}

/// The limit on open files of the tests' own process.
enum OpenFiles {
    /// Takes what the system allows, and returns it.
    static func raise() -> Int {
        var limit = rlimit()
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(files, &limit) == 0 else { return 0 }
        limit.rlim_cur = limit.rlim_max
        // The old limit holds where the new one is refused.
        _ = setrlimit(files, &limit)
        _ = getrlimit(files, &limit)
        return Int(clamping: limit.rlim_cur)
    }
}
