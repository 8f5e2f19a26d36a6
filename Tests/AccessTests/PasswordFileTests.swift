import Dispatch
import EventLoop
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Access

/// Logins with a password file: what is right, how often bcrypt runs for it, and files that change.
@Suite struct PasswordFileTests {
    private let scratch: ScratchFile
    private let clock = ManualClock()
    private let work = BlockingWork(width: 1)

    init() throws {
        scratch = try ScratchFile("\(PasswordSamples.alice)\n\(PasswordSamples.bob)\n")
    }

    private func open(_ limits: VerifiedCredentials.Limits = .init()) throws -> PasswordFile {
        try PasswordFile(path: scratch.path, work: work, limits: limits) { [clock] in clock.now }
    }

    // MARK: Passwords

    @Test func onlyTheUsersOwnPasswordIsRight() async throws {
        let file = try PasswordFile(path: scratch.path, work: work)
        #expect(file.count == 2)
        #expect(try await file.verify(user: "alice", password: "correct horse"))
        #expect(try await file.verify(user: "bob", password: "bob secret"))
        for (user, password) in [
            ("alice", "bob secret"), ("alice", ""), ("alice", "Correct horse"), ("nobody", "correct horse"),
            ("", "correct horse"), ("Alice", "correct horse"), ("alice ", "correct horse"),
        ] {
            #expect(try await !file.verify(user: user, password: password), "\(user)")
        }
    }

    /// Rules compare the bytes of names: who could log in by another spelling would be somebody else to them.
    @Test func aUserHasOneSpelling() async throws {
        let hash = PasswordSamples.alice.dropFirst("alice".count)
        try scratch.replace("Kate\(hash)\njos\u{e9}\(hash)\n")
        let file = try open()
        for (right, others) in [
            ("Kate", ["\u{212A}ate", "kate"]), ("jos\u{e9}", ["jose\u{301}", "jose"]),
        ] {
            #expect(try await file.verify(user: right, password: "correct horse"))
            #expect(file.fingerprint(of: right) != nil)
            for other in others {
                #expect(try await !file.verify(user: other, password: "correct horse"), "\(other)")
                #expect(file.fingerprint(of: other) == nil)
            }
        }
    }

    @Test func aUserWhoDoesNotExistCostsOneRunToo() async throws {
        let file = try open()
        #expect(try await !file.verify(user: "nobody", password: "x"))
        #expect(file.hashRuns == 1)
        #expect(try await !file.verify(user: "alice", password: "x"))
        #expect(file.hashRuns == 2)
    }

    /// bcrypt ends at a NUL and at 72 bytes, and would take these for the right ones.
    @Test(arguments: [
        ("full", String(repeating: "x", count: 73)), ("alice", "correct horse\0"), ("alice", "correct horse\0x"),
    ])
    func whatBcryptWouldCutOffIsWrong(user: String, password: String) async throws {
        try scratch.replace("\(PasswordSamples.alice)\n\(PasswordSamples.full)\n")
        let file = try open()
        #expect(try await !file.verify(user: user, password: password))
        #expect(file.hashRuns == 0)
        #expect(try await file.verify(user: "full", password: String(repeating: "x", count: 72)))
    }

    // MARK: What is remembered

    @Test func aRightPasswordIsKnownForAWhileAfterItsLastUse() async throws {
        let file = try open()
        for _ in 0..<5 {
            #expect(try await file.verify(user: "alice", password: "correct horse"))
            clock.advance(299)
        }
        #expect(file.hashRuns == 1)
        clock.advance(1)
        #expect(try await file.verify(user: "alice", password: "correct horse"))
        #expect(file.hashRuns == 2)
    }

    @Test func aWrongPasswordIsKnownForAShorterWhile() async throws {
        let file = try open()
        for user in ["alice", "nobody"] {
            let before = file.hashRuns
            #expect(try await !file.verify(user: user, password: "x"))
            clock.advance(29)
            #expect(try await !file.verify(user: user, password: "x"))
            #expect(file.hashRuns == before + 1)
            clock.advance(1)
            #expect(try await !file.verify(user: user, password: "x"))
            #expect(file.hashRuns == before + 2)
        }
    }

