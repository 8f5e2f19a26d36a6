import EventLoop
import OCI
import ObjectStorage
import Synchronization

/// What this process remembers of s3lo's part of the bucket: nothing that could not be read again.
final class S3loMemory: Sendable {
    /// Layers whose chunks were all there, by their digests; the limit is in chunks.
    let layers = RecentValues<Digest, S3loLayers.Found>(limit: 100_000)
    /// What each tag leads to, by its key; the limit is in digests.
    let tags = RecentValues<ObjectKey, S3loTags.Known>(limit: 200_000)
    /// When repositories of many tags had records of all of them, in seconds since 1970.
    let recordedRepositories = RecentValues<RepositoryName, Int>(limit: 10_000)
    /// Memory for chunks that are fetched before their turn, of all requests together.
    let readAhead = SpaceCounter(limit: 64 << 20)
    /// `s3lo.yaml` as it was last read.
    let settings = Mutex<S3loSettings.Reading?>(nil)
    /// Seconds since 1970 until which no tags are adopted, because the store refused the last one.
    let pause = Mutex(0)
}
