import EventLoop
import Glibc
import HTTPServer
import OpenSSL
import TestSupport
import Testing

/// The engine with a `SmallHandler` on a free port of this machine, for one test.
final class Engine: Sendable {
    let server: HTTPServer
    let loops: [EventLoop]
    let address: SocketAddress
    let handler: SmallHandler
    /// What the server told its observers; it does so when a response is out, which may be after the client has it.
    let exchanges = Guarded<[Exchange]>([])
    let rejections = Guarded<[HeadError]>([])
    let failures = Guarded<[String]>([])
    /// Handshakes that failed.
    let handshakes = Guarded<[String]>([])
    /// What it shows its clients; nil for plain HTTP.
    let identity: TLSIdentity?
    private let authority: String?
    private let directory: TemporaryDirectory

    /// `files`: what it shows over TLS; nil for a certificate shared by all.
    fileprivate init(
        _ limits: ServerLimits, loops count: Int, transport: Transport, files: TLSContext.Files?
    ) async throws {
        if transport == .tls {
            let (authority, pair) = try await EngineCertificate.shared.pair()
            let files = files ?? TLSContext.Files(certificate: pair.certificate, key: pair.key)
            identity = TLSIdentity(try TLSContext(files))
            self.authority = authority.certificate
        } else {
            (identity, authority) = (nil, nil)
        }
        directory = try TemporaryDirectory()
        handler = try SmallHandler(in: directory)
        loops = try (0..<count).map { try EventLoop(name: "test-\($0)") }
        var observers = HTTPServer.Observers()
        observers.exchange = { [exchanges] exchange in exchanges.change { $0.append(exchange) } }
        observers.rejected = { [rejections] error in rejections.change { $0.append(error) } }
        observers.handshakeFailed = { [handshakes] reason, _ in handshakes.change { $0.append(reason.description) } }
        observers.failure = { [failures] _, id in failures.change { $0.append(id) } }
        server = HTTPServer(loops: loops, limits: limits, handler: handler, observers: observers)
        let socket = try ListeningSocket(try #require(SocketAddress("127.0.0.1:0")))
        address = socket.address
        try await server.listen(on: socket, tls: identity)
    }

    func client(timeout: Int = 20, receiveBuffer: CInt? = nil) throws -> RawHTTPClient {
        try RawHTTPClient(address, timeout: timeout, receiveBuffer: receiveBuffer, tls: settings)
    }

    /// A client over TLS that does what `change` says.
    func client(timeout: Int = 20, _ change: (inout TLSClientSettings) -> Void) throws -> RawHTTPClient {
        var settings = settings ?? TLSClientSettings()
        change(&settings)
        return try RawHTTPClient(address, timeout: timeout, tls: settings)
    }

    /// A client without encryption, whatever the engine speaks.
    func plainClient() throws -> RawHTTPClient { try RawHTTPClient(address) }

    /// How clients speak to it by default.
    private var settings: TLSClientSettings? {
        guard let authority else { return nil }
        var settings = TLSClientSettings()
        settings.authority = authority
        return settings
    }

    /// The exchanges, once there are `count` of them.
    func exchanges(_ count: Int) async throws -> [Exchange] {
        try await eventually { exchanges.value.count >= count }
        return exchanges.value
    }

    /// Sockets of the server's port that are open in this process: the listening one and the server's ends.
    var openSockets: Int {
        get throws {
            let port = String(address.port, radix: 16, uppercase: true)
            let suffix = ":" + String(repeating: "0", count: 4 - port.utf8.count) + port
            return try readFile("/proc/self/net/tcp").split(separator: "\n").dropFirst().count { line in
                let columns = line.split(separator: " ")
                // The last one is the inode, which is 0 for what belongs to no descriptor any more.
                return columns.count > 9 && columns[1].hasSuffix(suffix) && columns[9] != "0"
            }
        }
    }

    fileprivate func stop() async throws {
        handler.gate.open()
        handler.block.open()
        #expect(await server.shutDown(timeout: 10) == 0)
        #expect(server.openConnections == 0)
        try await eventually { try openSockets == 0 }
        for loop in loops { loop.shutDown() }
    }
}

/// Runs `body` with an engine on a thread of its own, stops the engine, and sees to it that no descriptor is left open.
func withEngine(
    _ limits: ServerLimits = ServerLimits(), loops: Int = 1, over transport: Transport = .current,
    files: TLSContext.Files? = nil, _ body: @Sendable (Engine) async throws -> Void
) async throws {
    try await OwnThread.run {
        let engine = try await Engine(limits, loops: loops, transport: transport, files: files)
        do {
            try await body(engine)
        } catch {
            try await engine.stop()
            throw error
        }
        try await engine.stop()
    }
}

/// The text of a file of unknown size.
func readFile(_ path: String) throws -> String {
    let descriptor = OwnedDescriptor(try Posix.call("open", subject: path) { open(path, O_RDONLY | O_CLOEXEC) })
    let number = descriptor.number
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 64 << 10)
    while true {
        let count = try Posix.call("read", subject: path) { read(number, &block, block.count) }
        if count == 0 { return String(decoding: bytes, as: UTF8.self) }
        bytes += block[..<count]
    }
}
