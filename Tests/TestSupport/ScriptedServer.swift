package import EventLoop
import Glibc
package import HTTPClient
import Synchronization

/// A server that does on each connection what its test says, on a thread of its own.
package final class ScriptedServer: Sendable {
    package typealias Script = @Sendable (ScriptedConnection) throws -> Void

    package let port: UInt16
    private let noted = Guarded<[ScriptedRequest]>([])
    private let opened = Guarded(0)
    private let isOver = Atomic<Bool>(false)

    /// `script` is called with each connection; when it returns or throws the connection is closed.
    package init(_ script: @escaping Script) throws {
        guard let wanted = SocketAddress("127.0.0.1:0") else { throw NeverCameTrue() }
        let socket = try ListeningSocket(wanted)
        port = socket.address.port
        let (noted, opened) = (noted, opened)
        let held = Held(socket)
        BlockingThread.start { [weak self] in
            while self.map({ !$0.isOver.load(ordering: .relaxed) }) ?? false {
                guard let connection = held.accept(opened, noted) else { continue }
                BlockingThread.start {
                    // Whatever a client does to a connection, the script ends there.
                    try? script(connection)
                    connection.close()
                }
            }
        }
    }

    deinit { isOver.store(true, ordering: .relaxed) }

    package var origin: String { "http://127.0.0.1:\(port)" }
    /// The requests whose heads were read.
    package var requests: [ScriptedRequest] { noted.value }
    /// Connections so far.
    package var connections: Int { opened.value }

    /// Keeps the listening socket for the thread that accepts.
    private final class Held: Sendable {
        private let socket: ListeningSocket

        init(_ socket: consuming ListeningSocket) { self.socket = socket }

        func accept(_ opened: Guarded<Int>, _ noted: Guarded<[ScriptedRequest]>) -> ScriptedConnection? {
            var entry = pollfd(fd: socket.number, events: Int16(POLLIN), revents: 0)
            guard poll(&entry, 1, 50) == 1 else { return nil }
            // A child process must not inherit it, or it stays open when its script ends. Without descriptors there is
            // no connection, which the client notices.
            guard let accepted = try? socket.accept() else { return nil }
            let descriptor = fcntl(accepted.number, F_DUPFD_CLOEXEC, 0)
            guard descriptor >= 0 else { return nil }
            _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK)
            let number = opened.change { count in
                count += 1
                return count
            }
            return ScriptedConnection(OwnedDescriptor(descriptor), number: number, noted: noted)
        }
    }
}

/// A request as a scripted server read it.
package struct ScriptedRequest: Sendable {
    package let method: String
    package let target: String
    package let head: String
    package var body: [UInt8] = []

    /// The value of a field; nil if there is none.
    package func field(_ name: String) -> String? {
        for line in head.split(separator: "\r\n").dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2, parts[0].lowercased() == name.lowercased() {
                return parts[1].drop { $0 == " " }.description
            }
        }
        return nil
    }
}

/// The server's end of a connection.
///
/// `@unchecked Sendable`: used on the thread of its script only.
package final class ScriptedConnection: @unchecked Sendable {
    package struct Ended: Error {}

    /// From 1, in order of being accepted.
    package let number: Int
    private let descriptor: OwnedDescriptor
    private let noted: Guarded<[ScriptedRequest]>
    private var input: [UInt8] = []

    package init(_ descriptor: consuming OwnedDescriptor, number: Int, noted: Guarded<[ScriptedRequest]>) {
        self.descriptor = descriptor
        self.number = number
        self.noted = noted
    }

    /// Reads the next request with its body. Throws when the client ends the connection.
    @discardableResult
    package func request(readingBody: Bool = true) throws -> ScriptedRequest {
        while !input.suffix(4).elementsEqual("\r\n\r\n".utf8) { try receive(1) }
        let head = String(decoding: input, as: UTF8.self)
        input = []
        let line = head.prefix { $0 != "\r\n" }.split(separator: " ")
        var request = ScriptedRequest(method: String(line[0]), target: String(line[1]), head: head)
        if readingBody, let length = request.field("Content-Length").flatMap({ Int($0) }) {
            while input.count < length { try receive(min(64 << 10, length - input.count)) }
            request.body = input
            input = []
        }
        let done = request
        noted.change { $0.append(done) }
        return request
    }

    private func receive(_ limit: Int) throws {
        let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            count = max(0, recv(descriptor.number, buffer.baseAddress, limit, 0))
        }
        if bytes.isEmpty { throw Ended() }
        input += bytes
    }

    package func send(_ text: String) throws { try send(Array(text.utf8)) }

    package func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor.number, $0.baseAddress! + sent, bytes.count - sent, CInt(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Ended() }
            sent += count
        }
    }

    /// Sends an answer with a Content-Length.
    package func answer(_ status: Int, _ fields: [String] = [], body: String = "") throws {
        let lines = fields.map { "\($0)\r\n" }.joined()
        try send("HTTP/1.1 \(status) Word\r\n\(lines)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    /// An answer as S3 gives its errors.
    package func answer(_ status: Int, code: String, message: String = "because", more: String = "") throws {
        try answer(
            status, ["Content-Type: application/xml", "x-amz-request-id: tx1"],
            body: "<?xml version=\"1.0\"?><Error><Code>\(code)</Code><Message>\(message)</Message>\(more)</Error>")
    }

    /// The bytes until the client ends the connection.
    package func rest() -> [UInt8] {
        // The end is what is waited for.
        while (try? receive(64 << 10)) != nil {}
        return input
    }

    /// Waits until the client has ended the connection.
    package func waitForEnd() {
        var byte: UInt8 = 0
        while recv(descriptor.number, &byte, 1, 0) > 0 {}
    }

    /// Waits, reading nothing, until the client has ended the connection.
    package func waitForHangUp() {
        // POLLRDHUP, which Swift's Glibc module does not name.
        var entry = pollfd(fd: descriptor.number, events: 0x2000, revents: 0)
        _ = poll(&entry, 1, 30_000)
    }

    /// Makes the end of the connection a reset.
    package func resetAtEnd() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor.number, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    /// How many bytes the kernel takes from here before it waits for the client; small, to see back-pressure early.
    package func shrinkSendBuffer() {
        var size: CInt = 16 << 10
        setsockopt(descriptor.number, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<CInt>.size))
    }

    /// Ends both directions; the number is freed with the object.
    package func close() {
        var option = linger()
        var length = socklen_t(MemoryLayout<linger>.size)
        getsockopt(descriptor.number, SOL_SOCKET, SO_LINGER, &option, &length)
        // A reset has to come from close itself.
        if option.l_onoff == 0 { shutdown(descriptor.number, CInt(SHUT_RDWR)) }
    }
}

/// What the tests of the client share.
package enum TestHTTP {
    private static let loops = Result { try (0..<2).map { try EventLoop(name: "http-test-\($0)") } }

    package static func loop() throws -> EventLoop { try loops.get()[0] }

    /// A client of its own; `connections` on its one loop.
    package static func client(connections: Int = 8) throws -> HTTPClient {
        HTTPClient(loops: [try loop()], connections: connections)
    }

    /// Deadlines for servers that stop.
    package static let impatient = HTTPLimits(connect: 2_000, head: 300, stall: 300)
}
