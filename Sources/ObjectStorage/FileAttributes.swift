import CPosix
import EventLoop
import Glibc

/// The metadata of an object as one extended attribute of its file: the content type (or nothing) in the first line,
/// then a line `name=value` each.
enum FileAttributes {
    private static let name = "user.stowage"

    /// Gives an open file its metadata and the present time, and returns what it is then. Not durable yet.
    static func seal(_ descriptor: CInt, _ metadata: ObjectMetadata) throws(SystemCallError) -> stat {
        try write(metadata, to: descriptor)
        // Not left to the kernel, whose clock goes in ticks: two writes within one must get different entity tags.
        let times = [timespec.now, timespec.now]
        _ = try Posix.call("futimens") { futimens(descriptor, times) }
        return try DirectoryTree.status(of: descriptor)
    }

    private static func write(_ metadata: ObjectMetadata, to descriptor: CInt) throws(SystemCallError) {
        do throws(SystemCallError) {
            if metadata.isEmpty {
                _ = try Posix.call("fremovexattr") { fremovexattr(descriptor, name) }
            } else {
                let value = Array(encode(metadata).utf8)
                _ = try Posix.call("fsetxattr") { fsetxattr(descriptor, name, value, value.count, 0) }
            }
        } catch {
            // Not every file system has extended attributes; readers do without them, as after a copy without them.
            if error.code != ENODATA && error.code != EOPNOTSUPP { throw error }
        }
    }

    /// Empty when the file has no attribute, or one that cannot be read.
    static func read(_ descriptor: CInt) -> ObjectMetadata {
        let capacity = 2 * ObjectMetadata.longest
        let text = String(unsafeUninitializedCapacity: capacity) { buffer in
            max(0, fgetxattr(descriptor, name, buffer.baseAddress, capacity))
        }
        return text.isEmpty ? ObjectMetadata() : decode(text)
    }

    static func encode(_ metadata: ObjectMetadata) -> String {
        let lines = metadata.userMetadata.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return ([metadata.contentType ?? ""] + lines).joined(separator: "\n")
    }

    /// Takes what is valid: other tools may have written anything.
    static func decode(_ text: String) -> ObjectMetadata {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var metadata = ObjectMetadata(contentType: lines[0].isEmpty ? nil : String(lines[0]))
        for line in lines.dropFirst() {
            guard let sign = line.firstIndex(of: "=") else { continue }
            metadata.userMetadata[String(line[..<sign])] = String(line[line.index(after: sign)...])
        }
        return metadata.flaw == nil ? metadata : ObjectMetadata()
    }
}

/// What tells one state of a file from another.
struct FileIdentity: Equatable {
    private let device: UInt
    private let inode: UInt
    private let size: Int
    private let modified: Int
    private let changed: Int

    init(_ status: stat) {
        device = status.st_dev
        inode = status.st_ino
        size = status.st_size
        modified = status.st_mtim.nanoseconds
        changed = status.st_ctim.nanoseconds
    }

    /// Whether every later change of this file, or of one that takes over its inode number, is sure to show here.
    ///
    /// The kernel stamps changes with a clock that goes in ticks (4 ms, at most 10): a file of the same size that is
    /// written, or made with the number of a deleted one, within the tick of the last change looks the same. Once the
    /// last change is well in the past, by the exact clock read before the file was looked at, the next one cannot
    /// have its time. A time in the future proves nothing.
    func isSettled(at nanoseconds: Int) -> Bool {
        nanoseconds - changed >= 20_000_000
    }

    /// The present time for `isSettled`.
    static var now: Int { timespec.now.nanoseconds }
}

extension ObjectInfo {
    init(_ status: stat, _ metadata: ObjectMetadata) {
        self.init(
            size: Int(status.st_size),
            etag: Self.etag(status),
            modified: status.st_mtim.tv_sec,
            metadata: metadata)
    }

    /// Changes whenever the file is replaced or written to.
    static func etag(_ status: stat) -> String {
        let parts = [Int(status.st_ino), Int(status.st_size), status.st_mtim.nanoseconds]
        return parts.map { String($0, radix: 36) }.joined(separator: "-")
    }
}

extension timespec {
    /// By the exact clock, which is ahead of the kernel's tick.
    fileprivate static var now: timespec {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return now
    }

    fileprivate var nanoseconds: Int { tv_sec &* 1_000_000_000 &+ tv_nsec }
}
