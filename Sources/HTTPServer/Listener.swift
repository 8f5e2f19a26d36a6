import EventLoop
import Synchronization

/// Accepts connections on one loop.
final class Listener: Pollable {
    /// Connections accepted before the loop's other work gets a turn; the rest waits for the next tick or event.
    private static let batch = 256

    let loop: EventLoop
    private let server: HTTPServer
    /// What its connections show; nil for plain ones.
    private let tls: TLSIdentity?
    private let state: Mutex<State>

    private struct State: ~Copyable {
        var socket: ListeningSocket?
        var registration: Registration?
    }

    init(_ socket: consuming ListeningSocket, loop: EventLoop, server: HTTPServer, tls: TLSIdentity?) {
        self.loop = loop
        self.server = server
        self.tls = tls
        state = Mutex(State(socket: consume socket, registration: nil))
    }

    func start() throws {
        try state.withLock { state in
            guard let number = state.socket?.number else { return }
            state.registration = try loop.register(self, descriptor: number)
        }
    }

    /// Takes what the kernel has queued, whose requests may have come already, and closes the listening socket.
    func stop() {
        while acceptOne() {}
        state.withLock { state in
            if let registration = state.registration, let number = state.socket?.number {
                loop.deregister(registration, descriptor: number)
            }
            state.registration = nil
            state.socket = nil
        }
    }

    func ready(_ events: ReadyEvents) { acceptAll() }

    /// Also once a second: accepting fails while the process is out of descriptors, and no new edge tells when it can.
    func tick(now: Int) { acceptAll() }

    private func acceptAll() {
        for _ in 0..<Self.batch where !acceptOne() { return }
        Task(executorPreference: loop) { self.acceptAll() }
    }

    private func acceptOne() -> Bool {
        // Out of descriptors: the clients wait in the kernel's queue until the next tick.
        guard let socket = try? state.withLock({ state in try state.socket?.accept() }) else { return false }
        server.adopt(socket, tls: tls)
        return true
    }
}
