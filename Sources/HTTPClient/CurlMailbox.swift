package import EventLoop
import Glibc

/// A run of bytes of a download.
package struct HTTPChunk: Sendable {
    package let buffer: Buffer
    /// The bytes are the buffer's first so many.
    package let count: Int
}

/// Bytes of a download that wait for their reader: two buffers at most, then the transfer has to pause.
struct CurlMailbox {
    private let pool: BufferPool
    /// The older buffer, complete.
    private var first: HTTPChunk?
    /// The buffer that is being filled.
    private var last: Buffer?
    private var lastCount = 0

    init(pool: BufferPool) {
        self.pool = pool
    }

    var isEmpty: Bool { first == nil && last == nil }

    /// Takes all of `bytes`, or none if there is no room.
    ///
    /// `announced`: how many bytes come in all, if the sender said so; a small answer gets a small buffer.
    mutating func put(_ bytes: UnsafeRawBufferPointer, announced: Int?) -> Bool {
        if let last, last.capacity - lastCount < bytes.count {
            guard first == nil else { return false }
            first = HTTPChunk(buffer: last, count: lastCount)
            self.last = nil
        }
        if last == nil {
            last = buffer(for: max(bytes.count, announced ?? .max))
            lastCount = 0
        }
        guard let last, let source = bytes.baseAddress else { return true }
        memcpy(last.base + lastCount, source, bytes.count)
        lastCount += bytes.count
        return true
    }

    private func buffer(for count: Int) -> Buffer {
        count <= BufferPool.smallCapacity ? pool.takeSmall() : pool.takeLarge()
    }

    /// The oldest bytes that wait.
    mutating func take() -> HTTPChunk? {
        if let chunk = first.take() { return chunk }
        guard let buffer = last.take() else { return nil }
        return HTTPChunk(buffer: buffer, count: lastCount)
    }

    /// Gives the buffers back without anybody having read them.
    mutating func discard() {
        while let chunk = take() { pool.giveBack(chunk.buffer) }
    }
}
