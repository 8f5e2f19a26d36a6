import EventLoop
import Glibc
import OpenSSL

/// TLS on a connection: the handshake, and moving bytes through a session.
extension Connection {
    /// Bytes of a file that are read for encryption at once.
    private static let fileStep = 64 << 10

    // MARK: Handshake

    /// The session of a client that has come through the handshake within the time for a head.
    ///
    /// Throws `HeadError` for plain HTTP, `TLSError` for what failed, and `ConnectionClosed` for a client that has sent
    /// nothing, as a probe of the port does.
    func handshake(_ identity: TLSIdentity, _ turns: HandshakeTurns) async throws -> TLSSession {
        enter(.handshake)
        // Until the first byte has come, the connection costs no session.
        if Self.isPlainHTTP(try await firstByte()) { throw HeadError.plain }
        peer = socket.peerAddress
        let session = try TLSSession(identity.context, descriptor: socket.number)
        do {
            while try await step(session, turns) {
                try await waitReadable()
                try await waitWritable()
            }
            return session
        } catch is ConnectionClosed {
            throw TLSError("the handshake took longer than \(limits.headTimeout) seconds, or the server stops")
        }
    }

    /// Goes on with a handshake when it is its turn, and lets the loop make a pass before the next one's; false when it
    /// is over.
    private func step(_ session: TLSSession, _ turns: HandshakeTurns) async throws -> Bool {
        await turns.begin()
        defer { turns.end() }
        // Before anything else can happen: an event of the socket may come while others have their turn.
        switch try session.handshake() {
        case .moved: return false
        case .wantsRead: canRead = false
        case .wantsWrite: canWrite = false
        }
        await loop.giveWay()
        return true
    }

    /// Waits for the first byte, and leaves it where it is.
    private func firstByte() async throws -> UInt8 {
        while true {
            if isClosed { throw ConnectionClosed() }
            let (byte, result) = try socket.peek()
            switch result {
            case .moved(1): return byte
            case .moved: throw ConnectionClosed()
            case .wouldBlock:
                canRead = false
                try await waitReadable()
            }
        }
    }

    /// Whether a first byte is that of a method or an empty line.
    private static func isPlainHTTP(_ byte: UInt8) -> Bool {
        (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x0d || byte == 0x0a
    }

    // MARK: Bytes

    /// Reads what one record holds; nil when no whole record is there.
    func receiveNow(_ tls: TLSSession, into buffer: Buffer, at offset: Int, limit: Int) throws -> Int? {
        precondition(offset >= 0 && limit > 0 && offset + limit <= buffer.capacity, "read outside of the buffer")
        let memory = UnsafeMutableRawBufferPointer(start: buffer.base + offset, count: limit)
        guard let progress = try? tls.receive(into: memory) else { throw ConnectionClosed() }
        switch progress {
        // Never the last there is: libssl may hold more records.
        case .moved(let count): return count
        case .wantsRead: canRead = false
        case .wantsWrite: (canRead, canWrite, readNeedsWritable) = (false, false, true)
        }
        return nil
    }

    /// Writes the first of `bytes`, as much as one record holds.
    func sendNow(_ tls: TLSSession, _ bytes: RawSpan) throws -> SocketResult {
        switch try tls.send(bytes) {
        case .moved(let count): return .moved(count)
        // The caller stops writing; libssl cannot go on before it has read.
        case .wantsRead: (canRead, writeNeedsReadable) = (false, true)
        case .wantsWrite: break
        }
        return .wouldBlock
    }

    /// Sends bytes of a file by way of one buffer of the loop's, which is given back before anybody waits: the bytes
    /// that the socket did not take are read anew. As with sendfile(2), pages that are not in memory are waited for.
    func sendFileNow(_ tls: TLSSession, _ file: OpenFile, at offset: Int, count: Int) throws -> SocketResult {
        let buffer = loop.buffers.takeLarge()
        defer { loop.buffers.giveBack(buffer) }
        let got = try Posix.call("pread") {
            pread(file.number, buffer.base, min(count, Self.fileStep), off_t(offset))
        }
        var done = 0
        while done < got {
            let result = try buffer.withSpan(done..<got) { bytes in try sendNow(tls, bytes) }
            guard case .moved(let count) = result else { return done > 0 ? .moved(done) : result }
            done += count
        }
        return .moved(done)
    }
}
