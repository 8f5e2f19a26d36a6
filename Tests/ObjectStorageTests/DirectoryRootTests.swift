import EventLoop
import Glibc
import TestSupport
import Testing

@testable import ObjectStorage

/// Which directories serve as a root, and what a person is told about the others.
struct DirectoryRootTests {
    let parent: TemporaryDirectory

    init() throws {
        parent = try TemporaryDirectory()
    }

    private func store(_ path: String, readOnly: Bool = false) throws -> DirectoryObjectStore {
        try DirectoryObjectStore(root: path, blockingWork: BlockingWork(), readOnly: readOnly)
    }

    @Test(arguments: ["new", "new/er/deep", "new//er/", "new/"])
    func theRootIsMade(name: String) async throws {
        let store = try self.store("\(parent.path)/\(name)")
        #expect(store.location == "\(parent.path)/\(name)")
        try await store.probe(readOnly: false)
        #expect(names(in: "\(parent.path)/\(name)/.stowage/tmp").isEmpty)
        try await store.put([1], at: "a", metadata: ObjectMetadata(), condition: .absent)
        #expect(try await self.store("\(parent.path)/\(name)", readOnly: true).head("a")?.size == 1)
    }

    @Test func aReadOnlyRootIsNotMade() async throws {
        let path = "\(parent.path)/missing"
        let error = #expect(throws: SystemCallError.self) { try self.store(path, readOnly: true) }
        #expect(error?.description == "\(path): No such file or directory (open)")
        #expect(names(in: parent.path).isEmpty)
        let store = try self.store(parent.path, readOnly: true)
        try await store.probe(readOnly: true)
        #expect(try await store.keys().isEmpty)
        #expect(names(in: parent.path).isEmpty)
    }

    @Test func aFileIsNoRoot() throws {
        try writeFile("\(parent.path)/file", "text")
        for (path, text) in [
            ("file", "file: Not a directory (open)"), ("file/root", "file/root: Not a directory (mkdir)"),
        ] {
            let error = #expect(throws: SystemCallError.self) { try store("\(parent.path)/\(path)") }
            #expect(error?.description == "\(parent.path)/\(text)")
        }
    }

    @Test func aRootThatWasRemovedOrReplacedIsNotReady() async throws {
        let path = "\(parent.path)/root"
        let store = try self.store(path)
        try await store.probe(readOnly: true)
        #expect(rename(path, "\(path).old") == 0)
        for isReplaced in [false, true] {
            if isReplaced { try makeDirectory(path) }
            let error = await storeError { try await store.probe(readOnly: true) }
            let reason = isReplaced ? "Stale file handle" : "No such file or directory"
            #expect(error == .unavailable("\(path): \(reason) (stat)"))
        }
    }

    /// A directory that nobody can write to, not even the superuser.
    @Test func anUnwritableRootIsNotReady() async throws {
        let store = try self.store("/proc/self/task")
        try await store.probe(readOnly: true)
        for write in [
            { try await store.probe(readOnly: false) },
            { try await store.put([1], at: "a", metadata: ObjectMetadata(), condition: .always) },
            { try await store.put([], at: "a/b", metadata: ObjectMetadata(), condition: .absent) },
            { _ = try await store.writer(expecting: "staging/1", size: nil) },
        ] as [() async throws -> Void] {
            guard case .unavailable(let text) = await storeError(write) else {
                Issue.record("something was written, or the error is another one")
                continue
            }
            #expect(text.hasPrefix("/proc/self/task"))
        }
    }

    @Test(.enabled(if: getuid() != 0, "nothing is forbidden to the superuser"))
    func forbiddenRoots() throws {
        #expect(chmod(parent.path, 0o500) == 0)
        defer { chmod(parent.path, 0o700) }
        let error = #expect(throws: SystemCallError.self) { try store("\(parent.path)/root") }
        #expect(error?.description == "\(parent.path)/root: Permission denied (mkdir)")
    }

    @Test(.enabled(if: SmallFileSystem.isPermitted, "mounting is not permitted here"))
    func aFullStoreSaysSo() async throws {
        let fileSystem = try SmallFileSystem(at: parent.path)
        let store = try self.store(parent.path)
        let block = [UInt8](repeating: 1, count: 700 << 10)
        try await store.put(block, at: "first", metadata: ObjectMetadata(contentType: "a/b"), condition: .always)
        let writer = try await store.writer(expecting: "third", size: nil)
        for write in [
            { try await store.put(block, at: "second", metadata: ObjectMetadata(), condition: .always) },
            { try await writer.append(block.span.bytes) },
        ] as [() async throws -> Void] {
            guard case .full = await storeError(write) else {
                Issue.record("the store was not full")
                continue
            }
        }
        await writer.abort()
        #expect(try await store.keys() == ["first"])
        #expect(names(in: "\(parent.path)/.stowage/tmp").isEmpty)
        try await store.put(
            [UInt8](repeating: 2, count: 1000), at: "a/b", metadata: ObjectMetadata(), condition: .absent)
        #expect(try await store.keys() == ["a/b", "first"])
        withExtendedLifetime(fileSystem) {}
    }
}

/// A file system in memory of one MiB, as long as this object lives.
private final class SmallFileSystem {
    static let isPermitted = (try? TemporaryDirectory()).map { (try? SmallFileSystem(at: $0.path)) != nil } ?? false

    private let path: String

    init(at path: String) throws {
        _ = try Posix.call("mount") { mount("none", path, "tmpfs", 0, "size=1m") }
        self.path = path
    }

    deinit {
        // Lazily: stores still have it open.
        umount2(path, CInt(MNT_DETACH))
    }
}
