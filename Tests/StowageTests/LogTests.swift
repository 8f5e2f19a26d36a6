import Foundation
import Glibc
import TestSupport
import Testing

@testable import stowage

/// The log on standard error: one line a request, with every field, in both formats, and never a secret.
@Suite struct LogTests {
    /// A line of the access log, whatever its format.
    private struct Line {
        let time: String
        let method: String
        let path: String
        let status: Int
        let bytesIn: Int
        let bytesOut: Int
        let milliseconds: Double
        let client: String
        let userAgent: String
        let requestID: String

        init(text: String) throws {
            let pattern =
                /(\S+) (\S+) (\S+) (\d{3}) in=(\d+) out=(\d+) (\d+\.\d{3})ms (\S+) "([^"]*)" id=(\S+)/
            let match = try #require(text.wholeMatch(of: pattern)).output
            time = String(match.1)
            method = String(match.2)
            path = String(match.3)
            status = try #require(Int(match.4))
            bytesIn = try #require(Int(match.5))
            bytesOut = try #require(Int(match.6))
            milliseconds = try #require(Double(match.7))
            client = String(match.8)
            userAgent = String(match.9)
            requestID = String(match.10)
        }

        init(json text: String) throws {
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(text)")
            #expect(
                Set(object.keys) == [
                    "time", "method", "path", "status", "bytesIn", "bytesOut", "durationMicroseconds", "client",
                    "userAgent",
                    "requestID",
                ])
            time = try #require(object["time"] as? String)
            method = try #require(object["method"] as? String)
            path = try #require(object["path"] as? String)
            status = try #require(object["status"] as? Int)
            bytesIn = try #require(object["bytesIn"] as? Int)
            bytesOut = try #require(object["bytesOut"] as? Int)
            milliseconds = Double(try #require(object["durationMicroseconds"] as? Int)) / 1000
            client = try #require(object["client"] as? String)
            userAgent = try #require(object["userAgent"] as? String)
            requestID = try #require(object["requestID"] as? String)
        }
    }

    @Test(arguments: ["text", "json"])
    func aRequestIsALineWithEveryField(_ format: String) async throws {
        try await withServerProcess(["--log-format", format]) { server in
            let blob = Content(sampleBytes(100_000))
            let target = "/v2/app/blobs/uploads/?digest=\(blob.digest)"
            let before = Date()
            try await server.client.expect(
                201, "POST", target,
                [("X-Request-Id", "push-1"), ("User-Agent", "a \"quoted\"\u{85}\u{2028}agent\t½")],
                .counted(blob.bytes))
            try await server.client.expect(
                200, "GET", "/v2/app/blobs/\(blob.digest)?ns=x", [("X-Request-Id", "pull-1")])
            let made = try await server.client.expect(404, "GET", "/v2/app/manifests/none")
            let id = try #require(made["X-Request-Id"])

            let push = try await line(server, "push-1", format)
            #expect(push.method == "POST" && push.path == "/v2/app/blobs/uploads/" && push.status == 201)
            #expect(push.bytesIn == 100_000 && push.bytesOut == 0)
            #expect(push.milliseconds > 0 && push.milliseconds < 20_000)
            #expect(push.client.hasPrefix("127.0.0.1"))
            let time = try #require(
                try? Date(push.time, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
            #expect(time >= before.addingTimeInterval(-1) && time <= Date().addingTimeInterval(1))
            if format == "text" { #expect(push.userAgent == "a 'quoted'  agent ½") }

            let pull = try await line(server, "pull-1", format)
            #expect(pull.method == "GET" && pull.path == "/v2/app/blobs/\(blob.digest)" && pull.status == 200)
            #expect(pull.bytesIn == 0 && pull.bytesOut == 100_000 && pull.userAgent == "-")
            #expect(try await line(server, id, format).status == 404)
        }
    }

    private func line(_ server: ServerProcess, _ id: String, _ format: String) async throws -> Line {
        let text = try await server.logged(id)
        return format == "json" ? try Line(json: text) : try Line(text: text)
    }

    @Test func anIdentifierIsEchoedIfItFitsInALog() async throws {
        try await withServerProcess { server in
            for good in [
                "a", "4bf92f3577b34da6a3ce929d0e0e4736", String(repeating: "x", count: 128), "a-b_c.d:e/f;g=h",
            ] {
                let reply = try await server.client.expect(200, "GET", "/v2/", [("X-Request-Id", good)])
                #expect(reply["X-Request-Id"] == good)
                try await server.logged("id=\(good)")
            }
            var made: Set<String> = []
            for bad in ["", "a b", "a\"b", "a\\b", "½", String(repeating: "x", count: 129)] {
                let reply = try await server.client.expect(200, "GET", "/v2/", [("X-Request-Id", bad)])
                let id = try #require(reply["X-Request-Id"])
                #expect(id != bad && id.wholeMatch(of: /[0-9a-f]+-[0-9a-f]+/) != nil)
                made.insert(id)
            }
            #expect(made.count == 6)
        }
    }

    @Test func aClientThatGoesAwayIsALineToo() async throws {
        try await withServerProcess { server in
            let location = try await server.client.startUpload("app")
            let head = "PATCH \(location) HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
            let client = try server.connect()
            try client.send(head + "X-Request-Id: gone-1\r\n\r\nhalf")
            client.finishSending()
            #expect(try Line(text: try await server.logged("gone-1")).status == 499)
            // One that breaks the connection has no address any more when somebody asks for it.
            let rude = try server.connect()
            try rude.send(head + "X-Request-Id: gone-2\r\n\r\nhalf")
            rude.reset()
            let line = try Line(text: try await server.logged("gone-2"))
            #expect(line.status == 499 && (line.client == "-" || line.client.hasPrefix("127.0.0.1")))
        }
    }

    // MARK: Secrets

    /// Drives every route with secrets wherever a client can put them.
    private func driveWithSecrets(_ server: ServerProcess) async throws -> [String] {
        let secrets = [
            "Bearer-SECRET-0", "QmFzaWM6U0VDUkVULTE=", "SECRET-2-cookie", "SECRET-3-query", "SECRET-4-proxy",
        ]
        let fields = [
            ("Authorization", "Bearer \(secrets[0])"), ("Authorization", "Basic \(secrets[1])"),
            ("Cookie", "session=\(secrets[2])"), ("Proxy-Authorization", "Basic \(secrets[4])"),
            ("Referer", "http://user:\(secrets[4])@host/"), ("X-Auth-Token", secrets[2]),
        ]
        let query = "token=\(secrets[3])&access_token=\(secrets[3])"
        let client = server.client
        let blob = Content("layer")
        let manifest = Content.manifest(config: blob, layers: [])
        var tokens: [String] = []
        func send(
            _ method: String, _ target: String, _ payload: Payload = .none, _ more: [(String, String)] = []
        ) async throws -> Reply {
            let reply = try await client.send(
                method, target + (target.contains("?") ? "&" : "?") + query, fields + more, payload)
            let location = reply["Location"] ?? ""
            if let end = location.firstRange(of: "/blobs/uploads/") {
                tokens.append(String(location[end.upperBound...]))
            }
            return reply
        }
        let location = try #require(try await send("POST", "/v2/app/blobs/uploads/", .counted([]))["Location"])
        // A piece: what is streamed needs the blobs, which are out of reach the second time.
        let piece = [("Content-Range", "0-\(blob.bytes.count - 1)")]
        let next = try #require(try await send("PATCH", location, .counted(blob.bytes), piece)["Location"])
        for target in [next, next + "/", next + "/x", next.replacing("/uploads/", with: "/up%6Coads/"), next + "%00"] {
            for method in ["GET", "HEAD", "BREW"] { _ = try await send(method, target) }
        }
        let wrong = fields + [("Content-Range", "90-94")]
        #expect(try await client.send("PATCH", next, wrong, .counted(blob.bytes)).status == 416)
        _ = try await send("PUT", next + "?digest=sha256:nonsense", .counted([]))
        _ = try await send("PUT", next + "?digest=\(blob.digest)", .counted([]))
        _ = try await send("DELETE", next)
        for path in [
            "/v2/", "/v2/_catalog", "/v2/app/tags/list", "/v2/app/blobs/\(blob.digest)", "/v2/app/manifests/x",
            "/v2/app/referrers/\(blob.digest)", "/healthz", "/readyz", "/metrics", "/elsewhere", "/v2/App/tags/list",
        ] {
            for method in ["GET", "HEAD", "DELETE", "POST", "OPTIONS"] { _ = try await send(method, path) }
        }
        _ = try await send("PUT", "/v2/app/manifests/x", .counted(manifest.bytes))
        _ = try await send("PUT", "/v2/app/manifests/x", .counted(Array("not json".utf8)))
        let absolute = try server.connect()
        _ = try absolute.request("GET", "http://user:\(secrets[4])@127.0.0.1\(next)?\(query)")
        let broken = try server.connect()
        try broken.send("GET /v2/?\(query) HTTP/1.1\r\nHost: x\r\nAuthorization : Bearer \(secrets[0])\r\n\r\n")
        _ = try broken.readResponse()
        #expect(Set(tokens).count >= 2)
        return secrets + tokens
    }

    @Test(arguments: ["text", "json"])
    func nothingSecretIsWritten(_ format: String) async throws {
        let directory = try TemporaryDirectory()
        let server = try await ServerProcess(
            storage: directory.path, ["--log-level", "trace", "--log-format", format])
        let secrets = try await driveWithSecrets(server)
        // What goes wrong in the store is logged with its reason: no secret in there either.
        try #require(rename("\(directory.path)/blobs", "\(directory.path)/blobs-away") == 0)
        try #require(open("\(directory.path)/blobs", O_CREAT | O_WRONLY | O_CLOEXEC, 0o600) >= 0)
        _ = try await driveWithSecrets(server)
        let metrics = try await server.client.expect(200, "GET", "/metrics").text
        #expect(try await server.stop() == .status(0))
        try await eventually { server.process.errors.isAtEnd && server.process.output.isAtEnd }
        let lines = server.process.errors.lines + server.process.output.lines
        #expect(lines.count > 100)
        #expect(lines.contains { $0.contains("/v2/app/blobs/uploads/…") })
        for secret in secrets + ["SECRET", "token", "Bearer", "Basic "] {
            let leak = (lines + metrics.split(separator: "\n").map(String.init)).first { $0.contains(secret) }
            #expect(leak == nil, "\(secret)")
        }
    }

    // MARK: Readers

    /// More lines than fit in the pipe and in memory, while nobody reads them.
    @Test func aReaderThatStallsStopsNobody() async throws {
        let directory = try TemporaryDirectory()
        let server = try await ServerProcess(storage: directory.path, readsErrors: false)
        let path = "/v2/" + String(repeating: "x", count: 7000) + "/tags/list"
        for _ in 0..<50 {
            _ = try await server.client.send("GET", path)
        }
        let before = try server.process.residentMemory()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<300 { _ = try await server.client.send("GET", path) }
                }
            }
            try await group.waitForAll()
        }
        // 17 MB of lines: at most two lots of 4 MiB wait.
        #expect(try server.process.peakMemory() - before < 24 << 20)
        try await server.client.push(Content("layer"), to: "app")
        #expect(try await server.stop() == .status(0))
        server.process.errors.read()
        try await eventually { server.process.errors.isAtEnd }
        // What was written is whole lines, up to where the pipe was full.
        for line in server.process.errors.lines { _ = try Line(text: line) }
        #expect(!server.process.errors.lines.isEmpty)
    }

    @Test(arguments: ["text", "json"])
    func aReaderThatComesBackIsToldWhatItMissed(_ format: String) async throws {
        let directory = try TemporaryDirectory()
        let server = try await ServerProcess(
            storage: directory.path, ["--log-format", format], readsErrors: false)
        let path = "/v2/" + String(repeating: "x", count: 7000) + "/tags/list"
        for _ in 0..<1500 { _ = try await server.client.send("GET", path) }
        server.process.errors.read()
        let line = try await server.logged("log lines were dropped because nobody reads the log fast enough")
        #expect(line.hasPrefix("{") == (format == "json"))
        try await server.client.expect(200, "GET", "/v2/", [("X-Request-Id", "afterwards")])
        try await server.logged("afterwards")
        #expect(try await server.stop() == .status(0))
        try await eventually { server.process.errors.isAtEnd }
        if format == "json" {
            for line in server.process.errors.lines {
                _ = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            }
        }
    }
}
