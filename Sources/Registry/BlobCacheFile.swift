package import EventLoop
import Glibc

/// A file of the cache that is open: the space it takes is free again when it has lost its name and its last user.
struct BlobCacheFile: Sendable {
    /// In the cache's directory; a temporary one while the file is being filled.
    let name: String
    let file: OpenFile
    let space: ReservedSpace

    /// Writes into the page cache.
    func write(_ bytes: RawSpan, at offset: Int) throws(SystemCallError) {
        var failure: SystemCallError?
        bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count {
                do throws(SystemCallError) {
                    done += try Posix.call("pwrite", subject: name) {
                        pwrite(file.number, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
                    }
                } catch {
                    failure = error
                    return
                }
            }
        }
        if let failure { throw failure }
    }
}

/// Bytes of a blob in a file of the cache, which may still be filled while they are read.
package final class CachedBlob: Sendable {
    private let cached: BlobCacheFile
    private let range: Range<Int>
    /// nil when all bytes are there.
    private let reader: BlobCacheFetch.Reader?

    init(_ cached: BlobCacheFile, range: Range<Int>, reader: BlobCacheFetch.Reader? = nil) {
        self.cached = cached
        self.range = range
        self.reader = reader
    }

    /// In bytes.
    package var length: Int { range.count }

    /// Gives the bytes in order, as soon as they are there. Throws when the fetch that fills the file fails.
    package func forEachRegion(_ use: (FileRegion) async throws -> Void) async throws {
        var position = range.lowerBound
        while position < range.upperBound {
            let available = try await reader?.available(beyond: position) ?? range.upperBound
            let end = min(available, range.upperBound)
            try await use(FileRegion(file: cached.file, offset: position, length: end - position))
            position = end
        }
    }
}
