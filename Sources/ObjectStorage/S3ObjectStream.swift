import HTTPClient
import S3
import Synchronization

/// The bytes of an object while they come; an answer that is cut off is asked for again from there on.
final class S3ObjectStream: ObjectStream {
    /// How often in a row a cut answer that brought nothing is asked for again.
    private static let maximumAttempts = 4
    /// The first wait before another attempt, in milliseconds; it doubles.
    private static let firstPause = 100

    private let store: S3ObjectStore
    private let key: ObjectKey
    private let etag: String
    private let range: Range<Int>
    private let first: Mutex<HTTPDownload?>

    /// `download`: the answer that has begun, to a request for `range`.
    init(store: S3ObjectStore, key: ObjectKey, etag: String, range: Range<Int>, download: HTTPDownload) {
        self.store = store
        self.key = key
        self.etag = etag
        self.range = range
        first = Mutex(download)
    }

    var size: Int { range.count }

    func forEachChunk(_ use: (RawSpan) async throws -> Void) async throws {
        var position = range.lowerBound
        var download = first.withLock { $0.take() }
        var attempt = 0
        while position < range.upperBound {
            let start = position
            var readerFailure: (any Error)?
            do {
                let answer = if let download { download } else { try await reopen(at: position) }
                try await answer.forEachChunk { chunk in
                    // More than was asked for is not passed on.
                    let count = min(chunk.byteCount, range.upperBound - position)
                    do { try await use(chunk.extracting(0..<count)) } catch {
                        readerFailure = error
                        throw error
                    }
                    position += count
                }
                if position < range.upperBound { throw ObjectStoreError.unavailable("\(key): the answer was cut off") }
            } catch {
                if let readerFailure { throw readerFailure }
                attempt = position > start ? 1 : attempt + 1
                guard attempt < Self.maximumAttempts, Self.isWorthAnotherTry(error) else {
                    throw S3ObjectStore.storeError(error, nil)
                }
                try await Task.sleep(for: .milliseconds(Self.firstPause << (attempt - 1)))
            }
            download = nil
        }
    }

    private func reopen(at position: Int) async throws -> HTTPDownload {
        let found = try await store.client.getObject(key.string, range: position..<range.upperBound, ifMatch: etag)
        guard let found, found.head.etag == etag else { throw ReplacedObject(key: key) }
        return found.download
    }

    private static func isWorthAnotherTry(_ error: any Error) -> Bool {
        switch error {
        case is CancellationError, is ReplacedObject: false
        case let error as S3Error: error.isRetryable
        default: true
        }
    }
}

/// An object was replaced or deleted while it was read.
private struct ReplacedObject: Error, CustomStringConvertible {
    let key: ObjectKey

    var description: String { "\(key) was replaced or deleted while it was read" }
}
