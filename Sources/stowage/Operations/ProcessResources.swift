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

/// Allocations large enough to be mapped by themselves, such as the bodies of large manifests.
enum LargeAllocations {
    /// Allocations of at least so many bytes go back to the system as soon as they are freed.
    private static let size: CInt = 256 << 10

    /// Has the allocator map them always: left to itself, it keeps those to come, and every loop's thread for itself.
    static func giveBack() {
        mallopt(M_MMAP_THRESHOLD, size)
    }
}
