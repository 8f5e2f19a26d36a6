import Glibc
import TestSupport
import Testing

@testable import stowage

/// SIGHUP: what changes while the server runs, what does not, and what a broken file does.
@Suite struct ReloadTests {
    /// A server with a configuration file that a test rewrites.
    private struct Reloading {
        let file: TemporaryFile
        let server: ServerProcess
        var client: RegistryClient { server.client }

        /// Rewrites the file, sends the signal, and returns what the log says became of it.
        func reload(_ text: String) async throws -> String {
            try file.replace(text)
            let seen = outcomes.count
            server.process.send(SIGHUP)
            try await eventually { outcomes.count > seen }
            return outcomes[seen]
        }

        var warnings: [String] { server.process.errors.lines.filter { $0.contains(" warning ") } }

        private var outcomes: [String] {
            server.process.errors.lines.filter { $0.contains("reloaded") }
        }
    }

    private func withReloading(_ text: String, _ body: (Reloading) async throws -> Void) async throws {
        let file = try TemporaryFile(text)
        try await withServerProcess(["--config", file.path]) { server in
            try await body(Reloading(file: file, server: server))
        }
    }

    private let blob = Content("layer")
    private static let success = "info configuration reloaded"

    @Test func readOnlyGoesOnAndOff() async throws {
        try await withReloading("") { test in
            try await test.client.push(blob, to: "app")
            #expect(try await test.reload("readOnly: true\n").hasSuffix(Self.success))
            let refused = try await test.client.expect(405, "POST", "/v2/app/blobs/uploads/", [], .counted([]))
            #expect(refused.text.contains("UNSUPPORTED") && refused.text.contains("read-only"))
            #expect(try await test.client.has(blob, in: "app"))
            #expect(try await test.reload("readOnly: false\n").hasSuffix(Self.success))
            try await test.client.push(Content("another layer"), to: "app")
        }
    }

    /// A server that could write nothing at its start has no lasting secret for uploads; it must get one.
    @Test func whatWasReadOnlyAtTheStartTakesUploadsThatLast() async throws {
        let directory = try TemporaryDirectory()
        let file = try TemporaryFile("readOnly: true\n")
        let server = try await ServerProcess(storage: directory.path, ["--config", file.path])
        try file.replace("readOnly: false\n")
        server.process.send(SIGHUP)
        try await server.logged(Self.success)
        let location = try await server.client.startUpload("app")
        let half = blob.bytes.count / 2
        let reply = try await server.client.expect(202, "PATCH", location, [], .chunked(Array(blob.bytes[..<half])))
        try await server.crash()

        let next = try await ServerProcess(storage: directory.path)
        let target = try #require(reply["Location"])
        try await next.client.expect(201, "PUT", target.closing(blob.digest), [], .counted(Array(blob.bytes[half...])))
        #expect(try await next.stop() == .status(0))
    }

    @Test func theLogChangesItsLevelFormatAndAccessLines() async throws {
        try await withReloading("log:\n  access: false\n") { test in
            try await test.client.expect(200, "GET", "/v2/", [("X-Request-Id", "quiet-one")])
            #expect(try await test.reload("log:\n  format: json\n").hasPrefix("{"))
            try await test.client.expect(200, "GET", "/v2/", [("X-Request-Id", "loud-one")])
            #expect(try await test.server.logged("loud-one").hasPrefix("{"))
            _ = try await test.reload("log:\n  access: false\n")
            try await test.client.expect(200, "GET", "/v2/", [("X-Request-Id", "quiet-two")])
            // Lines come in order: what is not there when a later one is, never comes.
            _ = try await test.reload("log:\n  access: true\n")
            #expect(!test.server.process.errors.text.contains("quiet"))
            // Nonsense on a connection is worth a line only at a low level.
            for (level, expected) in [("info", false), ("debug", true)] {
                _ = try await test.reload("log:\n  level: \(level)\n")
                let nonsense = try test.server.connect()
                try nonsense.send("nonsense\r\n\r\n")
                #expect(try nonsense.readResponse().status == 400)
                _ = try await test.reload("")
                #expect(test.server.process.errors.text.contains("debug no valid request: ") == expected)
            }
        }
    }

