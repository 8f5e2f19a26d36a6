import EventLoop
import ObjectStorage
import S3
import TestSupport
import Testing

/// Every promise of `ObjectStore`, asked of buckets of real S3 servers.
@Suite(.s3)
struct S3ObjectStoreContractTests {
    @Test(arguments: ObjectStoreContract.all)
    func ceph(promise: ObjectStoreContract) async throws {
        try await promise.check(S3TestStore(.ceph).store)
    }

    /// Parts as short as S3 allows, and memory for two of them only.
    @Test(arguments: ObjectStoreContract.all)
    func cephWithLittleMemory(promise: ObjectStoreContract) async throws {
        try await promise.check(
            S3TestStore(.ceph) { options in
                options.partSize = 5 << 20
                options.memoryLimit = 10 << 20
                options.wholeCopyLimit = 6 << 20
            }.store)
    }

    /// SeaweedFS keeps a tree of directories: its listings are in the order of that tree, it drops empty metadata, and
    /// takes some characters of keys for others.
    @Test(arguments: ObjectStoreContract.all.filter { !Self.beyondTrees.contains($0.description) })
    func seaweed(promise: ObjectStoreContract) async throws {
        try await promise.check(S3TestStore(.seaweed).store)
    }

    private static let beyondTrees: Set<String> = [
        "metadata comes back as it was stored", "keys that are nearly alike are different objects",
        "a listing is in byte order of the whole key", "a listing of what cannot be is empty",
        "prefix, after and limit select like a sorted list of keys",
    ]
}
