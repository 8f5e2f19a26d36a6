import EventLoop
import Glibc

/// Reads the files of accounts and keys, which are small.
enum SmallFile {
    /// The whole of a file of at most `limit` bytes. Blocks.
    static func bytes(of path: String, limit: Int) throws(UnreadableFile) -> [UInt8] {
        let bytes: [UInt8]
        do throws(SystemCallError) {
            bytes = try OpenFile.bytes(of: path, limit: limit)
        } catch {
            let reason = String(cString: strerror(error.code))
            throw UnreadableFile(description: "\(path): cannot be read (\(reason)): check path and permissions")
        }
        guard bytes.count <= limit else {
            throw UnreadableFile(description: "\(path): larger than \(limit) bytes: check the path")
        }
        return bytes
    }
}

/// Why a file cannot be read, with its path and what to do.
struct UnreadableFile: Error, CustomStringConvertible {
    let description: String
}
