import EventLoop
import Glibc
import OpenSSL

/// One client connection: an actor on its event loop, with one task that reads a request, answers it, and goes on.
actor Connection: Pollable {
    /// What the connection waits for, which decides how long it may.
    enum Phase {
        case handshake, idle, head, transfer, lingering
    }

    /// How far a small unread body is read so that the connection can stay open.
    private static let discardedBody = 64 << 10
    /// Seconds a closing connection goes on reading, so that its last response is not lost to a reset.
    private static let lingerTimeout = 3
    /// What a request costs of the turn's budget besides its bytes: many small ones in a row take time too.
    private static let requestCost = 8 << 10

    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    let server: HTTPServer
    let socket: Socket
    /// The server's limits when the current request began.
    private(set) var limits: ServerLimits
    let dateLine: DateLine
    private var registration: Registration?
    private var task: Task<Void, Never>?

    // Readiness, see Connection+Transport.swift.
    var canRead = true
    var canWrite = true
    var hasHungUp = false
    var reader: UnsafeContinuation<Void, Never>?
    var writer: UnsafeContinuation<Void, Never>?
    var isClosed = false
    var spentBudget = 0
    // See Connection+TLS.swift.
    /// From the end of the handshake until the last response is out.
    var tls: TLSSession?
    /// Whether libssl has to write before it can read on, or to read before it can write on.
    var readNeedsWritable = false
    var writeNeedsReadable = false
    private(set) var phase = Phase.idle
    private var deadline = 0

    // Bytes read and not yet used, see Connection+Body.swift.
    var input: Buffer?
    var inputRange = 0..<0
    var framing = RequestHead.Framing.none
    var remaining = 0
    var decoder = ChunkedDecoder()
    /// Why the body cannot be read to its end: nothing behind it can be a request any more.
    var brokenBody: BodyError?
    var owesContinue = false
    var bytesIn = 0
    /// Memory this exchange has taken from the server's budget.
    var reservedMemory = 0
    /// Known from the first request on, because a client that is gone has no address any more.
    var peer = ""
    /// What a connection to a TLS port shows, and when it has its turn; nil on a plain port.
    private let encryption: Encryption?
    /// What the client's certificate proves.
    private var certificateName: String?

    typealias Encryption = (identity: TLSIdentity, turns: HandshakeTurns)

    init(
        _ socket: consuming Socket, loop: EventLoop, server: HTTPServer, dateLine: DateLine, encryption: Encryption?
    ) {
        self.encryption = encryption
        self.socket = socket
        self.loop = loop
        self.server = server
        self.dateLine = dateLine
        limits = server.limits
    }

    // MARK: Life

    /// Serves the connection in a task of its own, and calls `onEnd` when it has ended.
    func start(onEnd: @escaping @Sendable () -> Void) {
        task = Task(executorPreference: loop) {
            await self.serve()
            onEnd()
        }
    }

    /// The client is gone in both directions: whatever its handler waits for is of no use to anybody.
    func cancel() {
        task?.cancel()
    }

    /// Serves the connection until it ends.
    private func serve() async {
        do {
            registration = try loop.register(self, descriptor: socket.number)
            if let encryption {
                tls = try await handshake(encryption.identity, encryption.turns)
                certificateName = tls?.clientName
            }
            while let head = try await nextHead() {
                guard try await exchange(head) else {
                    await linger()
                    break
                }
            }
        } catch let error as HeadError {
            await reject(error)
        } catch let error as TLSError {
            server.observeHandshakeFailed(error, peer: peer)
            // So that the alert arrives.
            await linger()
        } catch {
            // The client is gone or has stalled; there is nobody to tell.
        }
        close()
    }

    private func close() {
        releaseInput()
        tls?.finishSending()
        tls = nil
        task = nil
        guard let registration else { return }
        loop.deregister(registration, descriptor: socket.number)
        self.registration = nil
        isClosed = true
    }

    nonisolated func ready(_ events: ReadyEvents) {
        assumeIsolated { $0.note(events) }
    }

    nonisolated func tick(now: Int) {
        assumeIsolated { $0.checkDeadline(now) }
    }

    /// Starts waiting for something new, with its own time limit.
    func enter(_ phase: Phase) {
        self.phase = phase
        extendDeadline()
    }

    /// Something moved: the current phase's time begins again.
    func extendDeadline() {
        let seconds =
            switch phase {
            case .idle: limits.idleTimeout
            case .handshake, .head: limits.headTimeout
            case .transfer: limits.stallTimeout
            case .lingering: Self.lingerTimeout
            }
        deadline = EventLoop.now + seconds
    }

    private func checkDeadline(_ now: Int) {
        // Time that a handler takes is not the client's: only a wait for the socket can be too long.
        guard isWaiting || phase == .lingering else { return }
        // No request is lost with a handshake: none has come.
        if now > deadline || ((phase == .idle || phase == .handshake) && server.isDraining) { abandon() }
    }

    // MARK: Requests

    /// The next request head; nil when the client ends the connection between requests.
    private func nextHead() async throws -> RequestHead? {
        limits = server.limits
        enter(.idle)
        var parser = HeadParser(limits: limits.heads)
        while true {
            if let input, !inputRange.isEmpty {
                let result = try input.withSpan(inputRange) { bytes throws(HeadError) in try parser.parse(bytes) }
                switch result {
                case .complete(let head, let consumed):
                    inputRange = inputRange.lowerBound + consumed..<inputRange.upperBound
                    return head
                case .needsMore: if phase == .idle { enter(.head) }
                }
            }
            guard try await receiveMore() else { return nil }
        }
    }

    /// Answers one request; false when the connection must end.
    private func exchange(_ head: RequestHead) async throws -> Bool {
        let start = monotonicNanoseconds()
        defer { releaseMemory() }
        enter(.transfer)
        beginBody(head)
        if peer.isEmpty { peer = socket.peerAddress }
        await spend(Self.requestCost)
        let id = RequestID.accept(head.value("X-Request-Id")) ?? server.requestIDs.next()
        let request = Request(
            head: head, body: RequestBody(connection: self, framing: head.framing), id: id, peer: peer,
            isSecure: encryption != nil, certificateName: certificateName)
        let response: Response
        do {
            response = try await answer(request)
        } catch {
            report(head, Response(.clientClosedRequest), id: id, sent: 0, since: start, isComplete: false)
            throw error
        }
        let keepsAlive = head.keepsAlive && !server.isDraining && canSkipRestOfBody
        var sent = 0
        do {
            try await send(response, to: head, id: id, keepsAlive: keepsAlive, counting: &sent)
        } catch {
            report(head, response, id: id, sent: sent, since: start, isComplete: false)
            if !isGone(error) { server.report(failure: error, requestID: id) }
            throw error
        }
        report(head, response, id: id, sent: sent, since: start, isComplete: true)
        guard keepsAlive else { return false }
        try await discardBody()
        return true
    }

    /// The handler's response, or the engine's own for what never reaches it or what it throws.
    private func answer(_ request: Request) async throws -> Response {
        if let length = request.body.length, length > limits.body {
            return .text(.contentTooLarge, "a request body may have at most \(limits.body) bytes")
        }
        do {
            let response = try await server.handler.respond(to: request)
            if case .bytes(let content) = response.body, content.count > BufferPool.smallCapacity {
                try reserveMemory(content.count)
            }
            return response
        } catch let error as ConnectionClosed {
            throw error
        } catch let error as BodyError {
            return .text(error.status, error.reason)
        } catch {
            if isGone(error) { throw ConnectionClosed() }
            server.report(failure: error, requestID: request.id)
            return .text(.internalServerError, "internal error; the log has it under request id \(request.id)")
        }
    }

    /// Whether something failed because the client went away, which is nobody's fault here.
    private func isGone(_ error: any Error) -> Bool { error is ConnectionClosed || Task.isCancelled }

    /// Whether the unread rest of the body is small enough to be read and thrown away.
    private var canSkipRestOfBody: Bool {
        if isBodyComplete { return true }
        guard brokenBody == nil, framing != .chunked, !owesContinue else { return false }
        return remaining <= min(Self.discardedBody, limits.body - bytesIn)
    }

    private func report(
        _ head: RequestHead, _ response: Response, id: String, sent: Int, since start: Int, isComplete: Bool
    ) {
        server.observe(
            Exchange(
                head: head, status: response.status, endpoint: response.endpoint, requestID: id, bytesIn: bytesIn,
                bytesOut: sent, nanoseconds: monotonicNanoseconds() - start, peer: peer,
                isSecure: encryption != nil, isComplete: isComplete))
    }
}

/// Nanoseconds of the monotonic clock.
package func monotonicNanoseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}
