import EventLoop
import Glibc

/// A thread for work that blocks and that other work waits for.
///
/// Dispatch lends so many threads and no more: with a hundred programs, each read and awaited by one of them, a proxy
/// would get none to answer what these programs wait for.
package enum BlockingThread {
    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Runs `body` on a new thread, which ends with it.
    package static func start(_ body: @escaping @Sendable () -> Void) {
        let work = Unmanaged.passRetained(Work(body))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { work in
                if let work { Unmanaged<Work>.fromOpaque(work).takeRetainedValue().body() }
                return nil
            }, work.toOpaque())
        precondition(code == 0, "\(SystemCallError("pthread_create", code: code))")
        pthread_detach(thread)
    }
}
