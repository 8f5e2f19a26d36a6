package import EventLoop
import Glibc

/// The server as a process of its own, on a free port of the loopback address.
package final class ServerProcess: Sendable {
    package let process: ChildProcess
    /// Where it keeps everything: a directory, or `s3://BUCKET/PREFIX`.
    package let storage: String
    package let address: SocketAddress
    /// A client of this server.
    package let client: RegistryClient

    /// Starts the server and waits until it says where it listens.
    ///
    /// `options` follow `serve`; `wrapper` is a command that runs the server, such as `unshare`.
    package init(
        storage: String, _ options: [String] = [], environment: [String: String] = [:],
        binary: String = ServerProcess.binary, wrapper: [String] = [], readsErrors: Bool = true
    ) async throws {
        let command = wrapper + [binary, "serve", "--storage", storage, "--listen", "127.0.0.1:0"] + options
        let process = try ChildProcess(
            command, environment: Self.environment(environment), readsErrors: readsErrors)
        try await eventually(timeout: patienceWithPrograms) {
            process.output.lines.count >= 3 || process.ending != nil
        }
        let text = process.output.lines.first?.split(separator: "http://").last.map(String.init)
        guard let text, let address = SocketAddress(text) else {
            try await eventually { process.errors.isAtEnd || !readsErrors }
            throw ServerDidNotStart(errors: process.errors.text)
        }
        self.process = process
        self.storage = storage
        self.address = address
        client = RegistryClient(port: address.port)
    }

    /// The environment of a program under test: this process's own without settings of Stowage and S3, and `more`.
    package static func environment(_ more: [String: String] = [:]) -> [String: String] {
        var variables: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let pair = String(cString: entry).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let isSetting = pair[0].hasPrefix("STOWAGE_") || pair[0].hasPrefix("AWS_")
            if pair.count == 2, !isSetting { variables[String(pair[0])] = String(pair[1]) }
            next += 1
        }
        return variables.merging(more) { _, new in new }
    }

    /// The program to test: `STOWAGE_BINARY`, or the one that was built beside this test bundle.
    package static let binary: String = {
        if let path = getenv("STOWAGE_BINARY") { return String(cString: path) }
        var path = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = path.withUnsafeMutableBytes { bytes in
            readlink("/proc/self/exe", bytes.assumingMemoryBound(to: CChar.self).baseAddress!, bytes.count)
        }
        let program = String(decoding: path[..<max(count, 0)], as: UTF8.self)
        return program[..<(program.lastIndex(of: "/") ?? program.startIndex)] + "/stowage"
    }()

    // MARK: Life

    /// Asks it to end and waits until it did.
    package func stop(_ signal: CInt = SIGTERM) async throws -> ProcessEnding {
        client.close()
        process.send(signal)
        return try await process.end(within: 40)
    }

    /// Ends it as a crash would.
    package func crash() async throws {
        process.send(SIGKILL)
        _ = try await process.end()
    }

    /// A connection that sends exactly what it is told.
    package func connect(timeout: Int = 20, receiveBuffer: CInt? = nil) throws -> RawHTTPClient {
        try RawHTTPClient(address, timeout: timeout, receiveBuffer: receiveBuffer)
    }

    /// Waits until a line of its log contains `text`, and returns that line.
    @discardableResult
    package func logged(_ text: String) async throws -> String {
        var found: String?
        try await eventually(timeout: patienceWithPrograms) {
            found = process.errors.lines.first { $0.contains(text) }
            return found != nil
        }
        return found ?? ""
    }
}

/// The server ended, or said something else, instead of where it listens.
package struct ServerDidNotStart: Error, CustomStringConvertible {
    let errors: String
    package var description: String { "the server did not start; it wrote: \(errors)" }
}

/// Runs `body` with a server on a fresh directory; the server must then end by itself with status 0.
package func withServerProcess<Value>(
    _ options: [String] = [], environment: [String: String] = [:], binary: String = ServerProcess.binary,
    _ body: (ServerProcess) async throws -> Value
) async throws -> Value {
    let directory = try TemporaryDirectory()
    let server = try await ServerProcess(
        storage: "\(directory.path)/storage", options, environment: environment, binary: binary)
    let value = try await body(server)
    let ending = try await server.stop()
    guard ending == .status(0) else { throw ServerEndedWrongly(ending: ending, errors: server.process.errors.text) }
    return value
}

/// The server did not end as one that was asked to.
package struct ServerEndedWrongly: Error, CustomStringConvertible {
    let ending: ProcessEnding
    let errors: String
    package var description: String { "the server ended with \(ending); it wrote: \(errors.suffix(4000))" }
}
