import Dispatch
import Glibc
import Synchronization

/// The signals the server understands, delivered on a Dispatch queue of their own.
final class Signals {
    /// Ends when the server has to stop.
    let stops: AsyncStream<Void>
    /// Has an element for every wish to read the configuration again; wishes that wait are one.
    let reloads: AsyncStream<Void>
    private let stage: Stage
    private let sources: [any DispatchSourceSignal]

    /// Takes over SIGTERM, SIGINT and SIGHUP, and ignores SIGPIPE, for the rest of the program's life.
    ///
    /// The first SIGTERM or SIGINT after `startServing` ends `stops`; every other one ends the program on the spot.
    init() {
        let (stops, stop) = AsyncStream.makeStream(of: Void.self)
        let (reloads, reload) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        (self.stops, self.reloads) = (stops, reloads)
        let stage = Stage()
        self.stage = stage
        let queue = DispatchQueue(label: "stowage.signals")
        signal(SIGPIPE, SIG_IGN)
        let stopOrExit = { @Sendable (number: CInt) in
            // As a shell reports a program that was ended by the signal.
            if !stage.beginStopping() { _exit(128 + number) }
            stop.finish()
        }
        let actions: [(CInt, @Sendable () -> Void)] = [
            (SIGTERM, { stopOrExit(SIGTERM) }), (SIGINT, { stopOrExit(SIGINT) }), (SIGHUP, { reload.yield() }),
        ]
        sources = actions.map { number, action in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler(handler: action)
            source.activate()
            return source
        }
    }

    /// From now on there is something to stop.
    func startServing() { stage.startServing() }
}

/// Whether the server starts, serves or stops.
private final class Stage: Sendable {
    private static let starting = 0
    private static let serving = 1
    private static let stopping = 2

    private let number = Atomic<Int>(Stage.starting)

    func startServing() { number.store(Self.serving, ordering: .relaxed) }

    /// Whether this call is the one that makes the server stop.
    func beginStopping() -> Bool {
        number.compareExchange(expected: Self.serving, desired: Self.stopping, ordering: .relaxed).exchanged
    }
}
