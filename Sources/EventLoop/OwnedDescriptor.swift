import Glibc

/// A file descriptor with one owner, closed when the owner goes away.
package struct OwnedDescriptor: ~Copyable, Sendable {
    /// The descriptor's number, valid as long as this value lives.
    package let number: CInt

    /// Takes over `number`, which must be open.
    package init(_ number: CInt) {
        self.number = number
    }

    deinit {
        // The result is of no use: Linux frees the number whatever close returns, and durability was fsync's job.
        _ = Glibc.close(number)
    }
}

/// An open file that several holders may read at explicit offsets; closed when the last one lets go.
package final class OpenFile: Sendable {
    private let descriptor: OwnedDescriptor
    /// The size in bytes when it was opened.
    package let size: Int

    package init(_ descriptor: consuming OwnedDescriptor, size: Int) {
        self.descriptor = descriptor
        self.size = size
    }

    /// The bytes of a small file; one more than `limit` if it has more. Blocks: not for event loops.
    package static func bytes(of path: String, limit: Int) throws(SystemCallError) -> [UInt8] {
        // Not blocking, so that a named pipe is an error instead of a wait for ever.
        let descriptor = OwnedDescriptor(
            try Posix.call("open", subject: path) { open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) })
        do throws(SystemCallError) {
            return try OpenFile(descriptor, size: 0).read(at: 0, count: limit + 1)
        } catch {
            throw SystemCallError("read", code: error.code, subject: path)
        }
    }

    /// The descriptor's number, valid as long as this object lives.
    package var number: CInt { descriptor.number }

    /// Reads up to `count` bytes at `offset`; fewer only at the end of the file. Blocks: call it on `BlockingWork`.
    package func read(at offset: Int, count: Int) throws(SystemCallError) -> [UInt8] {
        var failure: SystemCallError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                do throws(SystemCallError) {
                    let got = try Posix.call("pread") {
                        pread(number, buffer.baseAddress! + filled, count - filled, off_t(offset + filled))
                    }
                    if got == 0 { return }
                    filled += got
                } catch {
                    failure = error
                    return
                }
            }
        }
        if let failure { throw failure }
        return bytes
    }
}

/// A run of bytes of an open file.
package struct FileRegion: Sendable {
    package let file: OpenFile
    package let offset: Int
    package let length: Int

    package init(file: OpenFile, offset: Int, length: Int) {
        self.file = file
        self.offset = offset
        self.length = length
    }

    /// The part of this region that `range`, counted from its start, names; `range` must lie within it.
    package func slice(_ range: Range<Int>) -> FileRegion {
        precondition(range.lowerBound >= 0 && range.upperBound <= length, "slice outside of the file region")
        return FileRegion(file: file, offset: offset + range.lowerBound, length: range.count)
    }
}
