import EventLoop
import Glibc
import OCI
import Synchronization

/// Why a directory cannot hold a cache, for a person to read.
package struct BlobCacheError: Error, CustomStringConvertible {
    package let description: String
}

/// The files of a cache of blobs, `<algorithm>-<hex>` each, which together stay within a limit of bytes.
///
/// One process uses a directory. Replacement is the clock algorithm: a hand goes round, passes over what was used since
/// it last came by, and removes what is not being read.
final class BlobCacheDirectory: Sendable {
    /// A file that is there.
    struct Hit {
        let file: BlobCacheFile
        /// Whether the caller has to see to it that the blob still exists in the store.
        let isDue: Bool
    }

    fileprivate struct Entry {
        var space: ReservedSpace
        let size: Int
        var wasUsed = false
        /// Seconds of the monotonic clock when the store was last asked for the blob; nil when it never was.
        var checked: Int?
    }

    fileprivate struct State {
        var entries: [Digest: Entry] = [:]
        var ring: [Digest] = []
        var hand = 0
    }

    /// Seconds a blob may be served from here after it was last seen in the store.
    static let checkInterval = 60
    private static let temporaryPrefix = ".filling-"
    private static let block = 4096

    private let path: String
    private let directory: OwnedDescriptor
    private let space: SpaceCounter
    private let state = Mutex(State())

    /// Opens or makes the directory at `path`, counts the files in it and removes what was not finished. `limit`: bytes.
    init(path: String, limit: Int) throws {
        self.path = path
        space = SpaceCounter(limit: limit)
        directory = try Self.open(path)
        try adoptFiles()
    }

    private static func open(_ path: String) throws -> OwnedDescriptor {
        if mkdir(path, 0o700) != 0, errno != EEXIST { throw SystemCallError("mkdir", subject: path) }
        let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC
        let directory = OwnedDescriptor(try Posix.call("open", subject: path) { Glibc.open(path, flags) })
        let number = directory.number
        var status = stat()
        _ = try Posix.call("fstat", subject: path) { fstat(number, &status) }
        guard status.st_mode & 0o022 == 0 else {
            throw BlobCacheError(description: "\(path): others may write to this directory, so it cannot be a cache")
        }
        guard flock(number, LOCK_EX | LOCK_NB) == 0 else {
            throw BlobCacheError(description: "\(path): another process uses this directory as its cache")
        }
        return directory
    }

    /// Bytes that files take, those without a name that are still read among them.
    var taken: Int { space.taken }

    // MARK: Reading

    /// The blob's file; nil when there is none. `now`: seconds of a monotonic clock. Opens a file, which as a rule does
    /// not wait for the disk.
    func open(_ digest: Digest, now: Int) -> Hit? {
        let found = state.withLock { state -> (entry: Entry, isDue: Bool)? in
            guard let entry = state.entries[digest] else { return nil }
            let isDue = entry.checked.map { now - $0 >= Self.checkInterval } ?? true
            state.entries[digest]?.wasUsed = true
            // Whoever sees first that it is due again asks the store, for all; what an earlier run left, nobody has
            // compared with the store yet.
            if isDue, entry.checked != nil { state.entries[digest]?.checked = now }
            return (entry, isDue)
        }
        guard let found else { return nil }
        let name = Self.name(of: digest)
        do {
            let file = try openFile(name)
            guard file.size == found.entry.size else { throw SystemCallError("fstat", code: EIO, subject: name) }
            return Hit(file: BlobCacheFile(name: name, file: file, space: found.entry.space), isDue: found.isDue)
        } catch {
            // Removed, cut off or made unreadable by somebody else: as good as absent.
            remove(digest)
            return nil
        }
    }

    private func openFile(_ name: String) throws(SystemCallError) -> OpenFile {
        let flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
        let descriptor = OwnedDescriptor(
            try Posix.call("openat", subject: name) { openat(directory.number, name, flags) })
        let number = descriptor.number
        var status = stat()
        _ = try Posix.call("fstat", subject: name) { fstat(number, &status) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw SystemCallError("openat", code: EINVAL, subject: name) }
        return OpenFile(descriptor, size: Int(status.st_size))
    }

    /// Notes that the store had the blob at `time`; with nil, that it could not be asked, so that the next reader has to.
    func noteCheck(of digest: Digest, at time: Int?) {
        state.withLock { $0.entries[digest]?.checked = time }
    }

    /// Removes the blob's file; who reads it goes on.
    func remove(_ digest: Digest) {
        state.withLock { $0.remove(digest) }
        // It may be gone already, which is what is wanted.
        _ = unlinkat(directory.number, Self.name(of: digest), 0)
    }

    // MARK: Filling; these block

