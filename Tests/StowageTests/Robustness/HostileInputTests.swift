import Foundation
import OCI
import TestSupport
import Testing

extension Robustness {
    /// Input made to exhaust memory or time: a clear answer, memory flat, nothing stored, everybody else served.
    @Suite struct HostileInputTests {
        private static let gigabyte = 1 << 30
        private static let type = [("Content-Type", Content.manifestType)]

        /// Runs `body`; the server's memory must not grow beyond `limit` meanwhile, and nothing may get into the store.
        private func bounded(
            _ limit: Int, environment: [String: String] = [:], _ body: (ServerProcess) async throws -> Void
        ) async throws {
            try await withRobustServer(environment: environment) { server in
                for index in 0..<100 { try await server.client.push(Content("layer \(index)"), to: "app") }
                let stored = Self.files(server.storage)
                try server.process.forgetPeakMemory()
                let before = try server.process.peakMemory()
                try await body(server)
                let growth = try server.process.peakMemory() - before
                #expect(growth < limit, "\(growth >> 20) MiB")
                try await eventually { Self.files(server.storage) == stored }
                try await server.client.push(Content("afterwards"), to: "app")
            }
        }

        private static func files(_ root: String) -> Set<String> {
            Set(FileManager.default.subpaths(atPath: root) ?? [])
        }

        // MARK: Bodies

        @Test(arguments: ["Content-Length: 1073741824", "Transfer-Encoding: chunked"])
        func aManifestOfAGigabyteIsRefusedWhileItComes(_ framing: String) async throws {
            try await bounded(16 << 20) { server in
                let client = try server.connect()
                let fields = ["Host: x", "Content-Type: \(Content.manifestType)", framing]
                try client.send("PUT /v2/app/manifests/huge HTTP/1.1\r\n\(fields.joined(separator: "\r\n"))\r\n\r\n")
                let sent = try Self.sendUntilAnswered(client, isChunked: framing.contains("chunked"))
                let response = try client.readResponse()
                #expect(response.status == 413)
                #expect(response.text.contains("SIZE_INVALID"))
                #expect(response["Connection"] == "close")
                // It did not wait for all of it.
                #expect(sent < 256 << 20)
                try await server.client.expect(404, "GET", "/v2/app/manifests/huge")
            }
        }

        @Test func aManifestOfAGigabyteThatIsAnnouncedIsNotAskedFor() async throws {
            try await bounded(16 << 20) { server in
                let client = try server.connect()
                let response = try client.request(
                    "PUT", "/v2/app/manifests/huge",
                    fields: [
                        "Content-Type: \(Content.manifestType)", "Content-Length: 1073741824", "Expect: 100-continue",
                    ])
                #expect(response.status == 413 && response.interim.isEmpty)
            }
        }

        /// Routes that want no body do not read one, however large it is.
        @Test func aBodyThatNobodyWantsIsNotRead() async throws {
            let requests = [
                "GET /v2/", "GET /v2/_catalog", "GET /v2/app/tags/list", "DELETE /v2/app/manifests/none",
                "GET /healthz",
                "POST /v2/app/blobs/uploads/?mount=sha256:nonsense", "PATCH /v2/app/blobs/uploads/forged",
                "GET /nowhere",
                "PUT /v2/app/blobs/uploads/forged?digest=sha256:nonsense", "PUT /v2/APP/manifests/x", "BREW /v2/",
            ]
            try await bounded(8 << 20) { server in
                for request in requests {
                    let client = try server.connect()
                    try client.send("\(request) HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n")
                    let sent = try Self.sendUntilAnswered(client, isChunked: false)
                    let status = try client.readResponse().status
                    #expect(status < 500, "\(request)")
                    #expect(sent < 256 << 20, "\(request)")
                }
            }
        }

        /// Sends up to a gigabyte and stops when something comes back; returns how much it sent.
        private static func sendUntilAnswered(_ client: RawHTTPClient, isChunked: Bool) throws -> Int {
            let piece = [UInt8](repeating: UInt8(ascii: " "), count: 64 << 10)
            var sent = 0
            while sent < gigabyte, !client.hasInput {
                do {
                    if isChunked { try client.send("10000\r\n") }
                    try client.send(piece)
                    if isChunked { try client.send("\r\n") }
                } catch RawHTTPError.reset {
                    break
                }
                sent += piece.count
            }
            return sent
        }

