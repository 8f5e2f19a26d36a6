import CCurl
import EventLoop
import Glibc

/// libcurl on one event loop: runs requests, a bounded number at once, and keeps their deadlines.
package actor CurlEngine {
    nonisolated let loop: EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// How often deadlines are looked at, in milliseconds.
    private static let sweepInterval = 250
    private static let keptHandles = 64

    private let connections: Int
    private let connectionAge: Int
    private var multi: CurlMulti?
    private var sweep: LoopTimer?
    private var isSweeping = false
    private var idle: [CurlHandle] = []
    private var active: [CurlTransfer] = []
    /// Transfers that wait for their turn from `waitingHead` on; those that ended meanwhile are skipped.
    private var waiting: [CurlTransfer] = []
    private var waitingHead = 0

    /// `connections`: most requests at once; `connectionAge`: seconds a connection may have been idle to be used.
    init(loop: EventLoop, connections: Int, connectionAge: Int) {
        self.loop = loop
        self.connections = max(1, connections)
        self.connectionAge = connectionAge
    }

    deinit {
        guard let multi, let sweep else { return }
        // Connections are closed where they live. No transfer is active: each keeps its engine.
        Task(executorPreference: loop) { [idle] in
            sweep.close()
            withExtendedLifetime(idle) {}
            multi.close()
        }
    }

    // MARK: Requests

    /// Sends a request and returns the whole answer; `limit` is the most bytes its body may have.
    func perform(_ request: HTTPRequest, limit: Int) async throws -> HTTPResponse {
        let transfer = CurlTransfer(request, to: .memory(limit: limit), on: loop)
        try await withTaskCancellationHandler {
            try begin(transfer)
            await transfer.wait { !transfer.isEnded }
        } onCancel: {
            Task { await cancel(transfer) }
        }
        if let failure = transfer.failure { throw failure }
        return HTTPResponse(
            status: transfer.status, fields: transfer.fields, bytes: transfer.bytes, isResent: transfer.sends > 1)
    }

    /// Sends a request and returns when the head of the answer is there.
    func open(_ request: HTTPRequest) async throws -> HTTPDownload {
        let transfer = CurlTransfer(request, to: .reader, on: loop)
        try await withTaskCancellationHandler {
            try begin(transfer)
            await transfer.wait { !transfer.isHeadComplete && !transfer.isEnded }
        } onCancel: {
            Task { await cancel(transfer) }
        }
        if !transfer.isHeadComplete || transfer.failure is CancellationError {
            throw transfer.failure ?? HTTPTransportError("no answer", phase: .sending)
        }
        return HTTPDownload(engine: self, transfer: transfer, status: transfer.status, fields: transfer.fields)
    }

    /// The next bytes of a download's body, nil at its end; `used` are the previous ones.
    func next(of transfer: CurlTransfer, used: HTTPChunk?) async throws -> HTTPChunk? {
        if let used { loop.buffers.giveBack(used.buffer) }
        return try await withTaskCancellationHandler {
            while true {
                let (chunk, resume) = transfer.takeChunk()
                if resume, case .active(let handle) = transfer.state { multi?.resume(handle) }
                if let chunk { return chunk }
                if transfer.isEnded { break }
                await transfer.wait { !transfer.hasNews }
            }
            if let failure = transfer.failure { throw failure }
            return nil
        } onCancel: {
            Task { await cancel(transfer) }
        }
    }

    /// Breaks a transfer off; whoever waits for it gets a `CancellationError`.
    func cancel(_ transfer: CurlTransfer) {
        end(transfer, CancellationError())
    }

    /// Breaks a download off that nobody reads any more.
    func abandon(_ transfer: CurlTransfer) {
        cancel(transfer)
        transfer.discardChunks()
    }

    // MARK: Transfers

    private func begin(_ transfer: CurlTransfer) throws {
        if active.count >= connections {
            waiting.append(transfer)
            startSweeping()
        } else {
            try start(transfer)
        }
    }

    private func start(_ transfer: CurlTransfer) throws {
        let multi = try startedMulti()
        let handle = idle.popLast() ?? CurlHandle(age: connectionAge)
        do {
            try handle.prepare(transfer)
        } catch {
            idle.append(handle)
            transfer.state = .ended
            throw error
        }
        transfer.state = .active(handle)
        transfer.index = active.count
        active.append(transfer)
        startSweeping()
        multi.add(handle)
    }

    private func startedMulti() throws -> CurlMulti {
        if let multi { return multi }
        let made = try CurlMulti(loop, connections: connections) { [unowned self] handle, result in
            assumeIsolated { $0.ended(handle, result) }
        }
        sweep = try LoopTimer(loop) { [weak self] in
            guard let self else { return }
            assumeIsolated { $0.checkDeadlines() }
        }
        multi = made
        return made
    }

    /// libcurl is done with a handle.
    private func ended(_ handle: CurlHandle, _ result: CURLcode) {
        guard let transfer = handle.transfer else { return }
        if transfer.failure == nil {
            if result != CURLE_OK {
                transfer.failure = handle.failure(result)
            } else if !transfer.isHeadComplete {
                // To libcurl a head that breaks off is a whole answer.
                transfer.failure = HTTPTransportError("the head of the answer ends early", phase: transfer.phase)
            }
        }
        retire(transfer, handle)
    }

    /// Breaks a transfer off because of `failure`.
    private func end(_ transfer: CurlTransfer, _ failure: any Error) {
        switch transfer.state {
        case .ended: return
        case .queued:
            transfer.failure = failure
            transfer.state = .ended
            transfer.wake()
        case .active(let handle):
            transfer.failure = failure
            multi?.remove(handle)
            retire(transfer, handle)
        }
    }

    private func retire(_ transfer: CurlTransfer, _ handle: CurlHandle) {
        transfer.state = .ended
        handle.release()
        if idle.count < Self.keptHandles { idle.append(handle) }
        let last = active.removeLast()
        if last !== transfer {
            active[transfer.index] = last
            last.index = transfer.index
        }
        transfer.wake()
        startWaiting()
    }

    private func startWaiting() {
        while active.count < connections, waitingHead < waiting.count {
            let transfer = waiting[waitingHead]
            waitingHead += 1
            if transfer.isEnded { continue }
            do {
                try start(transfer)
            } catch {
                transfer.failure = error
                transfer.wake()
            }
        }
        if waitingHead == waiting.count {
            waiting.removeAll(keepingCapacity: waitingHead < 1024)
            waitingHead = 0
        } else if waitingHead > 1024 {
            waiting.removeFirst(waitingHead)
            waitingHead = 0
        }
    }

    // MARK: Deadlines

    private func startSweeping() {
        guard !isSweeping, let sweep else { return }
        isSweeping = true
        sweep.set(milliseconds: Self.sweepInterval)
    }

    private func checkDeadlines() {
        isSweeping = false
        let now = EventLoop.nowMilliseconds
        for transfer in active + waiting[waitingHead...] {
            guard let missed = transfer.missedDeadline(now: now) else { continue }
            end(transfer, HTTPTransportError(missed, phase: transfer.phase, isTimeout: true))
        }
        if !active.isEmpty || waitingHead < waiting.count { startSweeping() }
    }
}
