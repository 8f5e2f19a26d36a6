import EventLoop
import Glibc
import TestSupport
import Testing

@testable import ObjectStorage

/// How a directory store leaves the file system behind.
struct DirectoryWritingTests {
    let root: TemporaryDirectory
    let store: DirectoryObjectStore

    init() throws {
        root = try TemporaryDirectory()
        store = try DirectoryObjectStore(root: root.path, blockingWork: BlockingWork())
    }

    private func put(_ text: String, at key: ObjectKey, _ condition: PutCondition = .always) async throws {
        try await store.put(Array(text.utf8), at: key, metadata: ObjectMetadata(), condition: condition)
    }

    private func temporaryFiles() -> [String] {
        names(in: "\(root.path)/.stowage/tmp")
    }

    @Test func modesAndPlaces() async throws {
        let mask = umask(0o022)
        umask(mask)
        try await put("text", at: "blobs/sha256/ab")
        try await put("", at: "registry/a/_blobs/sha256/ab")
        for path in ["blobs/sha256/ab", "registry/a/_blobs/sha256/ab"] {
            #expect(try status(of: "\(root.path)/\(path)").st_mode & 0o777 == 0o640 & ~mask)
        }
        for path in ["blobs", "blobs/sha256", "registry/a/_blobs", ".stowage", ".stowage/tmp"] {
            #expect(try status(of: "\(root.path)/\(path)").st_mode & 0o777 == 0o750 & ~mask)
        }
        #expect(names(in: root.path) == [".stowage", "blobs", "registry"])
    }

    /// Whoever is killed before the commit leaves a temporary file and nothing else.
    @Test func beforeACommitThereIsATemporaryFileOnly() async throws {
        let writer = try await store.writer(expecting: "blobs/sha256/ab", size: nil)
        let bytes = [UInt8](repeating: 7, count: 20 << 20)
        try await writer.append(bytes.span.bytes)
        #expect(names(in: root.path) == [".stowage"])
        #expect(temporaryFiles().count == 1)
        let restarted = try DirectoryObjectStore(root: root.path, blockingWork: BlockingWork())
        #expect(try await restarted.keys().isEmpty)
        try await writer.commit(to: "blobs/sha256/ab", metadata: ObjectMetadata(), condition: .always)
        #expect(temporaryFiles().isEmpty)
        #expect(try await restarted.head("blobs/sha256/ab")?.size == bytes.count)
    }

    @Test func staleTemporaryFilesAreRemoved() async throws {
        let writer = try await store.writer(expecting: "staging/1", size: nil)
        try await writer.append([UInt8(1), 2, 3].span.bytes)
        try writeFile("\(root.path)/.stowage/tmp/old", "left by a process that was killed")
        let longAgo = [timespec(tv_sec: 1000, tv_nsec: 0), timespec(tv_sec: 1000, tv_nsec: 0)]
        #expect(utimensat(AT_FDCWD, "\(root.path)/.stowage/tmp/old", longAgo, 0) == 0)
        #expect(try await store.removeStaleTemporaryFiles(olderThan: 3600) == 1)
        #expect(try await store.removeStaleTemporaryFiles(olderThan: 3600) == 0)
        #expect(temporaryFiles().count == 1)
        try await writer.commit(to: "key", metadata: ObjectMetadata(), condition: .always)
        #expect(try await store.keys() == ["key"])
        let fresh = try TemporaryDirectory()
        let empty = try DirectoryObjectStore(root: fresh.path, blockingWork: BlockingWork())
        #expect(try await empty.removeStaleTemporaryFiles(olderThan: 0) == 0)
    }

    @Test func filesAndDirectoriesInEachOthersWay() async throws {
        try await put("text", at: "a/b")
        let long = ObjectKey("a/\(String(repeating: "x", count: 256))")
        let deep = ObjectKey(String(repeating: "x/", count: 2100) + "x")
        for key: ObjectKey in ["a/b/c", "a/b/c/d", "a", long, deep] {
            for condition in [PutCondition.always, .absent] {
                for text in ["", "text"] {
                    let error = await storeError { try await put(text, at: key, condition) }
                    guard case .unsupportedKey(key, _) = error else {
                        Issue.record("\(key): \(String(describing: error))")
                        continue
                    }
                }
            }
            #expect(try await store.head(key) == nil)
            try await store.delete([key])
        }
        #expect(try await store.keys() == ["a/b"])
        #expect(temporaryFiles().isEmpty)
    }

