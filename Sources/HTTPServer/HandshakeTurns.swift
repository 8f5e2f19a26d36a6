import EventLoop

/// Lets the handshakes of one loop take turns: one step of one of them in each pass, because a step may take a
/// millisecond of the processor, and everybody else on the loop waits for it.
///
/// `@unchecked Sendable`: used only on its loop.
final class HandshakeTurns: @unchecked Sendable {
    private var isTaken = false
    private var waiting: [UnsafeContinuation<Void, Never>] = []

    init() {}

    /// Runs `step` when it is its turn, and lets the loop make a pass before the next one's.
    func run<Value, Failure: Error>(
        on loop: EventLoop, _ step: () throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        await begin()
        defer { end() }
        let value = try step()
        await loop.giveWay()
        return value
    }

    private func begin() async {
        await withUnsafeContinuation { continuation in
            if isTaken { waiting.append(continuation) } else { continuation.resume() }
            isTaken = true
        }
    }

    /// Hands the turn on to who has waited longest.
    private func end() {
        guard !waiting.isEmpty else {
            isTaken = false
            return
        }
        waiting.removeFirst().resume()
    }
}
