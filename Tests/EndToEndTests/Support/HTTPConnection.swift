import Foundation
import Testing

/// A blocking connection that puts exactly the given bytes on the wire, and reads HTTP/1.1 responses from it.
final class HTTPConnection {
    /// A response, read to its end.
    struct Response {
        let status: Int
        let fields: [(name: String, value: String)]
        let body: [UInt8]

        /// The value of the field `name`, which must not occur twice.
        subscript(name: String) -> String? {
            let values = fields.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
            #expect(values.count <= 1, "\(name) occurs \(values.count) times")
            return values.first
        }
    }

    /// What follows the head of a request.
    enum Body {
        /// Nothing, and no Content-Length.
        case none
        /// The bytes, with Content-Length.
        case bytes([UInt8])
        /// The bytes in chunks of 32 KiB, without Content-Length.
        case chunked([UInt8])
    }

    private let socketDescriptor: Int32
    private var received: [UInt8] = []

    /// Connects to 127.0.0.1. Every single read or write that takes longer than 10 s is an error.
    init(port: UInt16) throws {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        socketDescriptor = socket(AF_INET, kind, 0)
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(socketDescriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(socketDescriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if result != 0 { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    }

    deinit { close(socketDescriptor) }

    /// Sends a request whose head holds the given header lines in their order, and the body's framing, and reads the
    /// response.
    func send(_ method: String, _ target: String, headers: [String], body: Body = .none) throws -> Response {
        var lines = ["\(method) \(target) HTTP/1.1"] + headers
        var payload: [UInt8] = []
        switch body {
        case .none: break
        case .bytes(let bytes):
            lines.append("Content-Length: \(bytes.count)")
            payload = bytes
        case .chunked(let bytes):
            lines.append("Transfer-Encoding: chunked")
            payload = Self.chunks(of: bytes)
        }
        try write(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + payload)
        return try readResponse(toHead: method == "HEAD")
    }

    /// Puts `bytes` on the wire.
    func write(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(socketDescriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0 { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
            sent += count
        }
    }

    /// Reads a response; one to a HEAD request has no body whatever its fields say.
    func readResponse(toHead: Bool = false) throws -> Response {
        let statusLine = try readLine()
        let status = try #require(Int(statusLine.dropFirst(9).prefix(3)), "not a status line: \(statusLine)")
        #expect(statusLine.hasPrefix("HTTP/1.1 "))
        var fields: [(name: String, value: String)] = []
        while case let line = try readLine(), !line.isEmpty {
            let parts = line.split(separator: ":", maxSplits: 1)
            try #require(parts.count == 2, "not a field line: \(line)")
            fields.append((String(parts[0]), parts[1].trimmingCharacters(in: .whitespaces)))
        }
        let head = Response(status: status, fields: fields, body: [])
        if toHead || status == 204 { return head }
        return Response(status: status, fields: fields, body: try readBody(of: head))
    }

    private func readBody(of head: Response) throws -> [UInt8] {
        if let length = head["Content-Length"].flatMap({ Int($0) }) { return try read(length) }
        guard head["Transfer-Encoding"] == "chunked" else { return try readToEnd() }
        var body: [UInt8] = []
        while case let size = try #require(Int(try readLine(), radix: 16)), size > 0 {
            body += try read(size)
            #expect(try readLine() == "")
        }
        #expect(try readLine() == "")
        return body
    }

    private func readLine() throws -> String {
        var searched = 0
        while true {
            if let end = received[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = received[..<end]
                received.removeFirst(end + 1)
                try #require(line.last == UInt8(ascii: "\r"), "a line ends in a bare line feed")
                return String(decoding: line.dropLast(), as: UTF8.self)
            }
            searched = received.count
            let partial = String(decoding: received, as: UTF8.self)
            try #require(try receive(), "the connection ended within a line: \(partial)")
        }
    }

    private func read(_ count: Int) throws -> [UInt8] {
        received.reserveCapacity(count)
        while received.count < count {
            try #require(try receive(), "the connection ended after \(received.count) of \(count) bytes")
        }
        defer { received.removeFirst(count) }
        return Array(received.prefix(count))
    }

    private func readToEnd() throws -> [UInt8] {
        while try receive() {}
        return received
    }

    /// Waits for more bytes; false at the end of the connection.
    private func receive() throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        let count = recv(socketDescriptor, &buffer, buffer.count, 0)
        if count < 0 { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        received += buffer.prefix(count)
        return count > 0
    }

    private static func chunks(of bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 32 << 10) {
            let chunk = bytes[start..<min(start + 32 << 10, bytes.count)]
            out += Array((String(chunk.count, radix: 16) + "\r\n").utf8) + chunk + Array("\r\n".utf8)
        }
        return out + Array("0\r\n\r\n".utf8)
    }
}
