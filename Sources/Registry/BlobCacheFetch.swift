import EventLoop
import Glibc
import OCI
import ObjectStorage
import Synchronization

/// One fetch of a blob's whole content that everybody shares who wants it meanwhile; it ends when nobody is left.
///
/// The bytes are gathered in memory or written to a file. The last of them show only when the whole has the digest.
final class BlobCacheFetch: Sendable {
    private struct Progress {
        /// Bytes readers may take.
        var available = 0
        /// All of them, in the end, if they are gathered in memory.
        var content: [UInt8] = []
        var failure: (any Error)?
    }

    private struct Audience {
        var readers = 0
        /// All bytes are there.
        var isComplete = false
        /// It failed, or was given up.
        var isOver = false
        var task: Task<Void, Never>?
    }

    /// Bytes after which the loop's other work gets a turn.
    private static let turnBudget = 512 << 10

    let digest: Digest
    /// In bytes.
    let size: Int
    /// nil when the bytes are gathered in memory.
    let file: BlobCacheFile?
    private let memory: ReservedSpace?
    private let progress = Watched(Progress())
    private let audience = Mutex(Audience())

    /// Fetches to `file`, or into `memory`.
    init(_ digest: Digest, size: Int, file: BlobCacheFile?, memory: ReservedSpace?) {
        self.digest = digest
        self.size = size
        self.file = file
        self.memory = memory
    }

    /// Starts fetching, for the reader that is returned. `onEnd` is called when the fetch is over; without a failure,
    /// all bytes are there.
    func start(
        _ stream: any ObjectStream, onEnd: @escaping @Sendable (_ failure: (any Error)?) async -> Void
    ) -> Reader {
        audience.withLock { audience in
            audience.readers = 1
            audience.task = Task(executorPreference: EventLoop.current) {
                let failure = await self.run(stream)
                await onEnd(failure)
            }
        }
        return Reader(self)
    }

    /// Another reader; nil when the fetch has been given up.
    func join() -> Reader? {
        let hasJoined = audience.withLock { audience in
            guard !audience.isOver else { return false }
            audience.readers += 1
            return true
        }
        return hasJoined ? Reader(self) : nil
    }

    private func leave() {
        let abandoned = audience.withLock { audience -> Task<Void, Never>? in
            audience.readers -= 1
            guard audience.readers == 0, !audience.isComplete, !audience.isOver else { return nil }
            audience.isOver = true
            return audience.task
        }
        abandoned?.cancel()
    }

    // MARK: Fetching

    /// Returns why it failed; nil when all bytes are there.
    private func run(_ stream: any ObjectStream) async -> (any Error)? {
        var failure: (any Error)?
        do {
            try await fetch(stream)
        } catch {
            failure = error
        }
        audience.withLock { audience in
            if failure == nil { audience.isComplete = true } else { audience.isOver = true }
            audience.task = nil
        }
        if let failure { progress.change { $0.failure = failure } }
        return failure
    }

    private func fetch(_ stream: any ObjectStream) async throws {
        var check = ContentCheck(digest, size: size)
        var bytes: [UInt8] = []
        if file == nil { bytes.reserveCapacity(size) }
        var spent = 0
        try await stream.forEachChunk { chunk in
            try Task.checkCancellation()
            let offset = check.count
            try check.add(chunk)
            if let file {
                try file.write(chunk, at: offset)
            } else {
                chunk.withUnsafeBytes { bytes.append(contentsOf: $0) }
            }
            let available = check.count
            if file != nil { progress.change { $0.available = available } }
            spent += chunk.byteCount
            if spent >= Self.turnBudget, let loop = EventLoop.current {
                spent = 0
                await loop.giveWay()
            }
        }
        try check.finish()
        let content = bytes
        progress.change { progress in
            progress.content = content
            progress.available = size
        }
    }

    // MARK: Reading

    /// One of those for whom the fetch goes on, as long as they are kept.
    final class Reader: Sendable {
        let fetch: BlobCacheFetch

        fileprivate init(_ fetch: BlobCacheFetch) {
            self.fetch = fetch
        }

        deinit { fetch.leave() }

        /// How many bytes from the start there are now.
        var available: Int { fetch.progress.value.available }

        /// How many bytes from the start there are, as soon as they are more than `position`. Throws the fetch's failure.
        func available(beyond position: Int) async throws -> Int {
            try await fetch.progress.first { progress in
                if progress.available > position { return progress.available }
                if let failure = progress.failure { throw failure }
                return nil
            }
        }

        /// All bytes, if they are gathered in memory. Throws the fetch's failure.
        func content() async throws -> [UInt8] {
            let size = fetch.size
            return try await fetch.progress.first { progress in
                if let failure = progress.failure { throw failure }
                return progress.content.count == size ? progress.content : nil
            }
        }
    }
}
