import Glibc
import TestSupport
import Testing

/// How the server ends: SIGTERM and SIGINT let what runs finish, a second one does not.
@Suite struct DrainTests {
    private static let content = Content(sampleBytes(700_000))

    @Test(arguments: [SIGTERM, SIGINT])
    func aRunningUploadFinishesAndEverybodyElseGoes(_ signal: CInt) async throws {
        let directory = try TemporaryDirectory()
        let server = try await ServerProcess(storage: directory.path)
        var upload: PendingRequest? = try await begin(server)
        let idle = try server.connect()
        #expect(try idle.request("GET", "/v2/").status == 200)
        let silent = try server.connect()
        let halfHead = try server.connect()
        try halfHead.send("GET /v2/ HTTP/1.1\r\nHost: x")

        server.process.send(signal)
        #expect(try idle.receiveToEnd().isEmpty)
        #expect(try silent.receiveToEnd().isEmpty)
        try await eventually { Self.isRefused(server) }
        #expect(server.process.ending == nil)

        let reply = try await upload?.finish(Self.content.bytes)
        #expect(reply?.status == 201)
        #expect(reply?["Connection"] == "close")
        upload = nil
        // A head that has begun is a request, too: it is answered when it comes.
        try halfHead.send("\r\n\r\n")
        #expect(try halfHead.readResponse().status == 200)
        #expect(try halfHead.receiveToEnd().isEmpty)
        halfHead.close()
        #expect(try await server.process.end() == .status(0))
        #expect(server.process.errors.lines.last?.hasSuffix("info stopped") == true)

        let next = try await ServerProcess(storage: directory.path)
        #expect(try await next.client.has(Self.content, in: "app"))
        #expect(try await next.stop() == .status(0))
    }

    @Test func aRunningDownloadFinishes() async throws {
        let blob = Content(sampleBytes(24 << 20))
        let directory = try TemporaryDirectory()
        let server = try await ServerProcess(storage: directory.path)
        try await server.client.push(blob, to: "app")
        let reader = try server.connect(receiveBuffer: 16 << 10)
        try reader.send("GET /v2/app/blobs/\(blob.digest) HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(try reader.readHead().status == 200)
        server.process.send(SIGTERM)
        try await eventually { Self.isRefused(server) }
        #expect(try reader.receive(exactly: blob.bytes.count) == blob.bytes)
        #expect(try reader.receiveToEnd().isEmpty)
        reader.close()
        #expect(try await server.process.end() == .status(0))
    }

    @Test func whoeverWatchesTheServerMaySignalItAtOnce() async throws {
        for signal in [SIGTERM, SIGINT, SIGTERM, SIGINT, SIGTERM, SIGINT] {
            let directory = try TemporaryDirectory()
            let server = try await ServerProcess(storage: directory.path)
            server.process.send(signal)
            #expect(try await server.process.end() == .status(0))
        }
    }

    @Test func theDrainTimeoutIsHonoured() async throws {
        let directory = try TemporaryDirectory()
        let server = try await ServerProcess(
            storage: directory.path, environment: ["STOWAGE_HTTP_DRAIN_TIMEOUT": "2s"])
        let upload = try await begin(server)
        let clock = ContinuousClock()
        let start = clock.now
        server.process.send(SIGTERM)
        #expect(try await server.process.end() == .status(0))
        let waited = clock.now - start
        #expect(waited > .milliseconds(1900) && waited < .seconds(15))
        try await server.logged("warning 1 connections were still busy and are closed")
        await #expect(throws: (any Error).self) { try await upload.finish(Self.content.bytes) }
    }

    @Test func withoutADrainTimeoutNothingIsWaitedFor() async throws {
        let directory = try TemporaryDirectory()
        let server = try await ServerProcess(
            storage: directory.path, environment: ["STOWAGE_HTTP_DRAIN_TIMEOUT": "0"])
        let upload = try await begin(server)
        server.process.send(SIGTERM)
        #expect(try await server.process.end(within: 10) == .status(0))
        try await server.logged("warning 1 connections were still busy and are closed")
        withExtendedLifetime(upload) {}
    }

    @Test(arguments: [SIGTERM, SIGINT], [SIGTERM, SIGINT])
    func aSecondSignalEndsAtOnce(_ first: CInt, _ second: CInt) async throws {
        let directory = try TemporaryDirectory()
        let server = try await ServerProcess(
            storage: directory.path, environment: ["STOWAGE_HTTP_DRAIN_TIMEOUT": "1h"])
        let upload = try await begin(server)
        server.process.send(first)
        try await server.logged("info stopping; running requests have 3600 s to finish")
        #expect(server.process.ending == nil)
        server.process.send(second)
        #expect(try await server.process.end(within: 10) == .status(128 + second))
        withExtendedLifetime(upload) {}
    }

    /// Before there is anything to stop, a signal ends the program as any other.
    @Test func aSignalDuringTheStartEndsIt() async throws {
        let directory = try TemporaryDirectory()
        let pipe = "\(directory.path)/pipe.yaml"
        try #require(mkfifo(pipe, 0o600) == 0)
        let process = try ChildProcess(
            [ServerProcess.binary, "serve", "--config", pipe], environment: ServerProcess.environment())
        // It reads the pipe, in which nothing is: the writing end opens as soon as there is a reader.
        var writer: CInt = -1
        try await eventually {
            writer = open(pipe, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
            return writer >= 0
        }
        defer { close(writer) }
        process.send(SIGTERM)
        #expect(try await process.end() == .status(128 + SIGTERM))
    }

    // MARK: -

    /// Sends the head of an upload and waits until the server wants the body.
    private func begin(_ server: ServerProcess) async throws -> PendingRequest {
        let location = try await server.client.startUpload("app")
        return try await server.client.begin(
            "PUT", location.closing(Self.content.digest), length: Self.content.bytes.count)
    }

    /// Whether nothing listens any more.
    private static func isRefused(_ server: ServerProcess) -> Bool {
        do {
            _ = try server.connect()
            return false
        } catch {
            return error as? RawHTTPError == .failed("connect", ECONNREFUSED)
        }
    }
}
