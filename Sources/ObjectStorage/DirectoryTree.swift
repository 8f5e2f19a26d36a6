import CPosix
import EventLoop
import Glibc

/// The system calls of the directory store. Paths are relative to the root, "." is the root itself; nothing below the
/// root is ever opened, written or listed through a symbolic link.
final class DirectoryTree: Sendable {
    /// What the store's own names begin with; no key has such a component.
    static let privatePrefix = ".stowage"
    static let temporaryFiles = ".stowage/tmp"

    /// The root as it was given, for a person to read.
    let path: String
    private let root: OwnedDescriptor

    /// Opens the root directory, which is made when it is missing unless `readOnly`. Blocks.
    init(path: String, readOnly: Bool) throws(SystemCallError) {
        if !readOnly { try Self.makeRoot(path) }
        let number = try Posix.call("open", subject: path) { open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        self.path = path
        root = OwnedDescriptor(number)
    }

    /// The root's descriptor, valid as long as this object lives.
    var number: CInt { root.number }

    /// A path for error texts, of a length fit for a log.
    func subject(_ path: String) -> String { "\(self.path)/\(path.prefix(512))" }

    /// What is at `path`, a symbolic link taken as itself; nil when nothing is.
    ///
    /// Only for what is opened by `openIfPresent` before it is believed: links on the way are followed here.
    func status(of path: String) throws(SystemCallError) -> stat? {
        var status = stat()
        if fstatat(root.number, path, &status, AT_SYMLINK_NOFOLLOW) == 0 { return status }
        let code = errno
        if SystemCallError.meansAbsent(code) { return nil }
        throw SystemCallError("fstatat", code: code, subject: subject(path))
    }

    /// nil when nothing is at `path`, or only something behind a symbolic link.
    func openIfPresent(_ path: String, _ flags: CInt) throws(SystemCallError) -> OwnedDescriptor? {
        do throws(SystemCallError) {
            return try openBeneath(path, flags)
        } catch {
            if SystemCallError.meansAbsent(error.code) { return nil }
            throw SystemCallError(error.call, code: error.code, subject: subject(path))
        }
    }

    /// Where it is an error that nothing is at `path`, or only something behind a symbolic link.
    func openExisting(_ path: String, _ flags: CInt) throws(SystemCallError) -> OwnedDescriptor {
        do throws(SystemCallError) {
            return try openBeneath(path, flags)
        } catch {
            throw SystemCallError(error.call, code: error.code, subject: subject(path))
        }
    }

    /// Leaves the subject out of errors: most of them are thrown away, and it takes longer than the call.
    private func openBeneath(_ path: String, _ flags: CInt) throws(SystemCallError) -> OwnedDescriptor {
        OwnedDescriptor(
            try Posix.call("openat2") { cposix_open_beneath(root.number, path, flags | O_CLOEXEC) })
    }

    /// Opens a regular file for reading; nil when there is none.
    func openFile(_ path: String) throws(SystemCallError) -> (file: OpenFile, status: stat)? {
        // O_NONBLOCK: a FIFO that somebody left in the tree must not stop the caller's thread.
        guard let descriptor = try openIfPresent(path, O_RDONLY | O_NONBLOCK | O_NOCTTY) else { return nil }
        let status = try Self.status(of: descriptor.number)
        guard status.isRegularFile else { return nil }
        return (OpenFile(descriptor, size: Int(status.st_size)), status)
    }

    static func status(of descriptor: CInt) throws(SystemCallError) -> stat {
        var status = stat()
        _ = try Posix.call("fstat") { fstat(descriptor, &status) }
        return status
    }

    /// Makes what was written through `descriptor`, or the names in that directory, survive a loss of power.
    func synchronize(_ descriptor: CInt) throws(SystemCallError) {
        do throws(SystemCallError) {
            _ = try Posix.call("fsync", subject: path) { fsync(descriptor) }
        } catch {
            // A file system that has nothing to synchronise for a directory says so.
            if error.code != EINVAL { throw error }
        }
    }

    /// Makes the names in the directory at `path` survive a loss of power; one that is gone has none.
    func synchronizeDirectory(_ path: String) throws(SystemCallError) {
        guard let directory = try openIfPresent(path, O_RDONLY | O_DIRECTORY) else { return }
        try synchronize(directory.number)
    }
}

extension DirectoryTree {
    /// Proves that the root is still the one that was opened, can be read and, unless `readOnly`, written to.
    func probe(readOnly: Bool) throws(SystemCallError) {
        var status = stat()
        _ = try Posix.call("stat", subject: path) { stat(path, &status) }
        let opened = try Self.status(of: root.number)
        guard status.st_dev == opened.st_dev, status.st_ino == opened.st_ino else {
            throw SystemCallError("stat", code: ESTALE, subject: path)
        }
        _ = try openExisting(".", O_RDONLY | O_DIRECTORY)
        if readOnly { return }
        let file = try TemporaryFile(in: self)
        try file.append([UInt8(0)].span.bytes)
        try file.synchronize()
        file.discard()
    }

    /// Makes the root and its missing parents, durably.
    private static func makeRoot(_ path: String) throws(SystemCallError) {
        var status = stat()
        if stat(path, &status) == 0 { return }
        let parent = Self.parent(of: path)
        if parent != path { try makeRoot(parent) }
        do throws(SystemCallError) {
            _ = try Posix.call("mkdir", subject: path) { mkdir(path, 0o750) }
        } catch {
            // Another process may start on the same directory.
            if error.code != EEXIST { throw error }
        }
        let number = try Posix.call("open", subject: parent) { open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        let directory = OwnedDescriptor(number)
        _ = try Posix.call("fsync", subject: parent) { fsync(directory.number) }
    }

    private static func parent(of path: String) -> String {
        let end = path.utf8.lastIndex { $0 != UInt8(ascii: "/") }
        guard let end, let slash = path.utf8[...end].lastIndex(of: UInt8(ascii: "/")) else {
            return path.utf8.first == UInt8(ascii: "/") ? "/" : "."
        }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}

extension SystemCallError {
    /// Whether nothing can be at a path: missing, below a file, behind a symbolic link, longer than the system takes, or
    /// a socket or dead device.
    static func meansAbsent(_ code: CInt) -> Bool {
        code == ENOENT || code == ENOTDIR || code == ELOOP || code == ENAMETOOLONG || code == ENXIO
    }
}

extension stat {
    var isRegularFile: Bool { st_mode & S_IFMT == S_IFREG }
}

extension ObjectStoreError {
    /// What a failed system call means to a store's user; `key` is what it was about.
    init(_ error: SystemCallError, _ key: ObjectKey?) {
        switch (error.code, key) {
        case (ENOSPC, _), (EDQUOT, _): self = .full(error.description)
        case (ENAMETOOLONG, let key?), (ENOTDIR, let key?), (EISDIR, let key?), (ELOOP, let key?), (EILSEQ, let key?):
            self = .unsupportedKey(key, reason: String(cString: strerror(error.code)))
        default: self = .unavailable(error.description)
        }
    }
}
