import Foundation
import TestSupport
import Testing

/// The server under test, as a process of its own.
///
/// The environment variable STOWAGE_BINARY names another program to test; it must take the same arguments.
final class ServerProcess: Sendable {
    private let daemon: Daemon
    /// Where the server keeps everything.
    let place: Storage.Place
    /// The port of 127.0.0.1 the server chose for plain HTTP.
    let port: UInt16
    /// The `Authorization` of all requests of `send`; nil for none.
    private let authorization: String?

    /// Starts the server on a free port and waits until it says where it listens.
    ///
    /// `settings`: further options. `environment`: further variables.
    init(
        _ place: Storage.Place, settings: [String] = [], environment: [String: String] = [:],
        authorization: String? = nil
    ) throws {
        let command = [try Self.binary(), "serve", "--listen", "127.0.0.1:0"] + place.options + settings
        // Its last line: by then it has said where it listens.
        daemon = try Daemon(
            command, environment: place.environment.merging(environment) { _, new in new },
            readyWhen: "try: docker")
        self.place = place
        self.authorization = authorization
        port = try Self.port(in: daemon, scheme: "http")
    }

    /// The port of 127.0.0.1 it chose for TLS.
    func securePort() throws -> UInt16 { try Self.port(in: daemon, scheme: "https") }

    private static func port(in daemon: Daemon, scheme: String) throws -> UInt16 {
        // All of it: a bucket's endpoint, which is logged, is a URL of the loopback address as well.
        let announcement = "listens on \(scheme)://127.0.0.1:"
        let parts = daemon.output.split(separator: announcement, omittingEmptySubsequences: false)
        try #require(parts.count == 2, "no port in: \(daemon.output)")
        return try #require(UInt16(parts[1].prefix { $0.isNumber }), "no port in: \(daemon.output)")
    }

    /// The host and port that clients put before a repository's name.
    var host: String { "127.0.0.1:\(port)" }

    /// A new connection to the server.
    func connect() throws -> HTTPConnection { try HTTPConnection(port: port) }

    /// Sends one request on a connection of its own.
    func send(
        _ method: String, _ target: String, headers: [String] = [], body: HTTPConnection.Body = .none
    ) throws -> HTTPConnection.Response {
        let own = ["Host: \(host)", "Connection: close"] + (authorization.map { ["Authorization: \($0)"] } ?? [])
        return try connect().send(method, target, headers: own + headers, body: body)
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

    /// Bytes of request bodies it has taken so far.
    func receivedBytes() throws -> Int {
        let lines = String(decoding: try send("GET", "/metrics").body, as: UTF8.self).split(separator: "\n")
        let name = "stowage_http_request_bytes_total"
        let values = lines.filter { $0.hasPrefix(name) }.compactMap {
            $0.split(separator: " ").last.flatMap { Double($0) }
        }
        try #require(!values.isEmpty, "no \(name)")
        return Int(values.reduce(0, +))
    }

    /// Asks the server to end, which it must do by itself, with status 0.
    func stop(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let status = try daemon.stop(with: SIGTERM)
        #expect(status == 0, "the server's output: \(daemon.output)", sourceLocation: sourceLocation)
    }

    /// Ends the server as a crash would; that it had ended before is a failure.
    func kill(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let status = try daemon.stop(with: SIGKILL)
        #expect(status == -SIGKILL, "it had ended; its output: \(daemon.output)", sourceLocation: sourceLocation)
    }

    /// The program under test.
    static func binary() throws -> String {
        if let path = ProcessInfo.processInfo.environment["STOWAGE_BINARY"] { return path }
        let built = ["release", "debug"].map { Locations.package + "/.build/\($0)/stowage" }
        return try #require(
            built.first { FileManager.default.isExecutableFile(atPath: $0) },
            "no server: build it or set STOWAGE_BINARY")
    }
}

/// Runs `body` with a fresh server on fresh storage and a fresh directory; the server must then end by itself with
/// status 0. `proxy`: what is between the server and a bucket.
func withRegistry(
    on storage: Storage, through proxy: FaultProxy? = nil, _ body: (ServerProcess, Scratch) throws -> Void
) throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    let server = try ServerProcess(storage.fresh(in: scratch, through: proxy))
    do {
        try body(server, scratch)
    } catch {
        try server.kill()
        throw error
    }
    try server.stop()
}
