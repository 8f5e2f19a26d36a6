import CPosix
import Foundation

/// The limit on open files, which every connection and every layer on its way counts against.
enum OpenFileLimit {
    /// Takes what the system allows this process at most.
    static func raise() {
        var limit = rlimit()
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(files, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        // Best effort: the server works with fewer, and answers 503 above its own limit of connections.
        _ = setrlimit(files, &limit)
    }
}

/// Allocations that are much larger than the buffers of connections, such as the bodies of large manifests.
enum LargeAllocations {
    /// Allocations of at least so many bytes are mapped by themselves, and go back to the system when they are freed.
    private static let size: CInt = 1 << 20

    /// Has the allocator do so for good: left to itself, it begins to keep what is large, for every loop's thread.
    static func giveBack() {
        mallopt(M_MMAP_THRESHOLD, size)
        // Free memory that a thread keeps at the end of its heap: set, as the other setting makes it smaller than a
        // buffer.
        mallopt(M_TRIM_THRESHOLD, 2 * size)
    }
}
