import EventLoop
import Glibc
import Synchronization
package import Testing

/// A real S3 server on the loopback address, run by a script of Tests/Tools/s3.
///
/// It ends, and its directory goes, with the object or with the test process, however that ends.
package final class S3Server: Sendable {
    /// What there is to test against.
    package enum Kind: String, CaseIterable, Sendable {
        /// Ceph's object gateway: the reference.
        case ceph
        /// SeaweedFS: checksums and conditions on every verb.
        case seaweed
        /// rclone: ignores the conditions of a write.
        case rclone
    }

    /// Whether S3 servers are to be used: unless the environment has `STOWAGE_S3_TESTS=off`.
    package static let isEnabled = getenv("STOWAGE_S3_TESTS").map { String(cString: $0) } != "off"

    package static let bucket = "test"
    package static let region = "us-east-1"
    package static let accessKeyID = "testaccess"
    package static let secretAccessKey = "testsecret12345678"
    /// How a program finds the credentials.
    package static let environment = [
        "AWS_ACCESS_KEY_ID": accessKeyID, "AWS_SECRET_ACCESS_KEY": secretAccessKey, "AWS_REGION": region,
    ]

    package let kind: Kind
    package let port: UInt16
    private let script: ChildProcess
    private let commands = Mutex(())
    private static let shared = Mutex<[Kind: Result<S3Server, any Error>]>([:])
    private static let prefixes = Atomic(0)

    /// The one server of `kind` that all tests of this process share; the first call starts it and waits for it.
    package static func shared(_ kind: Kind = .ceph) throws -> S3Server {
        try shared.withLock { servers in
            let server = servers[kind] ?? Result { try S3Server(kind) }
            servers[kind] = server
            return try server.get()
        }
    }

    /// Starts a server of its own, for a test that kills it, and waits until it answers.
    package init(_ kind: Kind, options: [String] = []) throws {
        let path = "\(Self.tools)/\(kind.rawValue).py"
        let own = getenv("STOWAGE_S3_VENV").map { ["STOWAGE_S3_VENV": String(cString: $0)] } ?? [:]
        let script = try ChildProcess([path] + options, environment: ServerProcess.environment(own), takesInput: true)
        let line = try Self.line(0, of: script)
        guard let port = line.split(separator: ":").last.flatMap({ UInt16($0) }), line.hasPrefix("ready ") else {
            throw S3ServerFailed(reason: line)
        }
        (self.kind, self.script, self.port) = (kind, script, port)
    }

    deinit {
        // By itself it removes its directory; the process object kills it when it does not.
        script.endInput()
        let end = EventLoop.now + 10
        while script.ending == nil, EventLoop.now < end { _ = poll(nil, 0, 2) }
    }

    /// Where it answers, such as `http://127.0.0.1:23456`.
    package var endpoint: String { "http://127.0.0.1:\(port)" }

    /// A prefix of keys, without a slash at the end, that nothing else uses: a store of its own for one test.
    package func freshPrefix() -> String {
        "p\(Self.prefixes.wrappingAdd(1, ordering: .relaxed).newValue)/x"
    }

    /// Makes a bucket.
    package func makeBucket(_ name: String) throws { try command("bucket \(name)") }

    /// Ends the program that answers requests as a crash would; what was acknowledged is kept by others.
    package func kill() throws { try command("kill") }

    /// Starts again what `kill` ended, on the same port, and waits until it answers.
    package func restart() throws { try command("start") }

    private func command(_ text: String) throws {
        try commands.withLock { _ in
            let count = script.output.lines.count
            try script.enter(text + "\n")
            let answer = try Self.line(count, of: script)
            guard answer == "ok" else { throw S3ServerFailed(reason: answer) }
        }
    }

    /// Waits for a line of the script's output.
    private static func line(_ number: Int, of script: ChildProcess) throws -> String {
        let end = EventLoop.now + 90
        while script.output.lines.count <= number {
            guard script.ending == nil || !script.errors.isAtEnd else {
                throw S3ServerFailed(reason: script.errors.text)
            }
            guard EventLoop.now < end else { throw NeverCameTrue() }
            _ = poll(nil, 0, 2)
        }
        return script.output.lines[number]
    }

    /// The directory of the scripts.
    static let tools: String = {
        let own = "\(#filePath)".split(separator: "/").dropLast(2).joined(separator: "/")
        return "/\(own)/Tools/s3"
    }()
}

/// What a script said instead of starting a server, or of doing what it was told.
package struct S3ServerFailed: Error, CustomStringConvertible {
    let reason: String
    package var description: String { "the S3 server: \(reason)" }
}

extension Trait where Self == ConditionTrait {
    /// The test needs an S3 server, of the packages Tests/Tools/s3/install.sh installs.
    package static var s3: Self { .enabled(if: S3Server.isEnabled, "STOWAGE_S3_TESTS=off") }
}
