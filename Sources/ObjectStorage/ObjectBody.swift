package import EventLoop

/// The bytes of an object, where they are.
package enum ObjectBody: Sendable {
    case bytes([UInt8])
    /// A run of an open file, for `sendfile`.
    case file(FileRegion)

    /// In bytes.
    package var size: Int {
        switch self {
        case .bytes(let bytes): bytes.count
        case .file(let region): region.length
        }
    }

    /// Gives the bytes in order, at most `chunkSize` at a time; file reads run on `pool`.
    package func forEachChunk(
        ofSize chunkSize: Int = 256 << 10, on pool: BlockingWork, _ use: (RawSpan) async throws -> Void
    ) async throws {
        switch self {
        case .bytes(let bytes):
            try await use(bytes.span.bytes)
        case .file(let region):
            var done = 0
            while done < region.length {
                let count = min(chunkSize, region.length - done)
                let offset = region.offset + done
                let chunk = try await pool.run { try region.file.read(at: offset, count: count) }
                guard chunk.count == count else {
                    throw ObjectStoreError.unavailable("a file became shorter while it was read")
                }
                try await use(chunk.span.bytes)
                done += count
            }
        }
    }
}
