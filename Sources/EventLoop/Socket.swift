import CPosix
import Glibc

/// What a non-blocking call on a socket did.
package enum SocketResult: Sendable {
    /// Moved so many bytes; 0 on a read is the end of the stream.
    case moved(Int)
    /// Nothing can be moved now.
    case wouldBlock
}

/// A connected TCP socket, non-blocking. Every call is one system call.
package struct Socket: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor

    /// Takes over a connected non-blocking socket and switches off Nagle's algorithm.
    package init(_ descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor
        var on: CInt = 1
        // Latency only: a socket that is no TCP socket works without.
        _ = setsockopt(
            self.descriptor.number, CInt(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<CInt>.size))
    }

    package var number: CInt { descriptor.number }

    /// Reads into `buffer` from `offset` on, at most `limit` bytes.
    package func receive(
        into buffer: Buffer, at offset: Int, limit: Int
    ) throws(SystemCallError) -> SocketResult {
        precondition(offset >= 0 && limit > 0 && offset + limit <= buffer.capacity, "read outside of the buffer")
        return try result("recv") { recv(number, buffer.base + offset, limit, 0) }
    }

    /// The byte that the next read will begin with, left where it is; 0 unless `result` has moved one.
    package func peek() throws(SystemCallError) -> (byte: UInt8, result: SocketResult) {
        var byte: UInt8 = 0
        let result = try result("recv") { recv(number, &byte, 1, CInt(MSG_PEEK)) }
        return (byte, result)
    }

    /// Writes bytes of `buffer`; `more` tells the kernel that the rest of the packet follows at once.
    package func send(_ buffer: Buffer, _ range: Range<Int>, more: Bool) throws(SystemCallError) -> SocketResult {
        precondition(range.lowerBound >= 0 && range.upperBound <= buffer.capacity, "write outside of the buffer")
        let flags = CInt(MSG_NOSIGNAL) | (more ? CInt(MSG_MORE) : 0)
        return try result("send") { Glibc.send(number, buffer.base + range.lowerBound, range.count, flags) }
    }

    /// Writes `bytes` from `offset` on, at most `limit` bytes.
    package func send(_ bytes: [UInt8], from offset: Int, limit: Int) throws(SystemCallError) -> SocketResult {
        let flags = CInt(MSG_NOSIGNAL)
        let count = min(limit, bytes.count - offset)
        return try result("send") {
            bytes.withUnsafeBytes { Glibc.send(number, $0.baseAddress! + offset, count, flags) }
        }
    }

    /// Writes the first of `bytes`, at most `limit` of them and at least one.
    package func send(_ bytes: RawSpan, limit: Int) throws(SystemCallError) -> SocketResult {
        let flags = CInt(MSG_NOSIGNAL)
        let count = min(limit, bytes.byteCount)
        return try result("send") {
            bytes.withUnsafeBytes { Glibc.send(number, $0.baseAddress!, count, flags) }
        }
    }

    /// Sends bytes of a file without copying them through this process.
    package func sendFile(_ file: OpenFile, at offset: Int, count: Int) throws(SystemCallError) -> SocketResult {
        var position = off_t(offset)
        return try result("sendfile") { sendfile(number, file.number, &position, count) }
    }

    /// Sends the end of the stream; reading goes on.
    package func shutDownWriting() {
        // A peer that is gone already needs no goodbye.
        _ = shutdown(number, CInt(SHUT_WR))
    }

    /// The peer's numeric address without the port; empty when it has none any more.
    package var peerAddress: String {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(number, $0, &length) }
        }
        return status == 0 ? SocketAddress(storage: address, length: length).host : ""
    }

    private func result(_ name: StaticString, _ body: () -> Int) throws(SystemCallError) -> SocketResult {
        do throws(SystemCallError) {
            return .moved(try Posix.call(name, body))
        } catch {
            if error.code == EAGAIN { return .wouldBlock }
            throw error
        }
    }
}
