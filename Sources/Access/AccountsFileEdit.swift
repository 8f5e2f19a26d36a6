import EventLoop
import Glibc

/// Replaces a file of accounts whole, one program at a time: whoever reads it, or crashes, sees the old or the new one.
enum AccountsFileEdit {
    /// What `edit` makes of the file's bytes, nil for a file that is not there, becomes the file. Blocks.
    ///
    /// A new file is its owner's alone (mode 0600); one that was there keeps owner, group and mode, because a server of
    /// another user may read it. Throws `AccountsFileError`, `SystemCallError`, or what `edit` throws.
    static func replace(_ path: String, _ edit: (_ bytes: [UInt8]?) throws -> [UInt8]) throws {
        let path = try target(of: path)
        let (parent, name) = split(path)
        let directory = OwnedDescriptor(
            try Posix.call("open", subject: parent) { open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) })
        // The directory, because the file itself is another one after each change. Ends with the descriptor.
        _ = try Posix.call("flock", subject: parent) { flock(directory.number, LOCK_EX) }
        let old = try status(of: path)
        let bytes = try edit(try old.map { _ in try AccountsFileBytes.read(path) })
        guard bytes.count <= AccountsFileBytes.limit else {
            throw AccountsFileError("\(path) would be larger than \(AccountsFileBytes.limit) bytes")
        }
        let temporary = "\(parent)/.\(name).new"
        // What a run that was killed has left; a failure shows in the next call.
        unlink(temporary)
        do {
            try write(bytes, to: temporary, like: old)
            _ = try Posix.call("rename", subject: path) { rename(temporary, path) }
        } catch {
            unlink(temporary)
            throw error
        }
        _ = try Posix.call("fsync", subject: parent) { fsync(directory.number) }
    }

    /// Where links lead, so that they stay links.
    private static func target(of path: String) throws -> String {
        guard let resolved = realpath(path, nil) else {
            guard errno == ENOENT else { throw SystemCallError("realpath", subject: path) }
            return path
        }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private static func split(_ path: String) -> (parent: String, name: String) {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
        let parent = String(path[..<slash])
        return (parent.isEmpty ? "/" : parent, String(path[path.utf8.index(after: slash)...]))
    }

    private static func status(of path: String) throws(SystemCallError) -> stat? {
        var status = stat()
        do throws(SystemCallError) {
            _ = try Posix.call("stat", subject: path) { stat(path, &status) }
            return status
        } catch {
            guard error.code == ENOENT else { throw error }
            return nil
        }
    }

    private static func write(_ bytes: [UInt8], to path: String, like old: stat?) throws(SystemCallError) {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC
        let file = OwnedDescriptor(try Posix.call("open", subject: path) { open(path, flags, 0o600) })
        let number = file.number
        if let old {
            let isOwner = old.st_uid == geteuid() && old.st_gid == getegid()
            if !isOwner {
                _ = try Posix.call("fchown", subject: path) { fchown(number, old.st_uid, old.st_gid) }
            }
            _ = try Posix.call("fchmod", subject: path) { fchmod(number, old.st_mode & 0o777) }
        }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = try Posix.call("write", subject: path) {
                rest.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) }
            }
            rest = rest.dropFirst(count)
        }
        _ = try Posix.call("fsync", subject: path) { fsync(number) }
    }
}
