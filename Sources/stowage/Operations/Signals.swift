import Dispatch
import Glibc
import Synchronization

/// The signals the server understands, delivered on a Dispatch queue of their own.
final class Signals {
    private let sources: [any DispatchSourceSignal]

    /// Takes over SIGTERM, SIGINT and SIGHUP, and ignores SIGPIPE, for the rest of the program's life.
    ///
    /// `onStop` is called once; a second SIGTERM or SIGINT ends the program on the spot.
    init(onStop: @escaping @Sendable () -> Void, onReload: @escaping @Sendable () -> Void) {
        let queue = DispatchQueue(label: "stowage.signals")
        signal(SIGPIPE, SIG_IGN)
        let stopOnce = StopOnce(action: onStop)
        sources = [(SIGTERM, stopOnce.call), (SIGINT, stopOnce.call), (SIGHUP, onReload)].map { number, action in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler(handler: action)
            source.activate()
            return source
        }
    }
}

/// The first call stops the server, the second one the process.
private final class StopOnce: Sendable {
    private let isStopping = Atomic<Bool>(false)
    private let action: @Sendable () -> Void

    init(action: @escaping @Sendable () -> Void) {
        self.action = action
    }

    @Sendable func call() {
        // 128 + SIGINT, as a shell reports a program that was interrupted.
        if isStopping.exchange(true, ordering: .relaxed) { _exit(130) }
        action()
    }
}
