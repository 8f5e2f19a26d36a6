package import EventLoop
import Glibc

/// A blocking HTTP/1.1 client for tests, plain or over TLS: it sends exactly the bytes it is given, and takes only
/// strict responses.
///
/// `@unchecked Sendable`: a client has one user at a time; a test may hand it to a thread of its own.
package final class RawHTTPClient: @unchecked Sendable {
    private var descriptor: CInt
    private var pending: [UInt8] = []
    private var start = 0
    private(set) var tls: TLSClientSession?
    private var block = [UInt8](repeating: 0, count: 64 << 10)

    /// Connects to `address`, an IPv4 address.
    ///
    /// `timeout`: seconds a single call may wait. `receiveBuffer`: bytes the kernel keeps for a client that reads
    /// slowly; nil leaves the system's choice. `tls`: makes a handshake; nil for plain HTTP.
    package init(
        _ address: SocketAddress, timeout: Int = 20, receiveBuffer: CInt? = nil, tls: TLSClientSettings? = nil
    ) throws(RawHTTPError) {
        descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .failed("socket", errno) }
        if let receiveBuffer { set(SO_RCVBUF, receiveBuffer) }
        set(SO_RCVTIMEO, timeval(tv_sec: timeout, tv_usec: 0))
        set(SO_SNDTIMEO, timeval(tv_sec: timeout, tv_usec: 0))
        var target = sockaddr_in()
        target.sin_family = sa_family_t(AF_INET)
        target.sin_port = address.port.bigEndian
        guard inet_pton(AF_INET, address.host, &target.sin_addr) == 1 else { throw .failed("inet_pton", EINVAL) }
        let status = withUnsafePointer(to: &target) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw Self.failure("connect") }
        if let tls { self.tls = try TLSClientSession(descriptor, tls, timeout: timeout) }
    }

    deinit { close() }

    private func set<Value>(_ option: CInt, _ value: Value) {
        withUnsafeBytes(of: value) { bytes in
            // These options cannot fail on a fresh socket.
            _ = setsockopt(descriptor, SOL_SOCKET, option, bytes.baseAddress, socklen_t(bytes.count))
        }
    }

    private static func failure(_ call: String) -> RawHTTPError {
        switch errno {
        case EAGAIN: .timedOut
        case ECONNRESET, EPIPE: .reset
        default: .failed(call, errno)
        }
    }

    // MARK: Sending

    /// Sends all of `bytes`.
    package func send(_ bytes: some Sequence<UInt8>) throws(RawHTTPError) {
        let bytes = Array(bytes)
        var offset = 0
        while offset < bytes.count {
            offset += try sendSome(bytes.span.bytes.extracting(offset..<bytes.count))
        }
    }

    /// Sends bytes beside the encryption, as somebody on the way could.
    package func sendUnencrypted(_ bytes: [UInt8]) {
        _ = Glibc.send(descriptor, bytes, bytes.count, CInt(MSG_NOSIGNAL))
    }

    private func sendSome(_ bytes: RawSpan) throws(RawHTTPError) -> Int {
        if let tls { return try tls.send(bytes) }
        while true {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            if count >= 0 { return count }
            guard errno == EINTR else { throw Self.failure("send") }
        }
    }

    /// Sends text as UTF-8.
    package func send(_ text: String) throws(RawHTTPError) { try send(text.utf8) }

    /// Ends the sending side; responses can still come.
    package func finishSending() {
        tls?.finishSending()
        _ = shutdown(descriptor, CInt(SHUT_WR))
    }

    /// Ends both directions, so that a thread that sends or receives here comes back.
    package func finishBoth() { _ = shutdown(descriptor, CInt(SHUT_RDWR)) }

    /// Breaks the connection off: the server sees a reset.
    package func reset() {
        set(SO_LINGER, linger(l_onoff: 1, l_linger: 0))
        close()
    }

    /// Closes the connection; a second call does nothing.
    package func close() {
        guard descriptor >= 0 else { return }
        _ = Glibc.close(descriptor)
        descriptor = -1
    }

    // MARK: Receiving

    /// Takes more bytes from the socket; false at the end of the stream.
    private func fill() throws(RawHTTPError) -> Bool {
        let count = try receiveSome()
        if start == pending.count {
            pending.removeAll(keepingCapacity: true)
            start = 0
        }
        pending.append(contentsOf: block[..<count])
        return count > 0
    }

    private func receiveSome() throws(RawHTTPError) -> Int {
        if let tls { return try tls.receive(into: &block) }
        while true {
            let count = recv(descriptor, &block, block.count, 0)
            if count >= 0 { return count }
            guard errno == EINTR else { throw Self.failure("recv") }
        }
    }

    /// The next bytes, at least one and at most `limit`; empty at the end of the stream.
    package func receive(atMost limit: Int = .max) throws(RawHTTPError) -> [UInt8] {
        if start == pending.count, try !fill() { return [] }
        let end = min(pending.count, start + min(limit, pending.count - start))
        defer { start = end }
        return Array(pending[start..<end])
    }

    /// Exactly the next `count` bytes.
    package func receive(exactly count: Int) throws(RawHTTPError) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let more = try receive(atMost: count - bytes.count)
            if more.isEmpty { throw .closed }
            bytes += more
        }
        return bytes
    }

    /// Everything up to the end of the stream, which the server must end without a reset.
    package func receiveToEnd() throws(RawHTTPError) -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let more = try receive()
            if more.isEmpty { return bytes }
            bytes += more
        }
    }

    /// Drops exactly the next `count` bytes, without copying them out of the kernel unless they are encrypted.
    package func discard(_ count: Int) throws(RawHTTPError) {
        let held = min(count, pending.count - start)
        start += held
        var left = count - held
        while tls != nil, left > 0 {
            let dropped = try receive(atMost: left).count
            if dropped == 0 { throw .closed }
            left -= dropped
        }
        while left > 0 {
            let dropped = recv(descriptor, nil, min(left, 16 << 20), CInt(MSG_TRUNC))
            if dropped < 0, errno == EINTR { continue }
            guard dropped >= 0 else { throw Self.failure("recv") }
            if dropped == 0 { throw .closed }
            left -= dropped
        }
    }

    /// Whether a byte, or the end of the stream, can be received now.
    package var hasInput: Bool {
        if start < pending.count || tls?.hasInput == true { return true }
        var state = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&state, 1, 0) > 0
    }

    // MARK: Responses

    /// The head of the next response that is not interim; its body is left to be received.
    package func readHead() throws(RawHTTPError) -> RawHTTPResponse {
        var interim: [Int] = []
        while true {
            let head = try readOneHead(after: interim)
            if head.status >= 200 { return head }
            interim.append(head.status)
        }
    }

    /// The next response with its body; `method` is that of the request it answers.
    package func readResponse(to method: String = "GET") throws(RawHTTPError) -> RawHTTPResponse {
        var response = try readHead()
        switch try RawHTTPFraming(response, to: method) {
        case .none: break
        case .length(let count): response.body = try receive(exactly: count)
        case .chunked: response.body = try readChunks()
        case .toClose: response.body = try receiveToEnd()
        }
        return response
    }

    /// Sends a request with `Host` and, if there is a body, `Content-Length`, and reads the response.
    package func request(
        _ method: String, _ target: String, fields: [String] = [], body: [UInt8]? = nil
    ) throws(RawHTTPError) -> RawHTTPResponse {
        var lines = ["\(method) \(target) HTTP/1.1", "Host: test"] + fields
        if let body { lines.append("Content-Length: \(body.count)") }
        try send(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + (body ?? []))
        return try readResponse(to: method)
    }

    private func readOneHead(after interim: [Int]) throws(RawHTTPError) -> RawHTTPResponse {
        let line = try readLine()
        let parts = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "HTTP/1.1", parts[1].utf8.count == 3, let status = Int(parts[1]) else {
            throw .malformed("status line: \(line)")
        }
        var fields: [(name: String, value: String)] = []
        while true {
            let line = try readLine()
            if line.isEmpty { break }
            let pair = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2, !pair[0].isEmpty, !pair[0].contains(" "), pair[1].first == " " else {
                throw .malformed("field line: \(line)")
            }
            fields.append((String(pair[0]), String(pair[1].dropFirst())))
        }
        return RawHTTPResponse(status: status, reason: String(parts[2]), fields: fields, interim: interim)
    }

    private func readChunks() throws(RawHTTPError) -> [UInt8] {
        var body: [UInt8] = []
        while true {
            let line = try readLine()
            guard let size = Int(line, radix: 16), size >= 0 else { throw .malformed("chunk size: \(line)") }
            body += try receive(exactly: size)
            guard try readLine().isEmpty else { throw .malformed("a chunk is longer than its size") }
            if size == 0 { return body }
        }
    }

    /// The next line without its CRLF.
    private func readLine() throws(RawHTTPError) -> String {
        var line: [UInt8] = []
        while true {
            let byte = try receive(exactly: 1)[0]
            if byte == 0x0a {
                guard line.last == 0x0d else { throw .malformed("a line does not end in CRLF") }
                return String(decoding: line.dropLast(), as: UTF8.self)
            }
            if line.last == 0x0d { throw .malformed("a carriage return within a line") }
            line.append(byte)
            if line.count > 64 << 10 { throw .malformed("a line is too long") }
        }
    }
}
