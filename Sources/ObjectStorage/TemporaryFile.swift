import CPosix
import EventLoop
import Glibc
import Synchronization

/// A file in the store's private directory: where bytes are until they are published, and gone if they never are.
///
/// One task uses it at a time.
final class TemporaryFile: Sendable {
    /// How much is written before its way to the disk starts, so that the fsync at the end is short; in bytes.
    private static let writebackStep = 8 << 20

    private struct State {
        var size = 0
        var writtenBack = 0
        var isLinked = true
    }

    private let tree: DirectoryTree
    private let path: String
    private let descriptor: OwnedDescriptor
    private let state = Mutex(State())

    /// Creates an empty file with a name that no process will choose again.
    init(in tree: DirectoryTree) throws(SystemCallError) {
        let name = (0..<2).map { _ in String(UInt64.random(in: 0...UInt64.max), radix: 16) }.joined(separator: "-")
        let path = "\(DirectoryTree.temporaryFiles)/\(name)"
        do throws(SystemCallError) {
            descriptor = try Self.create(path, in: tree)
        } catch {
            guard error.code == ENOENT else { throw error }
            try tree.makeTemporaryDirectory()
            descriptor = try Self.create(path, in: tree)
        }
        self.tree = tree
        self.path = path
    }

    deinit {
        discard()
    }

    private static func create(_ path: String, in tree: DirectoryTree) throws(SystemCallError) -> OwnedDescriptor {
        let flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
        return OwnedDescriptor(
            try Posix.call("openat", subject: tree.subject(path)) { openat(tree.number, path, flags, 0o640) })
    }

    /// In bytes.
    var size: Int { state.withLock { $0.size } }

    /// Writes at the end, into the page cache.
    func append(_ bytes: RawSpan) throws(SystemCallError) {
        let failure: SystemCallError? = bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                do throws(SystemCallError) {
                    let count = try Posix.call("write", subject: tree.subject(path)) {
                        write(descriptor.number, UnsafeRawBufferPointer(rebasing: rest).baseAddress!, rest.count)
                    }
                    rest = rest.dropFirst(count)
                } catch {
                    return error
                }
            }
            return nil
        }
        if let failure { throw failure }
        grow(by: bytes.byteCount)
    }

    /// Appends `file`, inside the file system where it can do that. Blocks.
    func append(contentsOf file: OpenFile) throws(SystemCallError) {
        var done = 0
        while done < file.size {
            let count = cposix_copy_file_range(file.number, descriptor.number, UInt(min(file.size - done, 64 << 20)))
            if count == -1 && errno == EINTR { continue }
            // Between some file systems it does not work, or says that it has copied nothing: then by hand.
            guard count > 0 else { return try copy(file, from: done) }
            done += count
            grow(by: count)
        }
    }

    private func copy(_ file: OpenFile, from start: Int) throws(SystemCallError) {
        var done = start
        while done < file.size {
            let bytes = try file.read(at: done, count: min(file.size - done, 1 << 20))
            guard !bytes.isEmpty else { throw SystemCallError("read", code: EIO, subject: tree.subject(path)) }
            try append(bytes.span.bytes)
            done += bytes.count
        }
    }

    private func grow(by count: Int) {
        let range: Range<Int>? = state.withLock { state in
            state.size += count
            guard state.size - state.writtenBack >= Self.writebackStep else { return nil }
            defer { state.writtenBack = state.size }
            return state.writtenBack..<state.size
        }
        guard let range else { return }
        // Only a hint: what fails here fails again, and is seen, in fsync.
        _ = cposix_start_writeback(descriptor.number, range.lowerBound, range.count)
    }

    func synchronize() throws(SystemCallError) {
        try tree.synchronize(descriptor.number)
    }

    /// Makes this file the object at `key`: metadata, fsync, name, fsync of the directory. Blocks.
    func publish(at key: ObjectKey, _ metadata: ObjectMetadata, _ condition: PutCondition) throws -> ObjectInfo {
        if condition == .absent { try tree.refuseIfPresent(key) }
        let status = try FileAttributes.seal(descriptor.number, metadata)
        // An empty file without attributes has nothing but its name to lose.
        if size > 0 || !metadata.isEmpty { try synchronize() }
        try tree.publish(key, condition) { (directory, name) throws(SystemCallError) in
            switch condition {
            case .always:
                _ = try Posix.call("renameat", subject: tree.subject(key.string)) {
                    renameat(tree.number, path, directory, name)
                }
                state.withLock { $0.isLinked = false }
            case .absent:
                _ = try Posix.call("linkat", subject: tree.subject(key.string)) {
                    linkat(tree.number, path, directory, name, 0)
                }
                discard()
            }
        }
        return ObjectInfo(status, metadata)
    }

    /// Takes the temporary name away, and with it the bytes, if they have no other.
    func discard() {
        let wasLinked = state.withLock { state in
            defer { state.isLinked = false }
            return state.isLinked
        }
        // A failure leaves a stale file, which `removeStaleTemporaryFiles` takes.
        if wasLinked { _ = unlinkat(tree.number, path, 0) }
    }
}
