import CPosix
import EventLoop
import Glibc
import TestSupport
import Testing

@testable import ObjectStorage

/// What a directory store reads in trees that it did not write itself, or not alone.
struct DirectoryReadingTests {
    let root: TemporaryDirectory
    let store: DirectoryObjectStore

    init() throws {
        root = try TemporaryDirectory()
        store = try DirectoryObjectStore(root: root.path, blockingWork: BlockingWork())
    }

    private func contents(_ key: ObjectKey) async throws -> String? {
        try await store.bytes(of: key, limit: 1 << 20).map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    @Test func treeOfAnotherTool() async throws {
        let files = [
            "blobs/sha256/44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a": "{}",
            "manifests/library/alpine/3.20/manifest.json": "a manifest",
            "chunks/ab/cd": String(repeating: "chunk", count: 20_000),
            "s3lo.yaml": "version: 1",
        ]
        for (path, text) in files { try writeFile("\(root.path)/\(path)", text) }
        for (path, text) in files {
            let info = try #require(try await store.head(ObjectKey(path)))
            #expect(info.size == text.utf8.count)
            #expect(info.metadata == ObjectMetadata())
            #expect(try await contents(ObjectKey(path)) == text)
        }
        #expect(try await store.keys() == files.keys.sorted())
    }

    @Test func metadataThatWasLost() async throws {
        let path = "\(root.path)/a/b"
        try await store.put([1], at: "a/b", metadata: ObjectMetadata(contentType: "c/d"), condition: .always)
        #expect(removexattr(path, "user.stowage") == 0)
        #expect(try await store.head("a/b")?.metadata == ObjectMetadata())
        #expect(try await store.bytes(of: "a/b", limit: 1)?.bytes == [1])
    }

    @Test(arguments: [
        "\u{0}", "\u{FF}", "\n\n\n=", "a/b\u{1}\nc=d", "no\r\nheader", String(repeating: "x", count: 3900),
    ])
    func metadataThatIsJunk(value: String) async throws {
        try writeFile("\(root.path)/key", "text")
        let bytes = Array(value.utf8)
        #expect(setxattr("\(root.path)/key", "user.stowage", bytes, bytes.count, 0) == 0)
        #expect(try await store.head("key")?.metadata == ObjectMetadata())
        #expect(try await contents("key") == "text")
    }

    @Test func whatIsNoObject() async throws {
        try writeFile("\(root.path)/dir/file", "text")
        #expect(mkfifo("\(root.path)/dir/fifo", 0o644) == 0)
        try makeDirectory("\(root.path)/dir/empty/empty")
        try writeFile("\(root.path)/.stowage/tmp/left", "half an obj")
        try writeFile("\(root.path)/.stowage.old/file", "text")
        let invalid = Array("\(root.path)/dir/".utf8CString.dropLast()) + [-1, -2, 0]
        close(open(invalid, O_CREAT | O_WRONLY, 0o644))
        #expect(try await store.keys() == ["dir/file"])
        for prefix in ["dir/", ".stowage", ".stowage/", ".stowage/tmp/", ".stowage.old/"] {
            let listing = try await store.list(prefix: prefix, after: nil, limit: 10)
            #expect(listing.objects.map(\.key.string) == (prefix == "dir/" ? ["dir/file"] : []))
        }
        for key: ObjectKey in ["dir/fifo", "dir/empty", "dir", "dir/file/x"] {
            #expect(try await store.head(key) == nil)
            #expect(try await store.get(key, range: nil) == nil)
        }
        for key: ObjectKey in [".stowage/tmp/left", ".stowage", "a/.stowage/b", ".stowage.old/file"] {
            guard case .unsupportedKey(key, _) = await storeError({ _ = try await store.head(key) }) else {
                Issue.record("\(key) was not refused")
                continue
            }
        }
    }

    @Test func symbolicLinks() async throws {
        let outside = try TemporaryDirectory()
        try writeFile("\(outside.path)/secret", "secret")
        try writeFile("\(root.path)/real/file", "text")
        for (name, target) in [
            ("out", outside.path), ("real/out", "\(outside.path)/secret"), ("inside", "real"), ("real/copy", "file"),
            ("real/loop", ".."), ("dangling", "nothing"),
        ] {
            #expect(symlink(target, "\(root.path)/\(name)") == 0)
        }
        #expect(try await store.keys() == ["real/file"])
        #expect(try await store.list(prefix: "out/", after: nil, limit: 10).objects.isEmpty)
        for key: ObjectKey in ["out/secret", "real/out", "inside/file", "real/copy", "real/loop/real/file", "dangling"]
        {
            #expect(try await store.head(key) == nil)
            #expect(try await store.get(key, range: nil) == nil)
            #expect(try await store.bytes(of: key, limit: 100) == nil)
        }
        for key: ObjectKey in ["out/new", "inside/new", "out/secret", "out/a/b"] {
            for condition in [PutCondition.always, .absent] {
                let error = await storeError {
                    try await store.put([1], at: key, metadata: ObjectMetadata(), condition: condition)
                }
                guard case .unsupportedKey(key, _) = error else {
                    Issue.record("\(key) was written: \(String(describing: error))")
                    continue
                }
            }
        }
        try await store.delete(["out/secret", "inside/file", "real/loop/real/file"])
        #expect(names(in: outside.path) == ["secret"])
        #expect(names(in: "\(root.path)/real").contains("file"))
        // A link in the place of an object is replaced, not followed.
        try await store.put([1], at: "real/out", metadata: ObjectMetadata(), condition: .always)
        #expect(try status(of: "\(root.path)/real/out").isRegularFile)
        #expect(try status(of: "\(outside.path)/secret").st_size == 6)
    }

    /// The kernel's way of passing no symbolic link, and the one for kernels that have none.
    @Test func openingBeneath() throws {
        try writeFile("\(root.path)/a/b/c", "text")
        #expect(symlink("b", "\(root.path)/a/link") == 0)
        let ways: [(CInt, UnsafePointer<CChar>, CInt) -> CInt] = [cposix_open_beneath, cposix_open_beneath_stepwise]
        for way in ways {
            for (path, code) in [
                ("a/b/c", 0), ("a", 0), (".", 0), ("a/link/c", ELOOP), ("a/link", ELOOP), ("x/b", ENOENT),
                ("a/b/x", ENOENT),
                ("a/b/c/d", ENOTDIR), (String(repeating: "x", count: 256), ENAMETOOLONG),
            ] {
                let number = way(store.tree.number, path, O_RDONLY | O_CLOEXEC)
                let found = number < 0 ? errno : 0
                if number >= 0 { close(number) }
                #expect(found == code || (code == ELOOP && found == ENOTDIR), "\(path)")
            }
        }
    }

    @Test func listsWhatIsTooDeepForAKey() async throws {
        let name = String(repeating: "d", count: 250)
        try writeFile("\(root.path)/file", "text")
        var directory = store.tree.number
        for _ in 0..<18 {
            #expect(mkdirat(directory, name, 0o755) == 0)
            let next = openat(directory, name, O_RDONLY | O_DIRECTORY)
            close(openat(next, "file", O_CREAT | O_WRONLY, 0o644))
            if directory != store.tree.number { close(directory) }
            directory = next
        }
        close(directory)
        // 16 names and 16 slashes are 4,016 bytes; with "file" that is within what the system takes, PATH_MAX.
        let keys = try await store.keys()
        #expect(keys.count == 17)
        for key in keys { #expect(try await store.head(ObjectKey(key)) != nil) }
    }
}