    @Test func emptiedDirectoriesGo() async throws {
        try await put("", at: "a/b/c/d")
        try await put("", at: "a/b/e")
        try writeFile("\(root.path)/junk/link/../file", "")
        try await store.delete(["a/b/c/d"])
        #expect(names(in: "\(root.path)/a/b") == ["e"])
        try await store.delete(["a/b/e"])
        #expect(names(in: root.path) == ["junk"])
        try await put("", at: "a/b")
        try await store.compose(["a/b"], keeping: [], at: "c/d", metadata: ObjectMetadata(), condition: .always)
        #expect(names(in: root.path) == ["c", "junk"])
        try await store.delete(["junk/file"])
        #expect(names(in: "\(root.path)/junk") == ["link"])
    }

    @Test(arguments: [["old"], ["old", "older"]])
    func composedObjectsAreAsYoungAsTheCompose(sources: [String]) async throws {
        let longAgo = [timespec(tv_sec: 1000, tv_nsec: 0), timespec(tv_sec: 1000, tv_nsec: 0)]
        for source in sources {
            try await put("text", at: ObjectKey(source))
            #expect(utimensat(AT_FDCWD, "\(root.path)/\(source)", longAgo, 0) == 0)
        }
        let before = time(nil)
        let info = try await store.compose(
            sources.map { ObjectKey($0) }, keeping: [], at: "new", metadata: ObjectMetadata(), condition: .always)
        #expect(info.modified >= before)
        #expect(try await store.head("new") == info)
    }

    /// Writers and deleters of two stores, each of which makes the directories that the other one removes.
    @Test func removedDirectoriesAreMadeAgain() async throws {
        let stores = [store, try DirectoryObjectStore(root: root.path, blockingWork: BlockingWork())]
        try await withThrowingTaskGroup { group in
            for task in 0..<8 {
                let (store, other) = (stores[task % 2], stores[(task + 1) % 2])
                group.addTask {
                    for round in 0..<40 {
                        let key = ObjectKey("deep/er/\(round % 2)/\(task)")
                        let text = Array("\(task) \(round)".utf8).prefix(round % 3 * 8)
                        try await store.put(Array(text), at: key, metadata: ObjectMetadata(), condition: .absent)
                        #expect(try await other.bytes(of: key, limit: 20)?.bytes == Array(text))
                        try await other.delete([key])
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(names(in: root.path) == [".stowage"])
        #expect(temporaryFiles().isEmpty)
    }

    /// Between file systems the kernel does not copy.
    @Test(arguments: ["/dev/shm", "/tmp"].filter { isWritable($0) })
    func appendingAFile(directory: String) throws {
        let source = try TemporaryDirectory("stowage-test", in: directory)
        let text = String(repeating: "0123456789", count: 150_000)
        try writeFile("\(source.path)/a", text)
        let tree = store.tree
        let other = try DirectoryTree(path: source.path, readOnly: true)
        let file = try #require(try other.openFile("a")?.file)
        let made = try TemporaryFile(in: tree)
        try made.append([UInt8(7)].span.bytes)
        try made.append(contentsOf: file)
        _ = try made.publish(at: "key", ObjectMetadata(), .always)
        let copy = try #require(try tree.openFile("key")?.file)
        #expect(try copy.read(at: 0, count: copy.size) == [7] + Array(text.utf8))
    }

    @Test func theTemporaryDirectoryIsMadeAgain() async throws {
        try await put("text", at: "a")
        #expect(rmdir("\(root.path)/.stowage/tmp") == 0 && rmdir("\(root.path)/.stowage") == 0)
        try await put("text", at: "b")
        #expect(try await store.keys() == ["a", "b"])
    }

    @Test func aWriterEndsWithItsCommit() async throws {
        let writer = try await store.writer(expecting: "staging/1", size: nil)
        try await writer.commit(to: "key", metadata: ObjectMetadata(), condition: .always)
        _ = await storeError { try await writer.append([UInt8(1)].span.bytes) }
        _ = await storeError {
            try await writer.commit(to: "other", metadata: ObjectMetadata(), condition: .always)
        }
        await writer.abort()
        #expect(try await store.keys() == ["key"])
    }
}
