import EventLoop
import Glibc

/// Files of a few kilobytes: tokens, and the shared configuration.
enum SmallFile {
    /// Why a file could not be read, for a person to read.
    struct Failure: Error, CustomStringConvertible {
        let description: String
        /// Whether there is no such file.
        let isAbsent: Bool
    }

    /// The whole of a file as text. Blocks: not for event loops.
    static func read(_ path: String, limit: Int) throws(Failure) -> String {
        let bytes: [UInt8]
        do throws(SystemCallError) {
            bytes = try readBytes(path, limit: limit)
        } catch {
            throw Failure(description: error.description, isAbsent: error.code == ENOENT || error.code == ENOTDIR)
        }
        guard bytes.count <= limit else {
            throw Failure(description: "\(path) is larger than \(limit) bytes", isAbsent: false)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure(description: "\(path) is not UTF-8", isAbsent: false)
        }
        return text
    }

    private static func readBytes(_ path: String, limit: Int) throws(SystemCallError) -> [UInt8] {
        // Not blocking, so that a named pipe is an error instead of a wait for ever.
        let descriptor = OwnedDescriptor(
            try Posix.call("open", subject: path) { open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) })
        do throws(SystemCallError) {
            // One byte more than the limit tells that there are more.
            return try OpenFile(descriptor, size: 0).read(at: 0, count: limit + 1)
        } catch {
            throw SystemCallError("read", code: error.code, subject: path)
        }
    }
}
