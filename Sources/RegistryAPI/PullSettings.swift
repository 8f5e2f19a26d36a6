package import Registry

/// How blobs get to clients.
package struct PullSettings: Sendable {
    /// Where a client's GET of a blob ends.
    package enum Mode: Sendable {
        /// At the store, by a 307 to a presigned URL, where the store has one; else as in `proxy`.
        case redirect
        /// Here: the bytes pass through this server.
        case proxy
    }

    package var mode = Mode.proxy
    /// Smaller blobs, in bytes, are never redirected: another connection to another host takes longer than they do.
    package var redirectMinimumSize = 16 << 10
    /// Shares and keeps what passes through; for stores that are far away, so nil for a directory.
    package var cache: BlobCache?

    package init() {}
}
