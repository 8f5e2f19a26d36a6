import CCurl
import EventLoop
import Glibc

/// A libcurl multi handle whose sockets and timer are an event loop's.
///
/// `@unchecked Sendable`: touched only on its loop.
final class CurlMulti: @unchecked Sendable {
    /// How many times in a row libcurl's timer is served at once before others on the loop get their turn.
    private static let maximumRounds = 8
    private static let globalInitialization: CURLcode = curl_global_init(Int(CURL_GLOBAL_DEFAULT))

    private let loop: EventLoop
    private let multi: UnsafeMutableRawPointer
    private var timer: LoopTimer?
    private let ended: (CurlHandle, CURLcode) -> Void

    /// libcurl wants to be called as soon as it has returned.
    private var isDue = false
    /// When libcurl wants to be called, and when the timer fires, which may be earlier.
    private var due: Int?
    private var armed: Int?
    private var isSettling = false

    /// `ended` is called, never from within libcurl, with each handle whose transfer has ended, already removed.
    init(_ loop: EventLoop, connections: Int, ended: @escaping (CurlHandle, CURLcode) -> Void) throws {
        guard Self.globalInitialization == CURLE_OK, let multi = curl_multi_init() else {
            throw HTTPTransportError("libcurl cannot be initialised", phase: .connect)
        }
        self.loop = loop
        self.multi = multi
        self.ended = ended
        ccurl_multi_set(
            multi, Unmanaged.passUnretained(self).toOpaque(),
            { _, descriptor, what, context, assigned in
                CurlMulti.from(context).watch(descriptor, what, assigned)
                return 0
            },
            { _, milliseconds, context in
                CurlMulti.from(context).schedule(milliseconds)
                return 0
            }, connections)
        timer = try LoopTimer(loop) { [unowned self] in fire() }
    }

    /// Closes all connections; no transfer may be active. On the loop.
    func close() {
        timer?.close()
        timer = nil
        curl_multi_cleanup(multi)
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> CurlMulti {
        guard let context else { preconditionFailure("a callback without its multi handle") }
        return Unmanaged<CurlMulti>.fromOpaque(context).takeUnretainedValue()
    }

    // MARK: Transfers

    /// Starts the transfer of a prepared handle.
    func add(_ handle: CurlHandle) {
        let result = curl_multi_add_handle(multi, handle.easy)
        if result != CURLM_OK { ended(handle, CURLE_FAILED_INIT) }
        settle()
    }

    /// Breaks a transfer off; its connection is closed unless the transfer had ended.
    func remove(_ handle: CurlHandle) {
        curl_multi_remove_handle(multi, handle.easy)
        settle()
    }

    /// Lets a paused transfer go on.
    func resume(_ handle: CurlHandle) {
        curl_easy_pause(handle.easy, CURLPAUSE_CONT)
        settle()
    }

    /// Something happened on a socket, or the timer's time has come.
    func act(_ descriptor: CInt, _ events: CInt) {
        var running: CInt = 0
        curl_multi_socket_action(multi, descriptor, events, &running)
        settle()
    }

    /// Hands out what has ended and does what is due, until there is neither.
    private func settle() {
        // What `ended` starts is seen by the loop below.
        guard !isSettling else { return }
        isSettling = true
        defer { isSettling = false }
        for _ in 0..<Self.maximumRounds {
            handOut()
            guard isDue else { return }
            isDue = false
            var running: CInt = 0
            curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running)
        }
        handOut()
        if isDue { schedule(1) }
    }

    private func handOut() {
        var result = CURLE_OK
        while let easy = ccurl_multi_ended(multi, &result) {
            let handle = CurlHandle.from(ccurl_get_private(easy))
            // Before the handle can be used again, or libcurl would mix two transfers up.
            curl_multi_remove_handle(multi, easy)
            ended(handle, result)
        }
    }

    // MARK: The timer

    private func schedule(_ milliseconds: Int) {
        isDue = milliseconds == 0
        guard milliseconds > 0 else {
            // The timer stays as it is: firing in vain once is cheaper than setting it for each request.
            due = nil
            return
        }
        let time = EventLoop.nowMilliseconds + milliseconds
        due = time
        if armed.map({ $0 > time }) ?? true { arm(time, in: milliseconds) }
    }

    private func arm(_ time: Int, in milliseconds: Int) {
        armed = time
        timer?.set(milliseconds: milliseconds)
    }

    private func fire() {
        armed = nil
        guard let due else { return }
        let left = due - EventLoop.nowMilliseconds
        if left > 0 {
            arm(due, in: left)
        } else {
            self.due = nil
            act(CURL_SOCKET_TIMEOUT, 0)
        }
    }

    // MARK: Sockets

    private func watch(_ descriptor: CInt, _ what: CInt, _ assigned: UnsafeMutableRawPointer?) {
        let known = assigned.map { Unmanaged<CurlSocket>.fromOpaque($0) }
        if what == CURL_POLL_REMOVE {
            curl_multi_assign(multi, descriptor, nil)
            known?.takeRetainedValue().close()
            return
        }
        var interest: ReadyEvents = []
        if what & CURL_POLL_IN != 0 { interest.insert(.readable) }
        if what & CURL_POLL_OUT != 0 { interest.insert(.writable) }
        if let known {
            known.takeUnretainedValue().change(to: interest)
        } else {
            let socket = CurlSocket(descriptor, of: self, on: loop, interest: interest)
            curl_multi_assign(multi, descriptor, Unmanaged.passRetained(socket).toOpaque())
        }
    }
}

/// A socket of libcurl's that an event loop watches.
///
/// `@unchecked Sendable`: touched only on its loop.
private final class CurlSocket: Pollable, @unchecked Sendable {
    private let descriptor: CInt
    private unowned let multi: CurlMulti
    private let loop: EventLoop
    private var registration: Registration?

    init(_ descriptor: CInt, of multi: CurlMulti, on loop: EventLoop, interest: ReadyEvents) {
        self.descriptor = descriptor
        self.multi = multi
        self.loop = loop
        do {
            registration = try loop.register(self, descriptor: descriptor, whileReady: interest)
        } catch {
            // Out of memory for watches: the transfer's deadline ends it.
            registration = nil
        }
    }

    func change(to interest: ReadyEvents) {
        guard let registration else { return }
        do {
            try loop.change(registration, descriptor: descriptor, whileReady: interest)
        } catch {
            // The descriptor is in the set, so there is nothing that could fail; else the deadline ends the transfer.
            close()
        }
    }

    func close() {
        guard let registration = registration.take() else { return }
        loop.deregister(registration, descriptor: descriptor)
    }

    func ready(_ events: ReadyEvents) {
        var what: CInt = 0
        // A connection that broke is read from, for what is left and for the error.
        if events.contains(.readable) || !events.isDisjoint(with: .hangUp) { what |= CURL_CSELECT_IN }
        if events.contains(.writable) { what |= CURL_CSELECT_OUT }
        multi.act(descriptor, what)
    }

    func tick(now: Int) {}
}
