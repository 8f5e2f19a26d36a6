import EventLoop

/// The body of a request, read once from its connection; bytes nobody reads are never taken into memory.
package final class RequestBody {
    private unowned let connection: Connection
    /// The declared length in bytes; nil for a chunked body.
    package let length: Int?

    init(connection: Connection, framing: RequestHead.Framing) {
        self.connection = connection
        length =
            switch framing {
            case .none: 0
            case .length(let count): count
            case .chunked: nil
            }
    }

    /// Gives the body in order, up to 256 KiB at a time, as fast as `use` takes it.
    ///
    /// Throws `ConnectionClosed` when the client goes away or stalls, and `BodyError` for a malformed or oversized
    /// body. No buffer is held while the client is waited for.
    package func forEachChunk(_ use: (RawSpan) async throws -> Void) async throws {
        if length == 0 { return }
        while try await connection.waitForBody() {
            let buffer = await connection.takeBodyBuffer()
            do {
                let count = try await connection.fillBody(buffer)
                if count > 0 { try await buffer.withBytes(0..<count, use) }
            } catch {
                await connection.giveBack(buffer)
                throw error
            }
            await connection.giveBack(buffer)
        }
    }

    /// The whole body; nil when it is longer than `limit` bytes (the rest is left unread).
    ///
    /// Throws `BodyError` with 503 when the bodies of all requests together take too much memory.
    package func collect(limit: Int) async throws -> [UInt8]? {
        var bytes: [UInt8] = []
        if let length {
            guard length <= limit else { return nil }
            // Taken at once: nobody is refused half-way, and no array grows by copies that take memory as well.
            try await connection.reserveMemory(length)
            bytes.reserveCapacity(length)
        }
        do {
            try await forEachChunk { chunk in
                guard bytes.count + chunk.byteCount <= limit else { throw TooLong() }
                if length == nil { try await connection.reserveMemory(chunk.byteCount) }
                chunk.withUnsafeBytes { bytes.append(contentsOf: $0) }
            }
        } catch is TooLong {
            return nil
        }
        return bytes
    }

    private struct TooLong: Error {}
}
