import EventLoop
import Glibc
import Synchronization

/// What a `FaultProxy` does wrong with one request.
package enum Fault: Sendable {
    /// Answers with an error of S3 instead of forwarding the request.
    case answer(_ status: Int, _ code: String)
    /// Resets the connection before anything of the request went on.
    case resetBeforeRequest
    /// Resets both connections when half of the request's body went on.
    case resetInRequestBody
    /// Forwards the request, waits for the answer, and resets the connection instead of passing it on.
    case resetBeforeAnswer
    /// Resets the connection when half of the answer's body went on.
    case resetInAnswerBody
    /// Ends the connection, without a reset, when half of the answer's body went on.
    case truncateAnswer
    /// Forwards the request, and holds the answer back for that long.
    case stallBeforeAnswer(milliseconds: Int)
    /// Stops in the middle of the answer's body for that long, then goes on.
    case stallInAnswerBody(milliseconds: Int)
    /// Answers 200 with an error in the body; the request is forwarded first if `isDone`.
    case okWithError(_ code: String, isDone: Bool)
    /// Forwards the request and waits for the answer if `isDone`, then calls back, and resets the connection.
    case interrupt(isDone: Bool, @Sendable () -> Void)
    /// Sends the request to S3 twice, one after the other, and passes on the second answer.
    case twice
}

/// A proxy between the registry and S3 that counts requests and does wrong what a test asks for.
///
/// It understands path style and requests with a Content-Length, and passes Host on as it is, so signatures hold.
package final class FaultProxy: Sendable {
    private struct Rule {
        let isMatch: @Sendable (S3Request) -> Bool
        var skips: Int
        var remaining: Int
        let fault: Fault
    }

    private struct State {
        var rules: [Rule] = []
        var choose: (@Sendable (S3Request) -> Fault?)?
        var done: [S3Request] = []
        var clock = 0
        var connections: [ObjectIdentifier: BlockingSocket] = [:]
        var isOver = false
    }

    /// Where it listens, such as `http://127.0.0.1:23456`.
    package let endpoint: String
    /// What came through.
    package let counter = S3RequestCounter()
    let target: UInt16
    private let listener: OwnedDescriptor
    private let state = Mutex(State())

    /// Starts a proxy to `server`.
    package convenience init(to server: S3Server) throws { try self.init(to: server.port) }

    /// Starts a proxy to a port of this machine.
    package init(to port: UInt16) throws {
        target = port
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        listener = OwnedDescriptor(try Posix.call("socket") { socket(AF_INET, kind, 0) })
        endpoint = "http://127.0.0.1:\(try Self.listen(listener.number))"
        let number = listener.number
        BlockingThread.start { [weak self] in
            while true {
                let accepted = Glibc.accept(number, nil, nil)
                if accepted < 0, errno == EINTR || errno == ECONNABORTED { continue }
                guard accepted >= 0, let self else { return }
                _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
                self.serve(BlockingSocket(OwnedDescriptor(accepted)))
            }
        }
    }

    deinit { stop() }

    /// Ends all connections and takes no more.
    package func stop() {
        shutdown(listener.number, CInt(SHUT_RDWR))
        let open = state.withLock { state in
            state.isOver = true
            return state.connections.values.map(\.self)
        }
        for connection in open { connection.shutDown() }
    }

    private static func listen(_ number: CInt) throws -> UInt16 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        try withUnsafeMutablePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                _ = try Posix.call("bind") { bind(number, pointer, size) }
                _ = try Posix.call("listen") { Glibc.listen(number, 128) }
                _ = try Posix.call("getsockname") { getsockname(number, pointer, &size) }
            }
        }
        return UInt16(bigEndian: address.sin_port)
    }

    // MARK: What goes wrong

    /// Adds a fault for the requests of `operation` (nil: all) whose target contains `text`: `skipping` of them pass,
    /// then `times` fail.
    package func add(
        _ fault: Fault, on operation: S3Operation? = nil, containing text: String = "", skipping: Int = 0,
        times: Int = 1
    ) {
        let isMatch: @Sendable (S3Request) -> Bool = { request in
            (operation == nil || request.operation == operation) && (text.isEmpty || request.target.contains(text))
        }
        let rule = Rule(isMatch: isMatch, skips: skipping, remaining: times, fault: fault)
        state.withLock { $0.rules.append(rule) }
    }

    /// Asks `choose` about every request that no added fault is for; nil: none of them fails.
    package func misbehave(_ choose: (@Sendable (S3Request) -> Fault?)?) {
        state.withLock { $0.choose = choose }
    }

    /// Makes S3 look like a server whose clock is `seconds` ahead: its dates are, and it refuses signed requests when the
    /// clocks are more than a quarter of an hour apart.
    package func setClock(ahead seconds: Int) { state.withLock { $0.clock = seconds } }

    /// How many seconds the clock of S3 is ahead.
    var clockAhead: Int { state.withLock { $0.clock } }

    /// Takes all faults back and begins to count anew.
    package func behave() {
        state.withLock { ($0.rules, $0.choose, $0.done, $0.clock) = ([], nil, [], 0) }
        counter.reset()
    }

    /// The requests that met a fault so far.
    package var faults: [S3Request] { state.withLock { $0.done } }

    /// The fault a request meets.
    func fault(for request: S3Request) -> Fault? {
        state.withLock { state in
            var fault: Fault?
            for index in state.rules.indices where fault == nil && state.rules[index].isMatch(request) {
                if state.rules[index].skips > 0 {
                    state.rules[index].skips -= 1
                } else if state.rules[index].remaining > 0 {
                    state.rules[index].remaining -= 1
                    fault = state.rules[index].fault
                }
            }
            fault = fault ?? state.choose?(request)
            if fault != nil { state.done.append(request) }
            return fault
        }
    }

    // MARK: Connections

    private func serve(_ client: BlockingSocket) {
        guard keep(client) else { return }
        BlockingThread.start { [self] in
            var connection = ProxyConnection(client: client, proxy: self)
            // However it ends, that is the end of this connection only.
            try? connection.run()
            forget(client)
        }
    }

    /// Lets `stop` end a connection; false when it is too late for that.
    func keep(_ socket: BlockingSocket) -> Bool {
        state.withLock { state in
            if !state.isOver { state.connections[ObjectIdentifier(socket)] = socket }
            return !state.isOver
        }
    }

    func forget(_ socket: BlockingSocket) {
        state.withLock { _ = $0.connections.removeValue(forKey: ObjectIdentifier(socket)) }
    }
}