        /// Many manifests that stop just before their end: together they take what is configured, not what is sent.
        @Test func manifestsThatNeverEndTakeWhatIsConfigured() async throws {
            let budget = 32 << 20
            let environment = ["STOWAGE_HTTP_MAXIMUM_BUFFERED_SIZE": "32MiB"]
            // Every connection that is being read has a buffer.
            try await bounded(budget + (32 << 20), environment: environment) { server in
                let body = [UInt8](repeating: UInt8(ascii: " "), count: 4_000_000)
                let refused = Guarded(0)
                try await withThrowingTaskGroup(of: RawHTTPClient?.self) { group in
                    for index in 0..<48 {
                        group.addTask {
                            try await OwnThread.run {
                                let client = try server.connect()
                                let target = "/v2/app/manifests/m\(index)"
                                try client.send(
                                    "PUT \(target) HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.count + 1)\r\n\r\n")
                                // Whoever is refused has the answer before the body is out.
                                try? client.send(body)
                                return client
                            }
                        }
                    }
                    var clients: [RawHTTPClient] = []
                    for try await client in group { clients += client.map { [$0] } ?? [] }
                    try await eventually { clients.count(where: \.hasInput) >= 48 - budget / body.count }
                    for client in clients where client.hasInput {
                        let response = try client.readResponse()
                        #expect(response.status == 503)
                        refused.change { $0 += 1 }
                    }
                    // Those that hold the memory hold up nobody else's blobs.
                    #expect(try await server.client.has(Content("layer 1"), in: "app"))
                }
                #expect(refused.value >= 40)
            }
        }

        // MARK: JSON

        static let bombs: [(name: String, bytes: [UInt8])] = {
            func text(_ text: String) -> [UInt8] { Array(text.utf8) }
            func times(_ count: Int, _ piece: String) -> String { String(repeating: piece, count: count) }
            let start = "{\"schemaVersion\":2,\"mediaType\":\"\(Content.manifestType)\","
            let descriptor =
                "{\"mediaType\":\"a/b\",\"digest\":\"sha256:\(times(64, "0"))\",\"size\":1}"
            return [
                ("arrays", text(times(4_000_000, "["))),
                ("objects", text(times(600_000, "{\"a\":"))),
                (
                    "nested annotations",
                    text(start + "\"annotations\":" + times(600_000, "{\"a\":") + times(600_000, "}") + "}")
                ),
                (
                    "layers",
                    text(
                        start + "\"config\":\(descriptor),\"layers\":[" + times(10_000, descriptor + ",") + descriptor
                            + "]}")
                ),
                (
                    "empty layers",
                    text(start + "\"config\":\(descriptor),\"layers\":[" + times(1_000_000, "{},") + "{}]}")
                ),
                ("zeros", text(start + "\"layers\":[" + times(1_900_000, "0,") + "0]}")),
                ("one key again and again", text("{" + times(500_000, "\"a\":1,") + "\"a\":1}")),
                ("keys", text("{" + (0..<250_000).map { "\"k\($0)\":1" }.joined(separator: ",") + "}")),
                ("a long number", text(start + "\"config\":{\"size\":" + times(3_900_000, "9") + "}}")),
                ("an exponent", text(start + "\"config\":{\"size\":1e999999999}}")),
                ("escapes", text(start + "\"artifactType\":\"" + times(650_000, "\\u0000") + "\"}")),
                ("a string without end", text(start + "\"artifactType\":\"" + times(3_900_000, "a"))),
                (
                    "broken UTF-8",
                    text(start + "\"artifactType\":\"") + [UInt8](repeating: 0xff, count: 3_900_000) + text("\"}")
                ),
                ("blanks", text(times(4_000_000, " "))),
                ("nothing", []),
                ("zero bytes", [UInt8](repeating: 0, count: 4_000_000)),
            ]
        }()

