/// What somebody may do with a repository.
package enum Action: String, Codable, CaseIterable, Sendable {
    /// Read manifests, blobs, tags and referrers.
    case pull
    /// Add content and tags that do not exist yet.
    case push
    /// Move a tag that exists to another manifest.
    case overwrite
    /// Remove tags, manifests and blobs.
    case delete
    /// See what concerns the whole server: statistics and metrics.
    case admin
}
