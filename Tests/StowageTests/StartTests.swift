import EventLoop
import Glibc
import TestSupport
import Testing

@testable import stowage

/// What `serve`, `check-config` and `version` say and do when they start.
@Suite struct StartTests {
    // MARK: It starts

    @Test func threeLinesSayWhereItIsAndWhatToTry() async throws {
        let directory = try TemporaryDirectory()
        let server = try await ServerProcess(storage: "\(directory.path)/new/storage/")
        #expect(
            server.process.output.lines == [
                "stowage \(Version.current) listens on http://\(server.address)",
                "storage: directory \(directory.path)/new/storage",
                "try: docker tag IMAGE \(server.address)/myapp:latest && docker push \(server.address)/myapp:latest",
            ])
        #expect(server.address.host == "127.0.0.1" && server.address.port != 0)
        #expect(try await server.client.send("GET", "/v2/").status == 200)
        #expect(try await server.stop() == .status(0))
        #expect(server.process.output.lines.count == 3)
    }

    @Test func withoutALocationTheBytesAreInTheCurrentDirectory() async throws {
        let directory = try TemporaryDirectory()
        let process = try ChildProcess(
            [
                "/bin/sh", "-c", "cd \"$0\" && exec \"$1\" serve --listen 127.0.0.1:0", directory.path,
                ServerProcess.binary,
            ],
            environment: ServerProcess.environment())
        try await eventually(timeout: patienceWithPrograms) { process.output.lines.count == 3 }
        #expect(process.output.lines[1] == "storage: directory \(directory.path)/stowage-data")
        #expect(access("\(directory.path)/stowage-data", F_OK) == 0)
        process.send(SIGTERM)
        #expect(try await process.end() == .status(0))
    }

    @Test func itListensOnIPv6() async throws {
        guard access("/proc/net/if_inet6", F_OK) == 0 else { return }
        let directory = try TemporaryDirectory()
        let server = try await ServerProcess(storage: directory.path, ["--listen", "[::1]:0"])
        #expect(server.process.output.lines.first?.hasSuffix(" http://[::1]:\(server.address.port)") == true)
        #expect(try await server.stop() == .status(0))
    }

    @Test func settingsComeFromOptionsVariablesAndTheFile() async throws {
        let directory = try TemporaryDirectory()
        let file = try TemporaryFile(
            "listen: 127.0.0.2:0\nreadOnly: true\nstorage:\n  location: /nowhere\nlog:\n  format: json\n")
        try #require(mkdir("\(directory.path)/storage", 0o700) == 0)
        let process = try ChildProcess(
            [ServerProcess.binary, "serve", "--listen", "127.0.0.1:0"],
            environment: ServerProcess.environment([
                "STOWAGE_CONFIG": file.path, "STOWAGE_STORAGE": "\(directory.path)/storage",
                "STOWAGE_LISTEN": "127.0.0.3:0",
            ]))
        try await eventually(timeout: patienceWithPrograms) { process.output.lines.count == 3 }
        #expect(process.output.lines[0].contains(" http://127.0.0.1:"))
        #expect(process.output.lines[1] == "storage: directory \(directory.path)/storage (read-only)")
        process.send(SIGTERM)
        #expect(try await process.end() == .status(0))
        try await eventually { process.errors.isAtEnd }
        #expect(process.errors.lines.allSatisfy { $0.hasPrefix("{") } && !process.errors.lines.isEmpty)
    }

    @Test func aServiceOfThatNameInKubernetesOnlyMakesItSaySo() async throws {
        let environment = ["STOWAGE_PORT": "tcp://10.0.0.1:5000", "STOWAGE_SERVICE_HOST": "10.0.0.1"]
        try await withServerProcess(environment: environment) { server in
            try await server.logged("notice environment variable STOWAGE_PORT is no setting and is ignored")
            #expect(try await server.client.send("GET", "/v2/").status == 200)
        }
    }

    @Test func everybodyIsLetInWhenThatIsAskedFor() async throws {
        let directory = try TemporaryDirectory()
        let server = try await ServerProcess(
            storage: directory.path, ["--listen", "0.0.0.0:0", "--allow-anonymous"])
        // Nobody can push to "0.0.0.0", and engines take plain HTTP for localhost.
        let port = server.address.port
        #expect(
            server.process.output.lines.last
                == "try: docker tag IMAGE localhost:\(port)/myapp:latest && docker push localhost:\(port)/myapp:latest")
        #expect(try await server.stop() == .status(0))
    }

    // MARK: It does not start

    private static let levels = "expected one of trace, debug, info, notice, warning, error, critical"
    private static let wanted = "expected ADDRESS:PORT, such as 127.0.0.1:5000 or [::]:5000"

    @Test(arguments: [
        (["--listen", "nonsense"], "--listen: listen: \(wanted) (found \"nonsense\")"),
        (["--listen", "127.0.0.1:99999"], "--listen: listen: \(wanted) (found \"127.0.0.1:99999\")"),
        (
            ["--log-level", "loud"],
            "--log-level: log.level: \(levels) (found \"loud\")"
        ),
        (["--log-format", "xml"], "--log-format: log.format: expected text or json (found \"xml\")"),
        (
            ["--storage", "s3://Bucket"],
            "--storage: storage.location: the name of a bucket has lower-case letters, digits, hyphens and dots only "
                + "(found \"Bucket\")"
        ),
        (
            ["--storage", "s3://bucket", "--s3-endpoint", "127.0.0.1:9"],
            "--s3-endpoint: storage.s3.endpoint: expected http://HOST[:PORT] or https://HOST[:PORT], without a path "
                + "(found \"127.0.0.1:9\")"
        ),
        (
            ["--storage", "data", "--s3-region", "eu-west-1"],
            "--s3-region: storage.s3.region: only for a bucket, and storage.location is a directory"
        ),
        (["--config", "/nowhere/stowage.yaml"], "/nowhere/stowage.yaml: No such file or directory"),
        (
            ["--listen", "0.0.0.0:0"],
            "--listen: listen: 0.0.0.0:0 can be reached from other machines and there are no access rules; "
                + "set up logins or rules (access), listen on 127.0.0.1, or let everybody in with --allow-anonymous"
        ),
        (
            ["--listen", "203.0.113.1:0", "--allow-anonymous"], "203.0.113.1:0: Cannot assign requested address (bind)"
        ),
    ])
    func aBadOptionIsOneLine(_ options: [String], _ complaint: String) async throws {
        let directory = try TemporaryDirectory()
        let run = try await ProgramRun(["serve"] + options, in: directory.path)
        #expect(run.failed(saying: complaint), "\(run)")
    }

    @Test func aBadVariableIsOneLine() async throws {
        let run = try await ProgramRun(["serve"], environment: ["STOWAGE_HTTP_IDLE_TIMEOUT": "7x"])
        let wanted = "expected a time such as 90s, 15m, 24h or 7d"
        #expect(run.failed(saying: "STOWAGE_HTTP_IDLE_TIMEOUT: http.idleTimeout: \(wanted) (found \"7x\")"))
    }

    @Test func aBadFileIsOneLineForEachMistake() async throws {
        let file = try TemporaryFile("listen: 127.0.0.1:0\nreadonly: true\nlog:\n  level: loud\n")
        for arguments in [["serve", "--config", file.path], ["check-config", file.path]] {
            let run = try await ProgramRun(arguments)
            #expect(
                run.failed(
                    saying: """
                        \(file.path):2: readonly: unknown setting
                        \(file.path):4: log.level: \(Self.levels) (found "loud")
                        """))
        }
    }

    @Test func aTakenPortIsOneLineAndNothingIsServed() async throws {
        let directory = try TemporaryDirectory()
        let taken = try ListeningSocket(try #require(SocketAddress("127.0.0.1:0")))
        let address = "\(taken.address)"
        let run = try await ProgramRun(["serve", "--storage", directory.path, "--listen", address])
        #expect(run.failed(saying: "\(address) is in use: stop what listens there, or choose another with --listen"))
    }

    @Test func adirectoryThatCannotBeUsedIsOneLine() async throws {
        let file = try TemporaryFile("not a directory")
        // Not even the superuser can make anything in there.
        let forbidden = "/sys/kernel/stowage"
        for location in [file.path, "\(file.path)/below", forbidden, "/sys/kernel"] {
            let run = try await ProgramRun(["serve", "--storage", location, "--listen", "127.0.0.1:0"])
            #expect(run.ending == .status(1) && run.output.isEmpty)
            #expect(run.errors.hasPrefix("the directory \(location) cannot be used: "), "\(run.errors)")
            #expect(run.errors.split(separator: "\n").count == 1, "\(run.errors)")
        }
        let absent = try await ProgramRun(
            ["serve", "--storage", "/nowhere", "--listen", "127.0.0.1:0"], environment: ["STOWAGE_READ_ONLY": "true"])
        #expect(
            absent.failed(saying: "the directory /nowhere cannot be used: /nowhere: No such file or directory (open)"))
    }

    /// A store that cannot be used is found out before the socket opens: nobody ever connects to a server that ends.
    @Test func nothingListensBeforeTheStoreWasTried() async throws {
        let taken = try ListeningSocket(try #require(SocketAddress("127.0.0.1:0")))
        let run = try await ProgramRun(["serve", "--storage", "/sys/kernel/stowage", "--listen", "\(taken.address)"])
        #expect(run.errors.hasPrefix("the directory /sys/kernel/stowage cannot be used: "))
    }

    @Test(arguments: [["serve", "--bogus"], ["serve", "extra"], ["bogus"], ["serve", "--listen"], ["check-config"]])
    func aWrongCommandLineIsRefused(_ arguments: [String]) async throws {
        let run = try await ProgramRun(arguments)
        #expect(run.ending != .status(0) && run.output.isEmpty)
        #expect(run.errors.hasPrefix("Error: "))
    }

    // MARK: Other commands

    @Test func checkConfigAcceptsAGoodFileWhateverTheEnvironmentSays() async throws {
        let file = try TemporaryFile("readOnly: true\n")
        let run = try await ProgramRun(["check-config", file.path], environment: ["STOWAGE_LOG_LEVEL": "loud"])
        #expect(run.ending == .status(0))
        #expect(run.output == "\(file.path): ok\n" && run.errors.isEmpty)
    }

    @Test func versionIsOneLine() async throws {
        let run = try await ProgramRun(["version"])
        #expect(run.ending == .status(0))
        #expect(run.output == "stowage \(Version.current)\n" && run.errors.isEmpty)
    }
}
