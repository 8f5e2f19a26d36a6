import CCurl
import EventLoop
import Glibc

/// One request on its way and what has come of its answer.
///
/// `@unchecked Sendable`: touched only on its engine's loop.
final class CurlTransfer: @unchecked Sendable {
    /// Where the bytes of the answer go.
    enum Destination {
        /// Into memory, up to so many bytes.
        case memory(limit: Int)
        /// To a reader who takes them piece by piece.
        case reader
    }

    enum State {
        /// Waits until a connection may be used.
        case queued
        case active(CurlHandle)
        case ended
    }

    /// The longest head of an answer, in bytes.
    private static let maximumHead = 64 << 10
    /// The longest error document that is read where the caller allows less.
    private static let errorDocumentLimit = 64 << 10

    let request: HTTPRequest
    let destination: Destination
    var state = State.queued
    /// The place in the engine's list of active transfers.
    var index = 0
    /// Why it ended without a whole answer: an `HTTPTransportError` or a `CancellationError`.
    var failure: (any Error)?

    private(set) var status = 0
    private(set) var isHeadComplete = false
    private(set) var lines: [UInt8] = []
    private(set) var bytes: [UInt8] = []
    /// `Content-Length` of the answer.
    private var announced: Int?
    private var mailbox: CurlMailbox
    private(set) var isPaused = false
    /// How often the request was put on a connection.
    private(set) var sends = 0
    private var upload: CurlUpload
    private var waiter: UnsafeContinuation<Void, Never>?

    /// When it was begun, and when the last byte moved, in milliseconds of the loop's clock.
    let begun: Int
    private(set) var lastMoved: Int

    init(_ request: HTTPRequest, to destination: Destination, on loop: EventLoop) {
        self.request = request
        self.destination = destination
        upload = CurlUpload(request.body)
        mailbox = CurlMailbox(pool: loop.buffers)
        begun = EventLoop.nowMilliseconds
        lastMoved = begun
    }

    var isEnded: Bool {
        if case .ended = state { true } else { false }
    }

    var fields: HTTPFields { HTTPFields(lines: lines) }

    var phase: HTTPTransportError.Phase {
        sends == 0 ? .connect : status == 0 ? .sending : .receiving
    }

    /// Whether the reader has something to take.
    var hasNews: Bool { isEnded || !mailbox.isEmpty }

    // MARK: Waiting (one task at a time)

    /// Suspends the caller, an isolated function of the engine, until `wake` or unless `isNeeded`, which is asked again
    /// when nothing can come in between any more.
    func wait(isolation: isolated (any Actor)? = #isolation, while isNeeded: () -> Bool) async {
        await withUnsafeContinuation { continuation in
            if isNeeded() {
                precondition(waiter == nil, "two readers of one answer")
                waiter = continuation
            } else {
                continuation.resume()
            }
        }
    }

    func wake() {
        waiter.take()?.resume()
    }

    // MARK: What libcurl tells

    /// The request goes out now, perhaps for the second time.
    func willSend() {
        sends += 1
        lastMoved = EventLoop.nowMilliseconds
    }

    /// One line of the head; false to give up.
    func receive(headLine line: UnsafeRawBufferPointer) -> Bool {
        lastMoved = EventLoop.nowMilliseconds
        // What follows the body of a chunked answer is of no use here.
        if isHeadComplete { return true }
        if line.starts(with: "HTTP/".utf8) {
            status = Self.status(of: line)
            lines.removeAll(keepingCapacity: true)
        } else if line.count > 2 {
            guard lines.count + line.count <= Self.maximumHead else {
                failure = HTTPTransportError("the head of the answer is too long", phase: .receiving)
                return false
            }
            lines.append(contentsOf: line)
        } else if status >= 200 {
            isHeadComplete = true
            announced = fields.contentLength
            if case .reader = destination { wake() }
        }
        return true
    }

    /// The three digits after the version, as in `HTTP/1.1 200 OK`.
    private static func status(of line: UnsafeRawBufferPointer) -> Int {
        guard let space = line.firstIndex(of: 0x20), space + 3 < line.count else { return 0 }
        return line[(space + 1)...(space + 3)].reduce(0) { $0 * 10 + Int($1) - 0x30 }
    }

    enum Acceptance { case taken, pause, refused }

    /// Bytes of the body.
    func receive(body: UnsafeRawBufferPointer) -> Acceptance {
        lastMoved = EventLoop.nowMilliseconds
        switch destination {
        case .memory(let limit): return keep(body, limit: status < 300 ? limit : max(limit, Self.errorDocumentLimit))
        case .reader:
            guard mailbox.put(body, announced: announced) else {
                isPaused = true
                return .pause
            }
            wake()
            return .taken
        }
    }

    private func keep(_ body: UnsafeRawBufferPointer, limit: Int) -> Acceptance {
        if bytes.isEmpty {
            let length = announced ?? 0
            if length > limit { return refuse(length) }
            bytes.reserveCapacity(max(length, body.count))
        }
        guard bytes.count + body.count <= limit else { return refuse(bytes.count + body.count) }
        bytes.append(contentsOf: body)
        return .taken
    }

    private func refuse(_ length: Int) -> Acceptance {
        failure = HTTPTransportError(
            "the answer is longer than expected (\(length) bytes)", phase: .receiving, excessiveLength: length)
        return .refused
    }

    /// The next bytes of the request's body; 0 at its end.
    func send(into room: UnsafeMutableRawBufferPointer) -> Int {
        lastMoved = EventLoop.nowMilliseconds
        return upload.read(into: room)
    }

    /// The request's body is sent again from `offset` on.
    func rewind(to offset: Int) {
        upload.seek(to: offset)
    }

    // MARK: The reader

    /// The next bytes that wait; `resume` tells that libcurl has to be told to go on.
    func takeChunk() -> (chunk: HTTPChunk?, resume: Bool) {
        let chunk = mailbox.take()
        guard chunk != nil, isPaused else { return (chunk, false) }
        isPaused = false
        lastMoved = EventLoop.nowMilliseconds
        return (chunk, true)
    }

    func discardChunks() {
        mailbox.discard()
    }

    // MARK: Deadlines

    /// Which deadline has passed at `now`, in words; nil if none.
    func missedDeadline(now: Int) -> String? {
        let limits = request.limits
        if limits.overall > 0, now - begun > limits.overall { return "not done within \(limits.overall) ms" }
        let still = now - lastMoved
        switch state {
        case .ended: return nil
        case .queued: return now - begun > limits.connect ? "no connection was free within \(limits.connect) ms" : nil
        // libcurl keeps the deadline of connecting, address by address.
        case .active where sends == 0: return nil
        case .active where isHeadComplete:
            return !isPaused && still > limits.stall ? "the answer stopped for \(limits.stall) ms" : nil
        case .active where !upload.isAtEnd:
            return still > limits.stall ? "sending stopped for \(limits.stall) ms" : nil
        case .active: return still > limits.head ? "no answer within \(limits.head) ms" : nil
        }
    }
}
