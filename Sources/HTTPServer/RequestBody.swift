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
    /// Throws `ConnectionClosed` when the client goes away or stalls, and `BodyError` for a malformed or oversized body.
    package func forEachChunk(_ use: (RawSpan) async throws -> Void) async throws {
        if length == 0 { return }
        let buffer = await connection.takeBodyBuffer()
        // A stream, so that every way out gives the buffer back.
        do {
            while true {
                let count = try await connection.fillBody(buffer)
                if count == 0 { break }
                try await buffer.withBytes(0..<count, use)
            }
        } catch {
            await connection.giveBack(buffer)
            throw error
        }
        await connection.giveBack(buffer)
    }

    /// The whole body; nil when it is longer than `limit` bytes (the rest is left unread).
    package func collect(limit: Int) async throws -> [UInt8]? {
        if let length, length > limit { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(length ?? 0, limit))
        do {
            try await forEachChunk { chunk in
                guard bytes.count + chunk.byteCount <= limit else { throw TooLong() }
                chunk.withUnsafeBytes { bytes.append(contentsOf: $0) }
            }
        } catch is TooLong {
            return nil
        }
        return bytes
    }

    private struct TooLong: Error {}
}
