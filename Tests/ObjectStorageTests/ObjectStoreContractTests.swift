import EventLoop
import Glibc
import ObjectStorage
import TestSupport
import Testing

/// Every promise of `ObjectStore`, asked of the stores without requests in between.
struct ObjectStoreContractTests {
    @Test(arguments: ObjectStoreContract.all + ObjectStoreContract.stepwise)
    func memory(promise: ObjectStoreContract) async throws {
        try await promise.check(MemoryObjectStore())
    }

    @Test(arguments: ObjectStoreContract.all + ObjectStoreContract.stepwise)
    func directory(promise: ObjectStoreContract) async throws {
        let root = try TemporaryDirectory()
        try await promise.check(DirectoryObjectStore(root: root.path, blockingWork: BlockingWork()))
        #expect(names(in: "\(root.path)/.stowage/tmp").isEmpty, "temporary files are left")
    }

    /// A cache that is full all the time.
    @Test(arguments: ObjectStoreContract.all + ObjectStoreContract.stepwise)
    func directoryWithLittleMemory(promise: ObjectStoreContract) async throws {
        let root = try TemporaryDirectory()
        try await promise.check(
            DirectoryObjectStore(root: root.path, blockingWork: BlockingWork(width: 2), cacheLimit: 2000))
    }
}
