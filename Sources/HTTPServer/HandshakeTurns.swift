/// Lets the handshakes of one loop take turns: one step of one of them in each pass, because a step may take a
/// millisecond of the processor, and everybody else on the loop waits for it.
///
/// `@unchecked Sendable`: used only on its loop.
final class HandshakeTurns: @unchecked Sendable {
    private var isTaken = false
    private var waiting: [UnsafeContinuation<Void, Never>] = []

    init() {}

    /// Waits for the turn; whoever has it must call `end`.
    func begin() async {
        await withUnsafeContinuation { continuation in
            if isTaken { waiting.append(continuation) } else { continuation.resume() }
            isTaken = true
        }
    }

    /// Hands the turn on to who has waited longest.
    func end() {
        guard !waiting.isEmpty else {
            isTaken = false
            return
        }
        waiting.removeFirst().resume()
    }
}
