import CPosix
import Glibc

/// A timer of an event loop that fires once each time it is set, to the millisecond.
///
/// `@unchecked Sendable`: used only on its loop.
package final class LoopTimer: Pollable, @unchecked Sendable {
    private let loop: EventLoop
    private let descriptor: OwnedDescriptor
    private var registration: Registration?
    private var fire: (() -> Void)?

    /// Makes a timer that is not set; `fire` is called on the loop. `close` ends it.
    package init(_ loop: EventLoop, fire: @escaping () -> Void) throws(SystemCallError) {
        self.loop = loop
        self.fire = fire
        descriptor = OwnedDescriptor(
            try Posix.call("timerfd_create") {
                timerfd_create(CLOCK_MONOTONIC, CInt(TFD_NONBLOCK | TFD_CLOEXEC))
            })
        registration = try loop.register(self, descriptor: descriptor.number, whileReady: .readable)
    }

    /// Fires in `milliseconds`, at the loop's next pass if that is 0, instead of when it was set for before.
    package func set(milliseconds: Int) {
        var value = itimerspec()
        value.it_value.tv_sec = milliseconds / 1000
        // All zero would switch the timer off.
        value.it_value.tv_nsec = max(1, milliseconds % 1000 * 1_000_000)
        setTime(value)
    }

    /// Does not fire until it is set again.
    package func stop() {
        setTime(itimerspec())
    }

    /// Ends the timer and lets go of `fire`.
    package func close() {
        guard let registration = registration.take() else { return }
        loop.deregister(registration, descriptor: descriptor.number)
        fire = nil
    }

    package func ready(_ events: ReadyEvents) {
        var count: UInt64 = 0
        // Nothing to read means that the timer was set again after this event was taken: then it is not due.
        guard read(descriptor.number, &count, MemoryLayout<UInt64>.size) > 0 else { return }
        fire?()
    }

    package func tick(now: Int) {}

    private func setTime(_ time: itimerspec) {
        var time = time
        // Cannot fail: the descriptor is a timer and the value is in range.
        _ = timerfd_settime(descriptor.number, 0, &time, nil)
    }
}
