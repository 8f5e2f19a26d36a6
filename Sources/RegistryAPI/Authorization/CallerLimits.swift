import Access
import EventLoop
import HTTPServer

/// One caller's share of the limits, for one request.
struct CallerLimits: Sendable {
    /// What a file is sent in where it is paced, in bytes.
    private static let pieceSize = 1 << 20

    let limits: RequestLimits
    let key: CallerKey

    /// Throws when the caller has sent too many requests lately.
    func admit() throws(AccessRefusal) {
        if let seconds = limits.admit(key, now: monotonicNanoseconds()) {
            throw AccessRefusal(.throttled(retryAfter: seconds))
        }
    }

    /// Runs `body` as one of the uploads the caller may have at once; throws when there are too many.
    func uploading<Value>(_ body: () async throws -> Value) async throws -> Value {
        guard limits.beginUpload(key) else { throw AccessRefusal(.throttled(retryAfter: 1), action: .push) }
        defer { limits.endUpload(key) }
        return try await body()
    }

    /// Waits as long as it takes until the next bytes may go after these.
    func pace(_ count: Int, _ direction: RequestLimits.Direction) async throws {
        let wait = limits.charge(count, direction, to: key, now: monotonicNanoseconds())
        if wait > 0 { try await Task.sleep(for: .nanoseconds(wait)) }
    }

    /// The same content, sent no faster than the caller may receive it. Small ones are charged for and go at once.
    func paced(_ body: ResponseBody) -> ResponseBody {
        guard limits.paces(.sent) else { return body }
        switch body {
        case .none, .omitted: return body
        case .bytes(let bytes):
            _ = limits.charge(bytes.count, .sent, to: key, now: monotonicNanoseconds())
            return body
        case .file(let region): return .growing(PacedFile(base: WholeRegion(region: region), limits: self))
        case .growing(let base): return .growing(PacedFile(base: base, limits: self))
        case .stream(let base): return .stream(PacedStream(base: base, limits: self))
        }
    }

    private struct WholeRegion: FileStream {
        let region: FileRegion
        var length: Int { region.length }

        func forEachRegion(_ send: (FileRegion) async throws -> Void) async throws { try await send(region) }
    }

    private struct PacedFile: FileStream {
        let base: any FileStream
        let limits: CallerLimits
        var length: Int { base.length }

        func forEachRegion(_ send: (FileRegion) async throws -> Void) async throws {
            try await base.forEachRegion { region in
                for start in stride(from: 0, to: region.length, by: CallerLimits.pieceSize) {
                    let piece = region.slice(start..<min(start + CallerLimits.pieceSize, region.length))
                    try await send(piece)
                    try await limits.pace(piece.length, .sent)
                }
            }
        }
    }

    private struct PacedStream: ResponseStream {
        let base: any ResponseStream
        let limits: CallerLimits
        var length: Int { base.length }

        func forEachChunk(_ send: (RawSpan) async throws -> Void) async throws {
            try await base.forEachChunk { chunk in
                let count = chunk.byteCount
                try await send(chunk)
                try await limits.pace(count, .sent)
            }
        }
    }
}