    @Test func limitsChange() async throws {
        try await withReloading("") { test in
            let large = Content(sampleBytes(5 << 20))
            let target = "/v2/app/blobs/uploads/?digest=\(large.digest)"
            _ = try await test.reload("http:\n  maximumBodySize: 4MiB\n")
            try await test.client.expect(413, "POST", target, [], .counted(large.bytes))
            _ = try await test.reload("")
            try await test.client.expect(201, "POST", target, [], .counted(large.bytes))

            let sparse = Content.manifest(config: Content("absent"), layers: [])
            let put = "/v2/app/manifests/sparse"
            let type = [("Content-Type", Content.manifestType)]
            try await test.client.expect(400, "PUT", put, type, .counted(sparse.bytes))
            _ = try await test.reload("manifests:\n  missingReferences: accept\n")
            try await test.client.expect(201, "PUT", put, type, .counted(sparse.bytes))

            _ = try await test.reload("http:\n  maximumConnections: 1\n")
            let second = try test.server.connect()
            #expect(try second.readResponse().status == 503)
            _ = try await test.reload("")
            #expect(try test.server.connect().request("GET", "/v2/").status == 200)
        }
    }

    @Test func theDrainTimeoutOfTheLastReloadCounts() async throws {
        let directory = try TemporaryDirectory()
        let file = try TemporaryFile("http:\n  drainTimeout: 1h\n")
        let server = try await ServerProcess(storage: directory.path, ["--config", file.path])
        let location = try await server.client.startUpload("app")
        let upload = try await server.client.begin("PATCH", location, length: 1000)
        try file.replace("http:\n  drainTimeout: 0s\n")
        server.process.send(SIGHUP)
        try await server.logged(Self.success)
        server.process.send(SIGTERM)
        #expect(try await server.process.end() == .status(0))
        withExtendedLifetime(upload) {}
    }

    @Test func abrokenFileChangesNothingAndIsSaid() async throws {
        try await withReloading("") { test in
            _ = try await test.reload("readOnly: true\n")
            let broken = try await test.reload("readOnly: false\nlog:\n  level: loud\n")
            #expect(
                broken.hasSuffix(
                    """
                    error the configuration was not reloaded: \(test.file.path):3: log.level: expected one of trace, \
                    debug, info, notice, warning, error, critical (found "loud")
                    """))
            try await test.client.expect(405, "POST", "/v2/app/blobs/uploads/", [], .counted([]))
            #expect(try await test.reload("readOnly: [\n").contains("error the configuration was not reloaded: "))
            let two = try await test.reload("foo: 1\nbar: 2\n")
            #expect(two.contains("foo: unknown setting") && two.contains("bar: unknown setting"))
            try await test.client.expect(405, "POST", "/v2/app/blobs/uploads/", [], .counted([]))
            #expect(try await test.reload("readOnly: false\n").hasSuffix(Self.success))
            try await test.client.push(blob, to: "app")
            try #require(unlink(test.file.path) == 0)
            test.server.process.send(SIGHUP)
            try await test.server.logged("not reloaded: \(test.file.path): No such file or directory")
            try await test.client.push(Content("another layer"), to: "app")
        }
    }

    @Test func whatNeedsARestartIsNamedEachTime() async throws {
        try await withReloading("") { test in
            let changed = "storage:\n  cacheSize: 1MiB\nhttp:\n  eventLoops: 3\n  idleTimeout: 5s\n"
            for round in 1...2 {
                _ = try await test.reload(changed)
                #expect(test.warnings.count == 2 * round)
                for setting in ["storage", "http.eventLoops"] {
                    let line = "warning \(setting) has changed, which takes effect with the next start"
                    #expect(test.warnings.count { $0.hasSuffix(line) } == round, "\(setting)")
                }
            }
            // As it was: nothing to say. And options win over the file, as at the start.
            _ = try await test.reload("")
            _ = try await test.reload("listen: 127.0.0.1:1\n")
            #expect(test.warnings.count == 4)
        }
    }

    @Test func aStormOfSignalsDoesNoHarm() async throws {
        try await withReloading("") { test in
            for index in 0..<200 {
                test.server.process.send(SIGHUP)
                try await test.client.push(Content("layer \(index)"), to: "app")
            }
            // The last one counts, also if it came while the one before was still at work.
            try test.file.replace("readOnly: true\n")
            test.server.process.send(SIGHUP)
            let end = ContinuousClock.now + .seconds(20)
            var status = 0
            while status != 405, ContinuousClock.now < end {
                status = try await test.client.send("POST", "/v2/app/blobs/uploads/", [], .counted([])).status
            }
            #expect(status == 405)
        }
    }
}
