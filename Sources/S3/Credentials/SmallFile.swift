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
            bytes = try OpenFile.bytes(of: path, limit: limit)
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
}
