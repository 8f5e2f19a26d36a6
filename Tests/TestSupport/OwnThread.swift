import Dispatch

/// A thread that runs one task, which may block it: the tasks of the tests share as few threads as there are cores.
package final class OwnThread: TaskExecutor {
    private let queue: DispatchQueue

    private init(_ name: String) { queue = DispatchQueue(label: name) }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
    }

    /// Runs `body` on a thread of its own.
    package static func run<Value: Sendable>(
        _ name: String = "test", _ body: @concurrent @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withTaskExecutorPreference(OwnThread(name), operation: body)
    }
}
