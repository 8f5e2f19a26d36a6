import CPosix
import EventLoop
import Glibc
import TestSupport
import Testing

@testable import ObjectStorage

/// What one store remembers is never older than what another store, or another program, has written.
struct DirectoryCoherenceTests {
    let root: TemporaryDirectory
    let store: DirectoryObjectStore
    let other: DirectoryObjectStore

    init() throws {
        root = try TemporaryDirectory()
        store = try DirectoryObjectStore(root: root.path, blockingWork: BlockingWork())
        other = try DirectoryObjectStore(root: root.path, blockingWork: BlockingWork())
    }

    /// Reads until the object is remembered; that takes as long as the file is too young, some milliseconds.
    private func remember(_ key: ObjectKey, in store: DirectoryObjectStore) async throws {
        repeat {
            _ = try await store.bytes(of: key, limit: 1 << 20)
        } while store.cache[key]?.bytes == nil
    }

    @Test func twoStoresOnOneRoot() async throws {
        let key: ObjectKey = "manifests/a/latest/manifest.json"
        for round in 0..<10 {
            let bytes = Array("content \(100 + round)".utf8)
            let info = try await store.put(bytes, at: key, metadata: ObjectMetadata(), condition: .always)
            for reader in [store, other] {
                #expect(try await reader.bytes(of: key, limit: 100)?.bytes == bytes)
                try await remember(key, in: reader)
                #expect(try await reader.bytes(of: key, limit: 100)?.info == info)
                #expect(try await reader.head(key) == info)
            }
            guard round % 3 == 2 else { continue }
            try await other.delete([key])
            for reader in [store, other] {
                #expect(try await reader.bytes(of: key, limit: 100) == nil)
                #expect(try await reader.head(key) == nil)
            }
        }
    }

    /// Same size and, where the file system reuses numbers at once, same inode: only the time tells.
    @Test(arguments: [false, true])
    func changesByOtherPrograms(inPlace: Bool) async throws {
        let path = "\(root.path)/key"
        try writeFile(path, "100000")
        try await remember("key", in: store)
        for round in 100_001..<104_000 {
            if !inPlace { unlink(path) }
            try writeFile(path, "\(round)")
            let bytes = try await store.bytes(of: "key", limit: 6)?.bytes
            try #require(bytes == Array("\(round)".utf8))
            if round % 500 == 0 { try await remember("key", in: store) }
        }
    }

    @Test func metadataOfLargeObjectsIsRemembered() async throws {
        let (key, bytes): (ObjectKey, _) = ("large", [UInt8](repeating: 1, count: 100_000))
        let metadata = ObjectMetadata(contentType: "a/b")
        let info = try await store.put(bytes, at: key, metadata: metadata, condition: .always)
        repeat {
            #expect(try await store.head(key) == info)
        } while store.cache[key] == nil
        #expect(try await store.get(key, range: nil)?.info == info)
        #expect(try await store.bytes(of: key, limit: 100_000)?.bytes == bytes)
        #expect(store.cache[key]?.bytes == nil)
        #expect(removexattr("\(root.path)/large", "user.stowage") == 0)
        #expect(try await store.head(key)?.metadata == ObjectMetadata())
    }

    @Test func settledMeansOlderThanTheKernelsTick() throws {
        var status = stat()
        status.st_ctim = timespec(tv_sec: 1000, tv_nsec: 5_000_000)
        let identity = FileIdentity(status)
        let changed = 1_000_005_000_000
        for (age, isSettled) in [(-1_000_000_000, false), (0, false), (10_000_000, false), (20_000_000, true)] {
            #expect(identity.isSettled(at: changed + age) == isSettled)
        }
    }

    @Test func youngFilesAreNotRemembered() async throws {
        var number = 0
        while true {
            number += 1
            let key = ObjectKey("\(number)")
            try await store.put([1], at: key, metadata: ObjectMetadata(), condition: .always)
            _ = try await store.bytes(of: key, limit: 1)
            let isRemembered = store.cache[key] != nil
            // On a busy machine the file may have come of age before it was read.
            let identity = FileIdentity(try status(of: "\(root.path)/\(number)"))
            if identity.isSettled(at: FileIdentity.now) { continue }
            #expect(!isRemembered)
            return
        }
    }

    @Test func everyPartOfTheIdentityCounts() throws {
        let original = try status(of: root.path)
        let changes: [(inout stat) -> Void] = [
            { $0.st_dev += 1 }, { $0.st_ino += 1 }, { $0.st_size += 1 }, { $0.st_mtim.tv_nsec += 1 },
            { $0.st_mtim.tv_sec += 1 }, { $0.st_ctim.tv_nsec += 1 }, { $0.st_ctim.tv_sec += 1 },
        ]
        #expect(FileIdentity(original) == FileIdentity(original))
        for change in changes {
            var changed = original
            change(&changed)
            #expect(FileIdentity(changed) != FileIdentity(original))
        }
    }
}
