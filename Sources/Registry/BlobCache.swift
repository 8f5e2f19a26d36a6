package import EventLoop
import OCI
import ObjectStorage
import Synchronization

/// Keeps requests for the same blob from fetching it more than once from a store that is far away.
///
/// Readers who come while a blob is fetched share the fetch; and with a directory, what was fetched is kept there.
package final class BlobCache: Sendable {
    /// How requests for content were answered since the start.
    package struct Counts: Equatable, Sendable {
        /// From a file that was there.
        package var hits = 0
        /// By a fetch that was under way.
        package var shared = 0
        /// By asking the store.
        package var misses = 0
    }

    /// Blobs up to this size, in bytes, are shared in memory, and larger ones only in files.
    private static let smallSize = 64 << 10
    /// The same where there is no directory, or no room in it.
    private static let largestInMemory = 1 << 20
    /// Bytes of all blobs in memory.
    private static let memoryLimit = 64 << 20
    /// Seconds without new files after writing one has failed.
    private static let pause = 60

    /// What there is while a blob is on its way.
    private enum Entry {
        /// Somebody asks the store for it.
        case opening(Watched<Outcome?>)
        case fetching(BlobCacheFetch)
    }

    /// What came of asking the store, for those who wait for it.
    private enum Outcome {
        /// The content can be shared.
        case shared
        /// It cannot, or there is none: everybody has to ask.
        case separate
        /// Whoever asked has failed or gone away.
        case unknown
    }

    /// How a reader comes to the content.
    private enum Way {
        case join(BlobCacheFetch.Reader)
        case wait(Watched<Outcome?>)
        case ask(Watched<Outcome?>)
    }

    private let directory: BlobCacheDirectory?
    private let memory = SpaceCounter(limit: BlobCache.memoryLimit)
    private let blockingWork: BlockingWork
    private let report: @Sendable (any Error) -> Void
    private let entries = Mutex<[Digest: Entry]>([:])
    /// Seconds of the clock until which no file is begun.
    private let pausedUntil = Mutex(0)
    private let currentCounts = Mutex(Counts())
    /// Seconds of a monotonic clock.
    private let now: @Sendable () -> Int

    /// Shares fetches; and keeps blobs in files of at most `size` bytes together, if there is a `directory`.
    ///
    /// The directory is made if it is missing; it must belong to one process alone, and nobody else may write to it.
    /// `report` is told why a file could not be written, which no client notices. Blocks.
    package init(
        directory: String? = nil, size: Int = 0, blockingWork: BlockingWork,
        now: @escaping @Sendable () -> Int = { EventLoop.now },
        report: @escaping @Sendable (any Error) -> Void = { _ in }
    ) throws {
        self.directory = try directory.map { try BlobCacheDirectory(path: $0, limit: size) }
        self.blockingWork = blockingWork
        self.now = now
        self.report = report
    }

    /// Bytes in the directory's files.
    package var size: Int { directory?.taken ?? 0 }
    package var counts: Counts { currentCounts.withLock { $0 } }

    // MARK: What is there

    /// The blob's size if its bytes are here or on their way.
    func size(of digest: Digest, in blobs: Blobs) async throws -> Int? {
        if let file = try await keptFile(digest, blobs) { return file.file.size }
        return entries.withLock { entries in
            if case .fetching(let fetch)? = entries[digest] { return fetch.size }
            return nil
        }
    }

    /// The bytes in `range`, if they are here or come next.
    func part(_ range: Range<Int>, of digest: Digest, in blobs: Blobs) async throws -> BlobContent? {
        if let file = try await keptFile(digest, blobs), range.upperBound <= file.file.size {
            currentCounts.withLock { $0.hits += 1 }
            return BlobContent(size: file.file.size, body: .cached(CachedBlob(file, range: range)))
        }
        let reader = entries.withLock { entries in
            if case .fetching(let fetch)? = entries[digest], fetch.file != nil { return fetch.join() }
            return nil
        }
        guard let reader, let file = reader.fetch.file, range.lowerBound <= reader.available,
            range.upperBound <= reader.fetch.size
        else {
            currentCounts.withLock { $0.misses += 1 }
            return nil
        }
        currentCounts.withLock { $0.shared += 1 }
        return BlobContent(
            size: reader.fetch.size, body: .cached(CachedBlob(file, range: range, reader: reader)))
    }

    /// The blob's file, if there is one and the blob is still in the store.
    private func keptFile(_ digest: Digest, _ blobs: Blobs) async throws -> BlobCacheFile? {
        let time = now()
        guard let directory, let hit = directory.open(digest, now: time) else { return nil }
        guard hit.isDue else { return hit.file }
        do {
            if try await blobs.stored(digest)?.size == hit.file.file.size {
                directory.noteCheck(of: digest, at: time)
                return hit.file
            }
        } catch {
            directory.noteCheck(of: digest, at: nil)
            throw error
        }
        // Deleted from the store, or the file is no whole blob.
        try await blockingWork.run { directory.remove(digest) }
        return nil
    }

    // MARK: The whole

    /// All bytes of a blob, from here or from the store; nil when there is none.
    func whole(_ digest: Digest, in blobs: Blobs) async throws -> BlobContent? {
        while true {
            if let file = try await keptFile(digest, blobs) {
                currentCounts.withLock { $0.hits += 1 }
                return BlobContent(
                    size: file.file.size, body: .cached(CachedBlob(file, range: 0..<file.file.size)))
            }
            switch way(to: digest) {
            case .join(let reader):
                currentCounts.withLock { $0.shared += 1 }
                return try await content(reader)
            case .ask(let outcome):
                currentCounts.withLock { $0.misses += 1 }
                return try await ask(digest, blobs, outcome)
            case .wait(let outcome):
                guard try await outcome.first({ $0 }) == .separate else { continue }
                currentCounts.withLock { $0.misses += 1 }
                return try await blobs.fetch(digest)
            }
        }
    }

    private func way(to digest: Digest) -> Way {
        entries.withLock { entries in
            switch entries[digest] {
            case .opening(let outcome): return .wait(outcome)
            case .fetching(let fetch): if let reader = fetch.join() { return .join(reader) }
            case nil: break
            }
            let outcome = Watched<Outcome?>(nil)
            entries[digest] = .opening(outcome)
            return .ask(outcome)
        }
    }

    /// The content for a reader of a fetch: of a small blob when it is complete, so that a failure can be answered.
    private func content(_ reader: BlobCacheFetch.Reader) async throws -> BlobContent {
        let size = reader.fetch.size
        if let file = reader.fetch.file {
            return BlobContent(size: size, body: .cached(CachedBlob(file, range: 0..<size, reader: reader)))
        }
        let bytes = try await reader.content()
        return BlobContent(size: size, body: .object(.stream(SharedBytes(bytes: bytes, reader: reader))))
    }

    /// Asks the store, and starts a fetch for everybody if the content is worth it.
    private func ask(_ digest: Digest, _ blobs: Blobs, _ outcome: Watched<Outcome?>) async throws -> BlobContent? {
        var reader: BlobCacheFetch.Reader?
        var content: BlobContent?
        do {
            content = try await blobs.fetch(digest)
            if case .object(.stream(let stream as VerifiedStream))? = content?.body,
                let fetch = await fetch(digest, stream.size)
            {
                reader = start(fetch, stream.base)
            }
        } catch {
            settle(digest, nil, outcome, .unknown)
            throw error
        }
        settle(digest, reader?.fetch, outcome, reader == nil ? .separate : .shared)
        guard let reader else { return content }
        return try await self.content(reader)
    }

    private func settle(
        _ digest: Digest, _ fetch: BlobCacheFetch?, _ outcome: Watched<Outcome?>, _ found: Outcome
    ) {
        entries.withLock { $0[digest] = fetch.map(Entry.fetching) }
        outcome.change { $0 = found }
    }

    // MARK: Fetching

    /// A fetch to where the size fits; nil where it does not fit anywhere.
    private func fetch(_ digest: Digest, _ size: Int) async -> BlobCacheFetch? {
        guard size > 0 else { return nil }
        if size > Self.smallSize, let file = await newFile(size) {
            return BlobCacheFetch(digest, size: size, file: file, memory: nil)
        }
        guard size <= Self.largestInMemory, let space = memory.reserve(size) else { return nil }
        return BlobCacheFetch(digest, size: size, file: nil, memory: space)
    }

    /// nil when there is no directory, no room in it, or something wrong with the disk.
    private func newFile(_ size: Int) async -> BlobCacheFile? {
        guard let directory, pausedUntil.withLock({ $0 }) <= now() else { return nil }
        do {
            return try await blockingWork.run { try directory.makeFile(size: size) }
        } catch {
            noteFailure(error)
            return nil
        }
    }

    private func noteFailure(_ error: any Error) {
        pausedUntil.withLock { $0 = now() + Self.pause }
        report(error)
    }

    private func start(_ fetch: BlobCacheFetch, _ stream: any ObjectStream) -> BlobCacheFetch.Reader {
        fetch.start(stream) { [self] failure in
            if let file = fetch.file { await keep(file, fetch, failure) }
            entries.withLock { entries in
                // Another one may have begun after this one was given up.
                if case .fetching(let current) = entries[fetch.digest], current === fetch {
                    entries[fetch.digest] = nil
                }
            }
        }
    }

    /// Makes a fetched file one of the directory, or removes it.
    private func keep(_ file: BlobCacheFile, _ fetch: BlobCacheFetch, _ failure: (any Error)?) async {
        guard let directory else { return }
        if let failure = failure as? SystemCallError { noteFailure(failure) }
        let time = now()
        do {
            try await blockingWork.run {
                if failure == nil {
                    try directory.publish(file, as: fetch.digest, now: time)
                } else {
                    directory.discard(file)
                }
            }
        } catch {
            noteFailure(error)
            directory.discard(file)
        }
    }
}

/// Bytes in memory that several readers share.
private struct SharedBytes: ObjectStream {
    let bytes: [UInt8]
    /// Holds their memory's reservation.
    let reader: BlobCacheFetch.Reader

    var size: Int { bytes.count }

    func forEachChunk(_ use: (RawSpan) async throws -> Void) async throws {
        try await use(bytes.span.bytes)
    }
}