    /// A file for `size` bytes, with the disk's blocks allocated; nil when the limit leaves no room.
    func makeFile(size: Int) throws(SystemCallError) -> BlobCacheFile? {
        guard let space = reserve(size) else { return nil }
        let name = Self.temporaryPrefix + String(UInt64.random(in: 0...UInt64.max), radix: 16)
        let flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
        let descriptor = OwnedDescriptor(
            try Posix.call("openat", subject: "\(path)/\(name)") { openat(directory.number, name, flags, 0o600) })
        let code = posix_fallocate(descriptor.number, 0, off_t(size))
        guard code == 0 else {
            _ = unlinkat(directory.number, name, 0)
            throw SystemCallError("posix_fallocate", code: code, subject: "\(path)/\(name)")
        }
        return BlobCacheFile(name: name, file: OpenFile(descriptor, size: size), space: space)
    }

    /// Gives a full file, whose bytes were found to be the blob's, the blob's name.
    func publish(_ file: BlobCacheFile, as digest: Digest, now: Int) throws(SystemCallError) {
        // After a loss of power a file must not have its name and size, but not its bytes.
        _ = try Posix.call("fdatasync", subject: file.name) { fdatasync(file.file.number) }
        let name = Self.name(of: digest)
        _ = try Posix.call("renameat", subject: name) {
            renameat(directory.number, file.name, directory.number, name)
        }
        state.withLock { state in
            state.insert(digest, Entry(space: file.space, size: file.file.size, checked: now))
        }
    }

    /// Removes a file that was not published.
    func discard(_ file: BlobCacheFile) {
        // What this leaves behind, the next start removes.
        _ = unlinkat(directory.number, file.name, 0)
    }

    private func reserve(_ size: Int) -> ReservedSpace? {
        let count = (size + Self.block - 1) / Self.block * Self.block
        guard count <= space.limit else { return nil }
        while true {
            if let reserved = space.reserve(count) { return reserved }
            guard let victim = state.withLock({ $0.evict() }) else { return nil }
            _ = unlinkat(directory.number, Self.name(of: victim), 0)
        }
    }

    // MARK: Start

    /// Takes over the blobs of an earlier run, the latest first, as far as there is room.
    private func adoptFiles() throws {
        var found: [(digest: Digest, size: Int, modified: Int)] = []
        for name in try names() {
            if name.hasPrefix(Self.temporaryPrefix) {
                _ = unlinkat(directory.number, name, 0)
            } else if let digest = Self.digest(of: name) {
                var status = stat()
                guard fstatat(directory.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
                guard status.st_mode & S_IFMT == S_IFREG else { continue }
                found.append((digest, Int(status.st_size), status.st_mtim.tv_sec))
            }
        }
        found.sort { $0.modified > $1.modified }
        for file in found {
            let count = (file.size + Self.block - 1) / Self.block * Self.block
            if let space = space.reserve(count) {
                state.withLock { $0.insert(file.digest, Entry(space: space, size: file.size)) }
            } else {
                _ = unlinkat(directory.number, Self.name(of: file.digest), 0)
            }
        }
    }

    private func names() throws -> [String] {
        let copy = try Posix.call("openat", subject: path) {
            openat(directory.number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        }
        guard let stream = fdopendir(copy) else {
            _ = close(copy)
            throw SystemCallError("fdopendir", subject: path)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                })
        }
        return names
    }

    private static func name(of digest: Digest) -> String { "\(digest.algorithm.rawValue)-\(digest.hex)" }

    /// nil for a file that is not the cache's, which is left alone.
    private static func digest(of name: String) -> Digest? {
        guard let dash = name.firstIndex(of: "-") else { return nil }
        // A name that is no digest is somebody else's.
        return try? Digest("\(name[..<dash]):\(name[name.index(after: dash)...])")
    }
}

extension BlobCacheDirectory.State {
    fileprivate mutating func insert(_ digest: Digest, _ entry: BlobCacheDirectory.Entry) {
        if entries.updateValue(entry, forKey: digest) == nil { ring.append(digest) }
    }

    fileprivate mutating func remove(_ digest: Digest) {
        guard entries.removeValue(forKey: digest) != nil, let place = ring.firstIndex(of: digest) else { return }
        removeFromRing(place)
    }

    private mutating func removeFromRing(_ place: Int) {
        ring.swapAt(place, ring.count - 1)
        ring.removeLast()
    }

    /// Takes out a blob that was not used of late and that nobody reads; nil when there is none.
    fileprivate mutating func evict() -> Digest? {
        for _ in 0..<2 * ring.count {
            if hand >= ring.count { hand = 0 }
            let digest = ring[hand]
            // Out of the table, or the table would count as one who holds its space.
            guard var entry = entries.removeValue(forKey: digest) else { return nil }
            if !entry.wasUsed, isKnownUniquelyReferenced(&entry.space) {
                removeFromRing(hand)
                return digest
            }
            entry.wasUsed = false
            entries[digest] = entry
            hand += 1
        }
        return nil
    }
}
