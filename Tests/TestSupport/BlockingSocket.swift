import EventLoop
import Glibc
import Synchronization

/// The other side ended or broke off a connection, or it was shut down here.
struct ConnectionEnded: Error {}

/// A blocking TCP connection of a thread; any thread may shut it down.
final class BlockingSocket: Sendable {
    private let descriptor: OwnedDescriptor
    /// Bytes received and not yet taken; only the connection's own thread touches them.
    private let input = Mutex<[UInt8]>([])

    init(_ descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor
        var on: CInt = 1
        setsockopt(self.descriptor.number, CInt(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<CInt>.size))
    }

    /// Connects to a port of this machine.
    convenience init(port: UInt16) throws {
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = OwnedDescriptor(try Posix.call("socket") { socket(AF_INET, kind, 0) })
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        let number = descriptor.number
        _ = try Posix.call("connect", subject: "port \(port)") {
            withUnsafePointer(to: address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        self.init(descriptor)
    }

    // MARK: Sending

    func send(_ bytes: some Collection<UInt8>) throws {
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor.number, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw ConnectionEnded() }
            rest = rest.dropFirst(count)
        }
    }

    func send(_ text: String) throws { try send(text.utf8) }

    // MARK: Receiving

    /// The bytes up to and with the empty line; nil when the other side ends before the first one.
    func head() throws -> [UInt8]? {
        var bytes: [UInt8] = []
        while !bytes.suffix(4).elementsEqual([13, 10, 13, 10]) {
            guard let line = try line() else {
                if bytes.isEmpty { return nil }
                throw ConnectionEnded()
            }
            bytes += line
        }
        return bytes
    }

    /// The bytes up to and with the next LF; nil at the end.
    func line() throws -> [UInt8]? {
        var searched = 0
        while true {
            let found: [UInt8]? = input.withLock { input in
                guard let end = input[searched...].firstIndex(of: 10) else {
                    searched = input.count
                    return nil
                }
                defer { input.removeFirst(end + 1) }
                return Array(input[...end])
            }
            if let found { return found }
            let more = try receive()
            if more.isEmpty { return nil }
            input.withLock { $0 += more }
        }
    }

    /// The next bytes, at most `limit`, at least one.
    func bytes(_ limit: Int) throws -> [UInt8] {
        let kept: [UInt8] = input.withLock { input in
            defer { input.removeFirst(min(limit, input.count)) }
            return Array(input.prefix(limit))
        }
        if !kept.isEmpty { return kept }
        let more = try receive(limit)
        if more.isEmpty { throw ConnectionEnded() }
        return more
    }

    private func receive(_ limit: Int = 64 << 10) throws -> [UInt8] {
        while true {
            var failed = false
            let bytes = [UInt8](unsafeUninitializedCapacity: min(limit, 64 << 10)) { buffer, count in
                let result = recv(descriptor.number, buffer.baseAddress, buffer.count, 0)
                failed = result < 0
                count = max(result, 0)
            }
            if !failed { return bytes }
            if errno != EINTR { throw ConnectionEnded() }
        }
    }

    // MARK: Ending

    /// Waits that long, or until the other side ends the connection.
    func wait(milliseconds: Int) {
        var entry = pollfd(fd: descriptor.number, events: Self.otherSideEnded, revents: 0)
        _ = poll(&entry, 1, CInt(milliseconds))
    }

    /// Whether nothing came that nobody asked for, not even an end.
    var isQuiet: Bool {
        var entry = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) == 0
    }

    /// POLLRDHUP, which Swift's Glibc module does not name.
    private static let otherSideEnded: Int16 = 0x2000

    /// Makes the end of the connection, when the last reference goes, a reset.
    func resetAtEnd() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor.number, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    /// Ends both directions; a thread that waits here comes back.
    func shutDown() { shutdown(descriptor.number, CInt(SHUT_RDWR)) }
}
