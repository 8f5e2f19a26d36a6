import EventLoop
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import stowage

/// When watched files are read again.
@Suite struct FileWatchTests {
    /// A watch whose looks a test takes itself, and what it did.
    private final class Watching: Sendable {
        let watch: FileWatch
        private let reported = Guarded<[String]>([])
        private let isBad = Atomic<Bool>(false)

        struct Wrong: Error {}

        init(_ paths: [String]) {
            let reported = reported
            watch = FileWatch(work: BlockingWork()) { name, failure in
                reported.change { $0.append(failure == nil ? name : "\(name) is bad") }
            }
            watch.watch([
                FileWatch.Group(name: "it", paths: paths) { [self] in
                    if isBad.load(ordering: .relaxed) { throw Wrong() }
                }
            ])
        }

        func setBad(_ bad: Bool) { isBad.store(bad, ordering: .relaxed) }

        /// What was reported during so many looks.
        func looks(_ count: Int) async -> [String] {
            for _ in 0..<count { await watch.look() }
            defer { reported.change { $0 = [] } }
            return reported.value
        }
    }

    @Test func aFileIsReadOnceForEachNewContent() async throws {
        let file = try TemporaryFile("one")
        let watching = Watching([file.path])
        #expect(await watching.looks(3) == [])
        try file.replace("two")
        // The first look only sees that something goes on.
        #expect(await watching.looks(1) == [])
        #expect(await watching.looks(3) == ["it"])
        // As long and in the same second.
        try file.replace("owt")
        #expect(await watching.looks(3) == ["it"])
        try file.replace("owt")
        #expect(await watching.looks(3) == [])
    }

    @Test func aFileBeingWrittenIsLeftAlone() async throws {
        let file = try TemporaryFile("")
        let watching = Watching([file.path])
        for length in 1...5 {
            try file.replace(String(repeating: "x", count: length))
            #expect(await watching.looks(1) == [])
        }
        #expect(await watching.looks(2) == ["it"])
    }

    @Test func aBadFileIsSaidOnceAndAGoodOneEndsIt() async throws {
        let file = try TemporaryFile("good")
        let watching = Watching([file.path])
        watching.setBad(true)
        try file.replace("bad")
        #expect(await watching.looks(5) == ["it is bad"])
        try #require(unlink(file.path) == 0)
        #expect(await watching.looks(5) == ["it is bad"])
        watching.setBad(false)
        try file.replace("bad")
        #expect(await watching.looks(5) == ["it"])
    }

    /// As Kubernetes replaces what it mounts: one link is renamed over another.
    @Test func aLinkThatPointsElsewhereIsAChange() async throws {
        let directory = try TemporaryDirectory()
        for (version, text) in [("one", "1"), ("two", "2")] {
            try #require(mkdir("\(directory.path)/\(version)", 0o700) == 0)
            try write(text, to: "\(directory.path)/\(version)/file")
        }
        try #require(symlink("one", "\(directory.path)/data") == 0)
        try #require(symlink("data/file", "\(directory.path)/file") == 0)
        let watching = Watching(["\(directory.path)/file"])
        #expect(await watching.looks(2) == [])
        try #require(symlink("two", "\(directory.path)/data-new") == 0)
        try #require(rename("\(directory.path)/data-new", "\(directory.path)/data") == 0)
        #expect(await watching.looks(2) == ["it"])
    }

    private func write(_ text: String, to path: String) throws {
        let file = OwnedDescriptor(try Posix.call("open") { open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600) })
        _ = try Posix.call("write") { Glibc.write(file.number, text, text.utf8.count) }
    }
}