    @Test func wrongPasswordsDoNotPushOutRightOnes() async throws {
        var limits = VerifiedCredentials.Limits()
        limits.capacity = 4
        let file = try open(limits)
        #expect(try await file.verify(user: "alice", password: "correct horse"))
        for index in 0..<10 { #expect(try await !file.verify(user: "alice", password: "\(index)")) }
        #expect(file.hashRuns == 11)
        #expect(try await file.verify(user: "alice", password: "correct horse"))
        #expect(file.hashRuns == 11)
        // The first of the wrong ones was forgotten, the last was not.
        #expect(try await !file.verify(user: "alice", password: "9"))
        #expect(file.hashRuns == 11)
        #expect(try await !file.verify(user: "alice", password: "0"))
        #expect(file.hashRuns == 12)
    }

    // MARK: Many at once

    @Test func callersWithTheSamePasswordShareOneRun() async throws {
        let file = try open()
        let gate = try await Gate(closing: work)
        let answers = Task {
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<20 { group.addTask { try await file.verify(user: "alice", password: "correct horse") } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }
        try await eventually { file.waiting == 20 }
        gate.open()
        #expect(try await answers.value == Array(repeating: true, count: 20))
        #expect(file.hashRuns == 1 && file.waiting == 0)
    }

    @Test func aFloodIsTurnedAwayAndKnownUsersAreNot() async throws {
        var limits = VerifiedCredentials.Limits()
        limits.pending = 8
        let file = try open(limits)
        #expect(try await file.verify(user: "bob", password: "bob secret"))
        let gate = try await Gate(closing: work)
        let flood = Task {
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for index in 0..<8 { group.addTask { try await file.verify(user: "user\(index)", password: "x") } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }
        try await eventually { file.waiting == 8 }
        await #expect(throws: AuthenticationError.throttled(retryAfter: 5)) {
            try await file.verify(user: "alice", password: "correct horse")
        }
        #expect(try await file.verify(user: "bob", password: "bob secret"))
        gate.open()
        #expect(try await flood.value == Array(repeating: false, count: 8))
        #expect(try await file.verify(user: "alice", password: "correct horse"))
    }

    @Test func whoeverGivesUpLeavesTheAnswerToTheOthers() async throws {
        let file = try open()
        let gate = try await Gate(closing: work)
        let first = Task { try await file.verify(user: "alice", password: "correct horse") }
        try await eventually { file.waiting == 1 }
        let second = Task { try await file.verify(user: "alice", password: "correct horse") }
        try await eventually { file.waiting == 2 }
        first.cancel()
        gate.open()
        #expect(try await second.value)
        _ = try await first.value
        #expect(file.hashRuns == 1)
    }

    // MARK: Files that change

    @Test func aNewFileCountsAtOnce() async throws {
        let file = try open()
        let before = try #require(file.fingerprint(of: "alice"))
        let bob = file.fingerprint(of: "bob")
        #expect(try await file.verify(user: "alice", password: "correct horse"))
        #expect(try await !file.verify(user: "alice", password: "new horse"))
        #expect(try !file.reload())
        #expect(file.fingerprint(of: "alice") == before)

        try scratch.replace("\(PasswordSamples.aliceLater)\n\(PasswordSamples.bob)\n")
        #expect(try file.reload())
        #expect(try await !file.verify(user: "alice", password: "correct horse"))
        #expect(try await file.verify(user: "alice", password: "new horse"))
        #expect(file.fingerprint(of: "alice") != before && file.fingerprint(of: "bob") == bob)

        try scratch.replace("\(PasswordSamples.bob)\n")
        #expect(try file.reload())
        #expect(try await !file.verify(user: "alice", password: "new horse"))
        #expect(file.fingerprint(of: "alice") == nil)
    }

    @Test func aPasswordThatWasReplacedWhileBcryptRanIsWrong() async throws {
        let file = try open()
        let gate = try await Gate(closing: work)
        let old = Task { try await file.verify(user: "alice", password: "correct horse") }
        let new = Task { try await file.verify(user: "alice", password: "new horse") }
        try await eventually { file.waiting == 2 }
        try scratch.replace("\(PasswordSamples.aliceLater)\n")
        #expect(try file.reload())
        gate.open()
        #expect(try await !old.value)
        #expect(try await new.value)
        #expect(file.hashRuns == 4)
    }

    @Test func aBadFileKeepsTheOldUsers() async throws {
        let file = try open()
        try scratch.replace("\(PasswordSamples.aliceLater)\nbob:plain\n")
        for _ in 0..<2 {
            let error = #expect(throws: AccountsFileError.self) { try file.reload() }
            #expect(error?.description.hasPrefix("\(scratch.path):2: what follows \"bob\"") == true)
        }
        #expect(try await file.verify(user: "alice", password: "correct horse"))
        try scratch.replace("")
        #expect(throws: AccountsFileError.self) { try file.reload() }
        unlink(scratch.path)
        let error = #expect(throws: AccountsFileError.self) { try file.reload() }
        #expect(
            error?.description
                == "\(scratch.path): cannot be read (No such file or directory): check path and permissions")
        #expect(try await file.verify(user: "bob", password: "bob secret"))
        try scratch.replace(PasswordSamples.aliceLater)
        #expect(try file.reload())
        #expect(try await file.verify(user: "alice", password: "new horse"))
    }

    /// Kubernetes: the file is a link through `..data`, which is replaced by another link.
    @Test func aLinkThatPointsElsewhereIsAChange() async throws {
        let directory = scratch.directory.path
        for (version, line) in [("1", PasswordSamples.alice), ("2", PasswordSamples.aliceLater)] {
            mkdir("\(directory)/\(version)", 0o700)
            try ScratchFile.write(Array(line.utf8), to: "\(directory)/\(version)/users")
        }
        symlink("1", "\(directory)/..data")
        symlink("..data/users", "\(directory)/users")
        let file = try PasswordFile(path: "\(directory)/users", work: work)
        #expect(try await file.verify(user: "alice", password: "correct horse"))
        symlink("2", "\(directory)/..data_tmp")
        #expect(rename("\(directory)/..data_tmp", "\(directory)/..data") == 0)
        #expect(try file.reload())
        #expect(try await file.verify(user: "alice", password: "new horse"))
        #expect(try await !file.verify(user: "alice", password: "correct horse"))
    }

    @Test func aFileThatCannotBeReadIsASentence() throws {
        #expect(throws: (any Error).self) { try PasswordFile(path: "\(scratch.path).none", work: work) }
        let directory = #expect(throws: AccountsFileError.self) {
            try PasswordFile(path: scratch.directory.path, work: work)
        }
        #expect(
            directory?.description
                == "\(scratch.directory.path): cannot be read (Is a directory): check path and permissions")
        try scratch.replace(String(repeating: "# \n", count: 1 << 19))
        #expect(throws: AccountsFileError("\(scratch.path): larger than 1048576 bytes: check the path")) {
            try PasswordFile(path: scratch.path, work: work)
        }
    }
}

/// Seconds that pass when a test says so.
final class ManualClock: Sendable {
    private let time = Mutex(1000)

    var now: Int { time.withLock { $0 } }
    func advance(_ seconds: Int) { time.withLock { $0 += seconds } }
}

/// Keeps the only thread of a pool busy until it is opened.
private final class Gate: Sendable {
    private let isClosed = Atomic(false)
    private let semaphore = DispatchSemaphore(value: 0)

    /// Returns when everything else the pool gets has to wait.
    init(closing work: BlockingWork) async throws {
        Task {
            try await work.run {
                self.isClosed.store(true, ordering: .releasing)
                self.semaphore.wait()
            }
        }
        try await eventually { isClosed.load(ordering: .acquiring) }
    }

    func open() { semaphore.signal() }
}
