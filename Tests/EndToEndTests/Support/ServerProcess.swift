import Foundation
import Testing

/// The server under test, as a process of its own.
///
/// The environment variable STOWAGE_BINARY names another program to test; it must take the same arguments.
final class ServerProcess: Sendable {
    private let daemon: Daemon
    /// The directory the server keeps everything in.
    let storage: String
    /// The port of 127.0.0.1 the server chose.
    let port: UInt16

    /// Starts the server on a free port and waits until it says where it listens.
    init(storage: String) throws {
        let command = [try Self.binary(), "serve", "--storage", storage, "--listen", "127.0.0.1:0"]
        daemon = try Daemon(command, readyWhen: "http://127.0.0.1:", within: 10)
        self.storage = storage
        let line = daemon.readyLine
        let digits = line.split(separator: "http://127.0.0.1:", omittingEmptySubsequences: false)[1]
        port = try #require(UInt16(digits.prefix { $0.isNumber }), "no port in: \(line)")
    }

    /// The host and port that clients put before a repository's name.
    var host: String { "127.0.0.1:\(port)" }

    /// A new connection to the server.
    func connect() throws -> HTTPConnection { try HTTPConnection(port: port) }

    /// Sends one request on a connection of its own.
    func send(
        _ method: String, _ target: String, headers: [String] = [], body: HTTPConnection.Body = .none
    ) throws -> HTTPConnection.Response {
        try connect().send(method, target, headers: ["Host: \(host)", "Connection: close"] + headers, body: body)
    }

    /// The digest the server gives for a manifest.
    func digest(of reference: String, in repository: String) throws -> String {
        try #require(try manifestResponse("HEAD", reference, in: repository)["Docker-Content-Digest"])
    }

    /// The manifest the server has.
    func manifest(_ reference: String, in repository: String) throws -> Manifest {
        try Manifest(json: manifestResponse("GET", reference, in: repository).body)
    }

    private func manifestResponse(
        _ method: String, _ reference: String, in repository: String
    ) throws -> HTTPConnection.Response {
        let accept = Layout.manifestTypes.map { "Accept: \($0)" }
        let response = try send(method, "/v2/\(repository)/manifests/\(reference)", headers: accept)
        try #require(response.status == 200, "\(method) \(repository):\(reference)")
        return response
    }

    /// Asks the server to end, which it must do by itself, with status 0.
    func stop(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let status = try daemon.stop(with: SIGTERM, within: 20)
        #expect(status == 0, "the server's output: \(daemon.output)", sourceLocation: sourceLocation)
    }

    /// Ends the server as a crash would; that it had ended before is a failure.
    func kill(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let status = try daemon.stop(with: SIGKILL, within: 10)
        #expect(status == -SIGKILL, "it had ended; its output: \(daemon.output)", sourceLocation: sourceLocation)
    }

    private static func binary() throws -> String {
        if let path = ProcessInfo.processInfo.environment["STOWAGE_BINARY"] { return path }
        let built = ["release", "debug"].map { Locations.package + "/.build/\($0)/stowage" }
        return try #require(
            built.first { FileManager.default.isExecutableFile(atPath: $0) },
            "no server: build it or set STOWAGE_BINARY")
    }
}

/// Runs `body` with a fresh server and a fresh directory; the server must then end by itself with status 0.
func withRegistry(_ body: (ServerProcess, Scratch) throws -> Void) throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    let server = try ServerProcess(storage: scratch.file("storage"))
    do {
        try body(server, scratch)
    } catch {
        try server.kill()
        throw error
    }
    try server.stop()
}
