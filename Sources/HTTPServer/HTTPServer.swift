import Dispatch
package import EventLoop
import Glibc
package import OpenSSL
import Synchronization

/// A HTTP/1.1 server: listens, spreads connections over event loops, and drains when it is told to stop.
package final class HTTPServer: Sendable {
    /// What the server tells its owner; called on event loops, so it must not block.
    package struct Observers: Sendable {
        /// A request was answered, or its client went away during the response.
        package var exchange: @Sendable (Exchange) -> Void = { _ in }
        /// Bytes came that are no acceptable request.
        package var rejected: @Sendable (HeadError) -> Void = { _ in }
        /// A connection to a TLS port ended within its handshake, at most one call each; `peer` is a numeric address.
        package var handshakeFailed: @Sendable (_ reason: TLSError, _ peer: String) -> Void = { _, _ in }
        /// A handler failed with an error that is not for clients.
        package var failure: @Sendable (_ error: any Error, _ requestID: String) -> Void = { _, _ in }

        package init() {}
    }

    private struct Drain {
        var isDraining = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    /// A loop and what its connections share.
    private final class Lane: Sendable {
        let loop: EventLoop
        let dateLine = DateLine()
        let handshakes = HandshakeTurns()
        /// Connections it has been given; those that have not begun count, so that a burst is spread too.
        let connections = Atomic<Int>(0)

        init(_ loop: EventLoop) { self.loop = loop }
    }

    private let lanes: [Lane]
    let handler: any HTTPHandler
    private let observers: Observers
    let requestIDs = RequestIDs()
    let memory = MemoryBudget()
    private let currentLimits: Mutex<ServerLimits>
    private let connections = Atomic<Int>(0)
    private let draining = Atomic<Bool>(false)
    private let drain = Mutex(Drain())
    private let listeners = Mutex<[Listener]>([])

    /// `loops` must not be empty; the first one accepts.
    package init(
        loops: [EventLoop], limits: ServerLimits = ServerLimits(), handler: any HTTPHandler,
        observers: Observers = Observers()
    ) {
        lanes = loops.map(Lane.init)
        self.handler = handler
        self.observers = observers
        currentLimits = Mutex(limits)
        // sendfile(2) cannot be told to raise no signal when the client is gone.
        signal(SIGPIPE, SIG_IGN)
    }

    /// The limits that hold for new waits and requests; setting them needs no restart.
    package var limits: ServerLimits {
        get { currentLimits.withLock { $0 } }
        set { currentLimits.withLock { $0 = newValue } }
    }

    /// Connections open now.
    package var openConnections: Int { connections.load(ordering: .relaxed) }
    /// Whether `shutDown` was called.
    package var isDraining: Bool { draining.load(ordering: .relaxed) }

    /// Starts accepting on a bound socket, with TLS if there is an identity to show; returns once it does.
    package func listen(on socket: consuming ListeningSocket, tls: TLSIdentity? = nil) async throws {
        let loop = lanes[0].loop
        let listener = Listener(socket, loop: loop, server: self, tls: tls)
        try await Task(executorPreference: loop) { try listener.start() }.value
        listeners.withLock { $0.append(listener) }
    }

    /// Stops accepting, lets running requests finish for at most `timeout` seconds, and closes idle connections.
    ///
    /// Returns how many connections were still busy. Of calls that overlap, the first timeout ends all.
    package func shutDown(timeout: Int) async -> Int {
        draining.store(true, ordering: .relaxed)
        let stopping = listeners.withLock { listeners in
            defer { listeners = [] }
            return listeners
        }
        for listener in stopping {
            await Task(executorPreference: listener.loop) { listener.stop() }.value
        }
        for lane in lanes {
            await Task(executorPreference: lane.loop) { lane.loop.tick() }.value
        }
        await withCheckedContinuation { continuation in
            let isOver = drain.withLock { drain in
                drain.isDraining = true
                guard openConnections > 0 else { return true }
                drain.waiting.append(continuation)
                return false
            }
            if isOver { continuation.resume() }
            DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(timeout)) { [weak self] in
                self?.finishDrain()
            }
        }
        return openConnections
    }

    /// Lets everybody go on who waits for the drain, be it over or out of time.
    private func finishDrain() {
        let waiting = drain.withLock { drain in
            defer { drain.waiting = [] }
            return drain.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    // MARK: Connections

    /// Takes over an accepted connection, on the listener's loop.
    func adopt(_ socket: consuming Socket, tls: TLSIdentity?) {
        let open = connections.wrappingAdd(1, ordering: .relaxed).newValue
        guard open <= limits.connections else {
            // A client that speaks TLS would take the words for a broken hello.
            if tls == nil { refuse(socket) }
            connectionEnded()
            return
        }
        let lane = leastLoaded
        lane.connections.wrappingAdd(1, ordering: .relaxed)
        let encryption = tls.map { (identity: $0, turns: lane.handshakes) }
        let connection = Connection(
            socket, loop: lane.loop, server: self, dateLine: lane.dateLine, encryption: encryption)
        Task(executorPreference: lane.loop) {
            await connection.start {
                lane.connections.wrappingSubtract(1, ordering: .relaxed)
                self.connectionEnded()
            }
        }
    }

    /// The accepting loop when several are equal: a hop costs more than it wins.
    private var leastLoaded: Lane {
        let loads = lanes.map { $0.connections.load(ordering: .relaxed) }
        return lanes[loads.indices.min { loads[$0] < loads[$1] } ?? 0]
    }

    private func refuse(_ socket: consuming Socket) {
        let line = Array(
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".utf8)
        // Best effort: a fresh socket has room for this, and if not, the client sees a closed connection.
        _ = try? socket.send(line, from: 0, limit: line.count)
    }

    private func connectionEnded() {
        let open = connections.wrappingSubtract(1, ordering: .relaxed).newValue
        if open == 0, isDraining { finishDrain() }
    }

    // MARK: Observation

    func observe(_ exchange: Exchange) { observers.exchange(exchange) }
    func observeRejected(_ error: HeadError) { observers.rejected(error) }
    func observeHandshakeFailed(_ reason: TLSError, peer: String) { observers.handshakeFailed(reason, peer) }
    func report(failure error: any Error, requestID: String) { observers.failure(error, requestID) }
}
