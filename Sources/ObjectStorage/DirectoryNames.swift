import EventLoop
import Glibc

/// The names in one directory, those of directories with a "/" at the end, in one run of memory.
struct DirectoryNames {
    private var bytes: [UInt8] = []
    private var ranges: [Range<Int>] = []
    private var read = 0

    fileprivate mutating func append(_ name: [UInt8]) {
        ranges.append(bytes.count..<bytes.count + name.count)
        bytes += name
    }

    /// Puts them in byte order.
    mutating func sort() {
        let bytes = bytes
        bytes.withUnsafeBytes { bytes in
            ranges.sort { one, other in
                let common = min(one.count, other.count)
                let order = memcmp(
                    bytes.baseAddress! + one.lowerBound, bytes.baseAddress! + other.lowerBound, common)
                return order == 0 ? one.count < other.count : order < 0
            }
        }
    }

    /// One after the other.
    mutating func next() -> ArraySlice<UInt8>? {
        guard read < ranges.count else { return nil }
        defer { read += 1 }
        return bytes[ranges[read]]
    }
}

extension DirectoryTree {
    /// The files and directories in a directory for which `isWanted` holds, in no order; nil when there is no directory.
    ///
    /// Left out: names that are no UTF-8 or the store's own, and what is neither file nor directory, such as symbolic
    /// links.
    func names(
        in path: String, where isWanted: ([UInt8]) -> Bool
    ) throws(SystemCallError) -> DirectoryNames? {
        guard let reader = try DirectoryReader(path, in: self) else { return nil }
        var names = DirectoryNames()
        var name: [UInt8] = []
        while let kind = try reader.next(&name) {
            switch kind {
            case .file: break
            case .directory: name.append(UInt8(ascii: "/"))
            case .other: continue
            }
            guard isWanted(name), !name.starts(with: Self.privatePrefix.utf8),
                String(validating: name, as: UTF8.self) != nil
            else { continue }
            names.append(name)
        }
        return names
    }
}

/// An open directory stream.
private final class DirectoryReader {
    enum Kind {
        case file
        case directory
        case other
    }

    private let stream: OpaquePointer
    private let subject: String

    /// nil when there is no such directory.
    init?(_ path: String, in tree: DirectoryTree) throws(SystemCallError) {
        subject = tree.subject(path)
        guard let directory = try tree.openIfPresent(path, O_RDONLY | O_DIRECTORY) else { return nil }
        // The stream takes a descriptor of its own, which closes with it.
        let number = try Posix.call("fcntl", subject: subject) { fcntl(directory.number, F_DUPFD_CLOEXEC, 0) }
        guard let stream = fdopendir(number) else {
            let error = SystemCallError("fdopendir", subject: subject)
            close(number)
            throw error
        }
        self.stream = stream
    }

    deinit {
        closedir(stream)
    }

    /// Puts the next name into `name`; nil at the end. "." and ".." are left out.
    func next(_ name: inout [UInt8]) throws(SystemCallError) -> Kind? {
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                if errno == 0 { return nil }
                throw SystemCallError("readdir", subject: subject)
            }
            withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                name.removeAll(keepingCapacity: true)
                name.append(contentsOf: bytes.prefix { $0 != 0 })
            }
            if name == [UInt8(ascii: ".")] || name == [UInt8(ascii: "."), UInt8(ascii: ".")] { continue }
            return kind(of: entry)
        }
    }

    private func kind(of entry: UnsafeMutablePointer<dirent>) -> Kind {
        switch Int(entry.pointee.d_type) {
        case Int(DT_REG): return .file
        case Int(DT_DIR): return .directory
        case Int(DT_UNKNOWN): break
        default: return .other
        }
        // Some file systems do not keep the kind beside the name.
        var status = stat()
        guard fstatat(dirfd(stream), &entry.pointee.d_name.0, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return .other }
        if status.isRegularFile { return .file }
        return status.st_mode & S_IFMT == S_IFDIR ? .directory : .other
    }
}
