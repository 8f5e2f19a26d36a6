import Glibc

/// A fixed run of memory for bytes on their way.
///
/// `@unchecked Sendable`: a buffer has one user at a time, the connection or writer that took it from its loop's pool.
package final class Buffer: @unchecked Sendable {
    package let capacity: Int
    /// First byte.
    package let base: UnsafeMutableRawPointer

    package init(capacity: Int) {
        self.capacity = capacity
        base = .allocate(byteCount: capacity, alignment: 64)
    }

    deinit { base.deallocate() }

    /// The first `count` bytes, for the time of `body`.
    package func withBytes<Value>(
        _ range: Range<Int>, _ body: (RawSpan) async throws -> Value
    ) async rethrows -> Value {
        precondition(range.upperBound <= capacity)
        return try await body(
            RawSpan(_unsafeBytes: UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count)))
    }
}

/// Buffers that wait on one event loop for their next user, so that idle connections hold none.
///
/// `@unchecked Sendable`: used only on its loop.
package final class BufferPool: @unchecked Sendable {
    /// For request heads; also the most a pipelining client can have read ahead.
    package static let smallCapacity = 16 << 10
    /// For bodies.
    package static let largeCapacity = 256 << 10
    private static let keptSmall = 64
    private static let keptLarge = 4

    private var small: [Buffer] = []
    private var large: [Buffer] = []

    init() {}

    package func takeSmall() -> Buffer { small.popLast() ?? Buffer(capacity: Self.smallCapacity) }
    package func takeLarge() -> Buffer { large.popLast() ?? Buffer(capacity: Self.largeCapacity) }

    /// Takes a buffer back; one of another size, or one too many, is freed.
    package func giveBack(_ buffer: Buffer) {
        switch buffer.capacity {
        case Self.smallCapacity where small.count < Self.keptSmall: small.append(buffer)
        case Self.largeCapacity where large.count < Self.keptLarge: large.append(buffer)
        default: break
        }
    }
}

extension Buffer {
    /// Moves bytes within the buffer; the ranges may overlap.
    package func move(_ range: Range<Int>, to offset: Int) {
        precondition(range.lowerBound >= 0 && range.upperBound <= capacity && offset + range.count <= capacity)
        memmove(base + offset, base + range.lowerBound, range.count)
    }

    /// Copies bytes of this buffer to another one.
    package func copy(_ range: Range<Int>, to other: Buffer, at offset: Int) {
        precondition(range.lowerBound >= 0 && range.upperBound <= capacity && offset + range.count <= other.capacity)
        memcpy(other.base + offset, base + range.lowerBound, range.count)
    }

    /// Bytes of this buffer, for the time of `body`.
    package func withSpan<Value, Failure: Error>(
        _ range: Range<Int>, _ body: (RawSpan) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        precondition(range.lowerBound >= 0 && range.upperBound <= capacity)
        return try body(
            RawSpan(_unsafeBytes: UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count)))
    }
}
