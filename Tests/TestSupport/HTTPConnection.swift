import EventLoop
import Glibc

/// A response as it came over the wire.
package struct Reply: Sendable {
    package let status: Int
    /// Every field in order, repeated ones too.
    package let fields: [(name: String, value: String)]
    package let body: [UInt8]

    /// The values of a field; `name` in any case.
    package func values(_ name: String) -> [String] {
        fields.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }

    /// The value of a field that comes once; nil when it is absent or repeated.
    package subscript(name: String) -> String? {
        let values = values(name)
        return values.count == 1 ? values[0] : nil
    }

    package var text: String { String(decoding: body, as: UTF8.self) }
}

/// What went wrong on a client's side of a connection.
package struct ConnectionError: Error, CustomStringConvertible {
    package let description: String
}

/// One blocking HTTP/1.1 connection to a port of this machine.
///
/// Unchecked because only one call at a time uses it: whoever holds it, not the class, sees to that.
final class HTTPConnection: @unchecked Sendable {
    /// Seconds without a byte after which a test has failed.
    private static let timeout = 60

    let port: UInt16
    private let descriptor: OwnedDescriptor
    private var input: [UInt8] = []

    init(port: UInt16) throws {
        self.port = port
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = OwnedDescriptor(try Posix.call("socket") { socket(AF_INET, kind, 0) })
        let number = descriptor.number
        var limit = timeval(tv_sec: Self.timeout, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            _ = try Posix.call("setsockopt") {
                setsockopt(number, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
            }
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        _ = try Posix.call("connect", subject: "port \(port)") {
            withUnsafePointer(to: address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        self.descriptor = descriptor
    }

    /// Sends bytes. A server that has answered and closed already is no error: its answer is still to be read.
    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            do throws(SystemCallError) {
                sent += try Posix.call("send") {
                    bytes.withUnsafeBytes {
                        Glibc.send(
                            descriptor.number, $0.baseAddress! + sent, bytes.count - sent, CInt(MSG_NOSIGNAL))
                    }
                }
            } catch {
                guard error.code == EPIPE || error.code == ECONNRESET else { throw error }
                return
            }
        }
    }

    /// The next response that is not interim, and whether the connection can be used again.
    func reply(to method: String) throws -> (reply: Reply, keepsAlive: Bool) {
        while true {
            let (status, fields) = try readHead()
            let reply = Reply(
                status: status, fields: fields, body: try readBody(method: method, status: status, fields))
            guard status >= 200 else { continue }
            return (reply, reply["Connection"]?.lowercased() != "close")
        }
    }

    /// Waits for `100 Continue`.
    func awaitContinue() throws {
        let (status, _) = try readHead()
        guard status == 100 else { throw ConnectionError(description: "expected 100 Continue, got \(status)") }
    }

    // MARK: Reading

    private func readHead() throws -> (status: Int, fields: [(name: String, value: String)]) {
        var lines: [String] = []
        while true {
            let line = try readLine()
            if line.isEmpty { break }
            lines.append(line)
        }
        guard let first = lines.first, first.hasPrefix("HTTP/1.1 "), let status = Int(first.dropFirst(9).prefix(3))
        else {
            throw ConnectionError(description: "no status line: \(lines)")
        }
        let fields = try lines.dropFirst().map { line in
            guard let colon = line.firstIndex(of: ":") else {
                throw ConnectionError(description: "no field line: \(line)")
            }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            return (name: String(line[..<colon]), value: String(value))
        }
        return (status, fields)
    }

    private func readBody(
        method: String, status: Int, _ fields: [(name: String, value: String)]
    ) throws -> [UInt8] {
        if method == "HEAD" || status == 204 || status == 304 || status < 200 { return [] }
        if fields.contains(where: { $0.name.lowercased() == "transfer-encoding" && $0.value.lowercased() == "chunked" })
        {
            return try readChunks()
        }
        let lengths = fields.filter { $0.name.lowercased() == "content-length" }.compactMap { Int($0.value) }
        guard lengths.count == 1 else {
            throw ConnectionError(description: "a response with \(lengths.count) lengths")
        }
        return try readBytes(lengths[0])
    }

    private func readChunks() throws -> [UInt8] {
        var body: [UInt8] = []
        while true {
            let line = try readLine()
            guard let size = Int(line, radix: 16) else { throw ConnectionError(description: "no chunk size: \(line)") }
            body += try readBytes(size)
            guard try readLine().isEmpty else { throw ConnectionError(description: "no line end after a chunk") }
            if size == 0 { return body }
        }
    }

    private func readBytes(_ count: Int) throws -> [UInt8] {
        while input.count < count { try receive() }
        defer { input.removeFirst(count) }
        return Array(input.prefix(count))
    }

    private func readLine() throws -> String {
        while true {
            if let end = input.firstIndex(of: 0x0a) {
                guard end > 0, input[end - 1] == 0x0d else {
                    throw ConnectionError(description: "a line that ends without CR")
                }
                defer { input.removeFirst(end + 1) }
                return String(decoding: input[..<(end - 1)], as: UTF8.self)
            }
            try receive()
        }
    }

    private func receive() throws {
        let limit = 256 << 10
        let bytes = try [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            count = try Posix.call("recv") { recv(descriptor.number, buffer.baseAddress, limit, 0) }
        }
        guard !bytes.isEmpty else { throw ConnectionError(description: "the server closed the connection") }
        input += bytes
    }
}