        @Test func bombsInJSONAreRefused() async throws {
            // What eight bodies and their values take at once; nothing stays from one bomb to the next.
            try await bounded(128 << 20, environment: ["STOWAGE_HTTP_EVENT_LOOPS": "8"]) { server in
                let clock = ContinuousClock()
                for (name, bytes) in Self.bombs {
                    let start = clock.now
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for index in 0..<8 {
                            group.addTask {
                                let reply = try await server.client.send(
                                    "PUT", "/v2/app/manifests/bomb\(index)", Self.type, .counted(bytes))
                                #expect(reply.status == 400, "\(name): \(reply.text.prefix(200))")
                                #expect(reply.text.contains("MANIFEST_"), "\(name): \(reply.text.prefix(200))")
                                #expect(reply.body.count < 64 << 10, "\(name)")
                            }
                        }
                        for _ in 0..<20 {
                            group.addTask { try await server.client.expect(200, "GET", "/v2/") }
                        }
                        try await group.waitForAll()
                    }
                    #expect(clock.now - start < .seconds(20), "\(name)")
                }
            }
        }

        // MARK: Lists

        @Test(arguments: [
            "/v2/_catalog", "/v2/app/tags/list", "/v2/app/referrers/sha256:\(String(repeating: "0", count: 64))",
        ])
        func aPageOfAnySizeMayBeAskedFor(_ path: String) async throws {
            let blob = Content("layer 1")
            let manifest = Content.manifest(config: blob, layers: [])
            try await withRobustServer { server in
                let client = server.client
                try await client.push(blob, to: "app")
                for index in 0..<50 { try await client.push(manifest: manifest, as: "t\(index)", to: "app") }
                for _ in 0..<50 { try await client.expect(200, "GET", path) }
                try server.process.forgetPeakMemory()
                let before = try server.process.peakMemory()
                let nines = String(repeating: "9", count: 1000)
                for size in ["1000000000000", "9223372036854775807", "9223372036854775808", nines] {
                    let whole = try await client.expect(200, "GET", path).body
                    #expect(try await client.expect(200, "GET", "\(path)?n=\(size)").body == whole)
                }
                for size in ["-1", "abc", "1.5", "1e9", "0x10", "", "%20", "1;2", "+1"] {
                    let reply = try await client.expect(400, "GET", "\(path)?n=\(size)")
                    #expect(reply.text.contains("PAGINATION_NUMBER_INVALID"))
                }
                #expect(try server.process.peakMemory() - before < 8 << 20)
            }
        }

        /// An index of indexes of indexes, each of which names the one below many times over.
        @Test func nestedIndexesAreNotWalked() async throws {
            try await withRobustServer { server in
                let blob = Content("layer")
                let bottom = Content.manifest(config: blob, layers: [])
                try await server.client.push(blob, to: "app")
                try await server.client.push(manifest: bottom, to: "app")
                var top = Content.index(Array(repeating: bottom, count: 50), note: "0")
                let clock = ContinuousClock()
                let start = clock.now
                for depth in 1...60 {
                    try await server.client.push(manifest: top, as: "top", to: "app", type: Content.indexType)
                    top = Content.index(Array(repeating: top, count: 50), note: "\(depth)", type: Content.indexType)
                }
                for reference in ["top", bottom.digest.string] {
                    try await server.client.expect(202, "DELETE", "/v2/app/manifests/\(reference)")
                }
                #expect(clock.now - start < .seconds(30))
            }
        }

        // MARK: Heads

        @Test func aLongHeadIsRefusedCheaply() async throws {
            try await bounded(8 << 20) { server in
                let dots = String(repeating: ".", count: 1 << 20)
                for (line, status) in [
                    ("Authorization: Bearer \(dots)", 400), ("X: \(dots)", 431), ("Cookie: \(dots)", 431),
                ] {
                    for _ in 0..<20 {
                        let client = try server.connect()
                        // It is answered and closed before all of it is out.
                        try? client.send("GET /v2/ HTTP/1.1\r\nHost: x\r\n\(line)\r\n\r\n")
                        #expect(try client.readResponse().status == status)
                    }
                }
            }
        }
    }
}
