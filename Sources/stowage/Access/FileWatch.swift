import EventLoop
import Glibc
import OpenSSL
import Synchronization

/// Files that are read again when they have other content: a certificate, passwords, keys of tokens and of issuers.
///
/// Looks every second at what is behind their paths, so that a file that was replaced, or is reached by a link that now
/// points elsewhere as in Kubernetes, counts as changed. It acts when two looks in a row found the same, because files
/// are written step by step, and once for each new content, be it good or not.
final class FileWatch: Sendable {
    /// Files that belong together.
    struct Group: Sendable {
        /// For messages, such as `the certificate`.
        let name: String
        let paths: [String]
        /// Reads the files; throws what is wrong with them, and then nothing has changed. On no event loop.
        let read: @Sendable () async throws -> Void
    }

    /// What became of a change.
    typealias Report = @Sendable (_ name: String, _ failure: (any Error)?) -> Void

    private struct Watched {
        let group: Group
        /// What was read last, good or bad.
        var settled: [UInt8]
        /// What the last look found.
        var seen: [UInt8]
    }

    private static let interval = Duration.seconds(1)
    /// Longer files are not what they should be, which reading them will say; their beginning tells changes enough.
    private static let maximumSize = 1 << 20

    private let work: BlockingWork
    private let report: Report
    private let watched = Mutex<[Watched]>([])
    private let task = Mutex<Task<Void, Never>?>(nil)

    init(work: BlockingWork, report: @escaping Report) {
        (self.work, self.report) = (work, report)
    }

    /// Watches these from now on, as they are now; they have just been read.
    func watch(_ groups: [Group]) {
        let fresh = groups.map { group in
            let content = Self.content(of: group.paths)
            return Watched(group: group, settled: content, seen: content)
        }
        watched.withLock { $0 = fresh }
    }

    func start() {
        task.withLock { task in
            task = Task {
                while !Task.isCancelled {
                    // Cancelled: the loop ends.
                    try? await Task.sleep(for: Self.interval)
                    await look()
                }
            }
        }
    }

    func stop() {
        task.withLock { $0 }?.cancel()
    }

    /// Looks once at every group.
    func look() async {
        let count = watched.withLock { $0.count }
        for index in 0..<count {
            guard let group = watched.withLock({ $0.indices.contains(index) ? $0[index].group : nil }) else { return }
            // What cannot be read is content, too: this never throws.
            guard let content = try? await work.run({ Self.content(of: group.paths) }), isNew(content, at: index)
            else { continue }
            do {
                try await group.read()
                report(group.name, nil)
            } catch {
                report(group.name, error)
            }
        }
    }

    /// Whether the content is other than what was read last, and no longer being written.
    private func isNew(_ content: [UInt8], at index: Int) -> Bool {
        watched.withLock { watched in
            guard watched.indices.contains(index) else { return false }
            let isSteady = watched[index].seen == content
            watched[index].seen = content
            guard isSteady, watched[index].settled != content else { return false }
            watched[index].settled = content
            return true
        }
    }

    /// A hash of what is behind the paths now; a file that cannot be read counts as the reason.
    private static func content(of paths: [String]) -> [UInt8] {
        var hash = SHA256()
        for path in paths {
            var bytes: [UInt8]
            do throws(SystemCallError) {
                bytes = [1] + (try SmallFile.bytes(at: path, limit: maximumSize))
            } catch {
                bytes = [0, UInt8(truncatingIfNeeded: error.code)]
            }
            hash.update(SHA256.hash(bytes).span.bytes)
        }
        return hash.finalized()
    }
}

/// Reads files that are small, whatever is behind their paths.
enum SmallFile {
    /// The first bytes of a file, pipe or device: one more than `limit` tells that there are too many. Blocks.
    static func bytes(at path: String, limit: Int) throws(SystemCallError) -> [UInt8] {
        let file = OwnedDescriptor(try Posix.call("open") { open(path, O_RDONLY | O_CLOEXEC) })
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= limit {
            let count = try Posix.call("read") { Glibc.read(file.number, &piece, piece.count) }
            if count == 0 { break }
            bytes += piece[..<count]
        }
        return bytes
    }
}
