import EventLoop
import Glibc

/// A condition did not come true in time.
package struct NeverCameTrue: Error {
    package init() {}
}

/// Seconds within which a program starts or ends also where many do so at once and have few processors.
package let patienceWithPrograms = 120

/// Returns as soon as `condition` holds; throws when it does not within `timeout` seconds.
package func eventually(timeout: Int = 20, _ condition: () throws -> Bool) async throws {
    let end = EventLoop.now + timeout
    while try !condition() {
        guard EventLoop.now < end else { throw NeverCameTrue() }
        _ = poll(nil, 0, 2)
        await Task.yield()
    }
}
