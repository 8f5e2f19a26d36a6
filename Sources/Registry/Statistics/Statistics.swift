package import OCI

/// What a store holds, and how much of it is shared.
///
/// Counted as s3lo's `stats` does (units are bytes): stored are whole blobs and chunks, logical is what every tag would
/// take by itself. Manifests that are kept under a digest only are no tags.
package struct Statistics: Equatable, Sendable {
    /// Repositories with at least one tag.
    package var repositories = 0
    package var tags = 0
    /// Tags whose manifest, or a manifest below it, could not be read; they add nothing to `logicalBytes`.
    package var unreadableTags = 0
    /// Objects below `blobs/`.
    package var blobs = 0
    package var blobBytes = 0
    /// Objects below `chunks/`.
    package var chunks = 0
    package var chunkBytes = 0
    /// Configs and layers of every tag, each tag counted by itself.
    package var logicalBytes = 0
    /// Blobs and chunks by S3's name of their class; `STANDARD` where the store names none.
    package var bytesByStorageClass: [String: Int] = [:]
    /// The repositories with the most logical bytes first.
    package var largestRepositories: [RepositoryUsage] = []
    /// The layers with the most tags first; nil unless they were asked for.
    package var layers: LayerSharing?

    /// What the store takes for the content of images.
    package var storedBytes: Int { blobBytes + chunkBytes }
    /// What sharing saves.
    package var savedBytes: Int { max(0, logicalBytes - storedBytes) }
    /// `savedBytes` of `logicalBytes`.
    package var savedPercent: Double { logicalBytes == 0 ? 0 : Double(savedBytes) / Double(logicalBytes) * 100 }
}

/// What one repository would take by itself.
package struct RepositoryUsage: Equatable, Sendable {
    package let name: RepositoryName
    package let tags: Int
    package let logicalBytes: Int
}

/// How layers are shared between tags.
package struct LayerSharing: Equatable, Sendable {
    /// One layer and who uses it.
    package struct Layer: Equatable, Sendable {
        package let digest: Digest
        /// In bytes.
        package let size: Int
        /// How many tags use it.
        package let tags: Int
        /// The first of them as `NAME:TAG`, sorted.
        package let users: [String]
    }

    /// Distinct layers.
    package var count = 0
    /// Each layer once, in bytes.
    package var storedBytes = 0
    /// Each layer once for every tag that uses it, in bytes.
    package var logicalBytes = 0
    /// Most tags first, then the larger, then by digest.
    package var mostShared: [Layer] = []
}
