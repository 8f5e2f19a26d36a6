import EventLoop
import Synchronization

/// An answer whose body is still coming: at most two buffers of 256 KiB wait for the reader, then the server has to.
///
/// Letting go of it breaks the transfer off.
package final class HTTPDownload: Sendable {
    package let status: Int
    package let fields: HTTPFields
    /// The body's length in bytes, if the server gave it.
    package let contentLength: Int?

    private let engine: CurlEngine
    private let transfer: CurlTransfer
    private let isDone = Atomic<Bool>(false)

    init(engine: CurlEngine, transfer: CurlTransfer, status: Int, fields: HTTPFields) {
        self.engine = engine
        self.transfer = transfer
        self.status = status
        self.fields = fields
        contentLength = fields.contentLength
    }

    deinit { cancel() }

    /// Calls `use` with each run of bytes in order, until the end. One reader at a time, and once.
    ///
    /// Throws what `use` throws, `HTTPTransportError` if the body ends early, and `CancellationError`.
    package func forEachChunk(_ use: (RawSpan) async throws -> Void) async throws {
        var chunk: HTTPChunk?
        while true {
            chunk = try await next(used: chunk)
            guard let chunk else { return }
            try await chunk.buffer.withBytes(0..<chunk.count, use)
        }
    }

    /// The next bytes, nil at the end; `used` takes back those of the previous call.
    package func next(used: HTTPChunk?) async throws -> HTTPChunk? {
        let chunk = try await engine.next(of: transfer, used: used)
        if chunk == nil { isDone.store(true, ordering: .relaxed) }
        return chunk
    }

    /// The whole body. Throws an `HTTPTransportError` with `excessiveLength` if it has more than `limit` bytes.
    package func bytes(limit: Int) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        try await forEachChunk { span in
            guard bytes.count + span.byteCount <= limit else {
                throw HTTPTransportError(
                    "the answer is longer than expected", phase: .receiving,
                    excessiveLength: contentLength ?? bytes.count + span.byteCount)
            }
            span.withUnsafeBytes { bytes.append(contentsOf: $0) }
        }
        return bytes
    }

    /// Breaks the transfer off; a reader that waits gets a `CancellationError`.
    package func cancel() {
        guard !isDone.exchange(true, ordering: .relaxed) else { return }
        let (engine, transfer) = (engine, transfer)
        Task { await engine.abandon(transfer) }
    }
}
