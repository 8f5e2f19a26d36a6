package import EventLoop

/// The bytes of an object, where they are.
package enum ObjectBody: Sendable {
    case bytes([UInt8])
    /// A run of an open file, for `sendfile`.
    case file(FileRegion)
    /// Bytes that come from somewhere else while they are read.
    case stream(any ObjectStream)

    /// In bytes.
    package var size: Int {
        switch self {
        case .bytes(let bytes): bytes.count
        case .file(let region): region.length
        case .stream(let stream): stream.size
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
        case .stream(let stream):
            try await stream.forEachChunk(use)
        }
    }
}

/// Bytes of an object that are fetched while they are read; nothing is fetched before.
package protocol ObjectStream: Sendable {
    /// In bytes.
    var size: Int { get }
    /// Whether each byte comes as the store has sent it: over TLS, or without leaving the machine.
    var isProtected: Bool { get }

    /// Gives exactly `size` bytes in order, or throws; at most once for each stream. Whatever is fetched ahead is
    /// bounded, and fetching ends when `use` throws or the task is cancelled.
    func forEachChunk(_ use: (RawSpan) async throws -> Void) async throws
}

extension ObjectStream {
    package var isProtected: Bool { false }
}
