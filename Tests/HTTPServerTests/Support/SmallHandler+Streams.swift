import EventLoop
import HTTPServer
import TestSupport

/// What happens in the streams of one handler.
struct StreamLog: Sendable {
    var begun = 0
    var ended = 0
    /// Bytes taken from them.
    var taken = 0
}

extension SmallHandler {
    /// Answers paths of streams; nil for any other. `n`: bytes of `pattern`; `chunk`: bytes at a time.
    func respondWithStream(to request: Request) async throws -> Response? {
        let query = Query(request.head.query)
        let number = query?["n"].flatMap { Int($0) } ?? 0
        let chunk = query?["chunk"].flatMap { Int($0) } ?? 100_000
        let kind: StreamKind
        switch request.head.path {
        case "/stream": kind = .exact
        case "/stream-short": kind = .short
        case "/stream-long": kind = .long
        case "/stream-fail": kind = .failing
        case "/stream-gate": kind = .gated
        case "/stream-wait": kind = .waiting
        case "/growing": return growing(chunk, .exact)
        case "/growing-short": return growing(chunk, .short)
        case "/growing-long": return growing(chunk, .long)
        case "/growing-fail": return growing(chunk, .failing)
        case "/wait":
            // A handler that waits for something that never comes.
            try await loggingStream { try await Task.sleep(for: .seconds(3600)) }
            return Response(.ok)
        default: return nil
        }
        return Response(.ok, body: .stream(PatternStream(handler: self, length: number, chunk: chunk, kind: kind)))
    }

    private func growing(_ step: Int, _ kind: StreamKind) -> Response {
        Response(.ok, body: .growing(PatternFile(handler: self, step: step, kind: kind)))
    }

    fileprivate func loggingStream(_ body: () async throws -> Void) async throws {
        streams.change { $0.begun += 1 }
        defer { streams.change { $0.ended += 1 } }
        try await body()
    }
}

/// What a stream does besides giving its bytes.
private enum StreamKind {
    case exact
    /// One byte too few, or too many.
    case short, long
    /// Throws half way, or waits there: for the gate, or for ever.
    case failing, gated, waiting
}

private struct PatternStream: ResponseStream {
    let handler: SmallHandler
    let length: Int
    let chunk: Int
    let kind: StreamKind

    func forEachChunk(_ send: (RawSpan) async throws -> Void) async throws {
        let bytes = pattern(min(length + 1, 8 << 20))
        let end = kind == .short ? length - 1 : kind == .long ? length + 1 : length
        try await handler.loggingStream {
            var offset = 0
            while offset < end {
                if offset >= length / 2 { try await pause() }
                // Beyond what is kept of it, the pattern begins again.
                let place = offset % bytes.count
                let count = min(chunk, end - offset, bytes.count - place)
                try await send(bytes.span.bytes.extracting(place..<place + count))
                offset += count
                handler.streams.change { $0.taken += count }
            }
        }
    }

    private func pause() async throws {
        switch kind {
        case .failing: throw SmallHandler.Failure()
        case .gated: await handler.gate.pass()
        case .waiting: try await Task.sleep(for: .seconds(3600))
        default: break
        }
    }
}

private struct PatternFile: FileStream {
    let handler: SmallHandler
    let step: Int
    let kind: StreamKind
    var length: Int { kind == .long ? SmallHandler.fileSize - 1 : SmallHandler.fileSize }

    func forEachRegion(_ send: (FileRegion) async throws -> Void) async throws {
        let end = kind == .short ? length - 1 : kind == .long ? length + 1 : length
        try await handler.loggingStream {
            var offset = 0
            while offset < end {
                if kind == .failing, offset >= length / 2 { throw SmallHandler.Failure() }
                let count = min(step, end - offset)
                try await send(FileRegion(file: handler.file, offset: offset, length: count))
                offset += count
                handler.streams.change { $0.taken += count }
            }
        }
    }
}
