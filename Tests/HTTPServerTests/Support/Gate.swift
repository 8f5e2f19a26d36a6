import Glibc
import TestSupport

/// Where tasks wait until a test lets them pass.
final class Gate: Sendable {
    private let state = Guarded((isOpen: false, waiting: [CheckedContinuation<Void, Never>]()))

    /// How many tasks wait.
    var waiting: Int { state.value.waiting.count }

    func pass() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.change { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiting = state.change { state in
            defer { state = (true, []) }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}

/// Where threads wait until a test lets them go on.
final class Barrier: Sendable {
    private let state = Guarded((isOpen: false, arrived: 0))

    /// How many threads have come.
    var arrived: Int { state.value.arrived }

    func wait() {
        state.change { $0.arrived += 1 }
        while !state.value.isOpen { _ = poll(nil, 0, 1) }
    }

    func open() { state.change { $0.isOpen = true } }
}
