import Dispatch
import EventLoop
package import Glibc
import Synchronization

/// How a program ended.
package enum ProcessEnding: Equatable, Sendable {
    case status(CInt)
    case signal(CInt)
}

/// A program that runs beside a test. It is killed, and its end awaited, when the test lets go of it.
package final class ChildProcess: Sendable {
    package let identifier: pid_t
    package let output: CapturedPipe
    package let errors: CapturedPipe
    /// The other end of its standard input; nil when that is empty.
    private let input: InputSocket?
    private let reaper: Reaper
    private static let start = Mutex(())

    /// Starts `command`, whose first word is a path or is looked up in PATH.
    ///
    /// `readsErrors`: whether standard error is read from the start, or only after `errors.read()`.
    /// `takesInput`: whether its standard input is what `enter` is given, and ends with this process; else it is empty.
    package init(
        _ command: [String], environment: [String: String], readsErrors: Bool = true, takesInput: Bool = false
    ) throws {
        // One at a time: a pipe is open without "close on exec" for a moment, and no other program must get it.
        (input, output, errors, identifier) = try Self.start.withLock { _ in
            let (output, errors) = (try CapturedPipe(), try CapturedPipe())
            let input = takesInput ? try InputSocket() : nil
            let identifier = try Self.spawn(
                command, environment, input: input?.reader, output: output.writer, errors: errors.writer)
            output.closeWriter()
            errors.closeWriter()
            input?.closeReader()
            return (input, output, errors, identifier)
        }
        reaper = Reaper(identifier)
        output.read()
        if readsErrors { errors.read() }
        reaper.start()
    }

    deinit {
        reaper.signal(SIGKILL)
        reaper.isDone.wait()
    }

    /// How it ended; nil while it runs.
    package var ending: ProcessEnding? { reaper.ending }

    /// Sends `signal`; does nothing to a program that has ended.
    package func send(_ signal: CInt) { reaper.signal(signal) }

    /// Waits for the end; throws when it does not come within `seconds`.
    package func end(within seconds: Int = patienceWithPrograms) async throws -> ProcessEnding {
        try await eventually(timeout: seconds) { ending != nil }
        guard let ending else { throw NeverCameTrue() }
        return ending
    }

    /// Writes text to its standard input; throws when it has ended.
    package func enter(_ text: String) throws {
        guard let input else { throw SystemCallError("write", code: EBADF) }
        try input.send(Array(text.utf8))
    }

    /// Ends its standard input.
    package func endInput() { input?.end() }

    private static func spawn(
        _ command: [String], _ environment: [String: String], input: CInt?, output: CInt, errors: CInt
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        } else {
            posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO)
        // Dispatch's threads block signals, and a child would inherit that.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let arguments = CStrings(command)
        let variables = CStrings(environment.map { "\($0.key)=\($0.value)" })
        var identifier = pid_t()
        let code = posix_spawnp(
            &identifier, command[0], &actions, &attributes, arguments.pointers, variables.pointers)
        guard code == 0 else { throw SystemCallError("posix_spawnp", code: code, subject: command[0]) }
        return identifier
    }
}

/// Strings as C wants them, for the time of a call.
private final class CStrings {
    let pointers: [UnsafeMutablePointer<CChar>?]

    init(_ strings: [String]) {
        pointers = strings.map { strdup($0) } + [nil]
    }

    deinit {
        for pointer in pointers { free(pointer) }
    }
}

/// Waits for a program's end on a thread of its own, and sees to it that no signal reaches another one with its number.
private final class Reaper: Sendable {
    let isDone = DispatchSemaphore(value: 0)
    private let identifier: pid_t
    private let state = Mutex<ProcessEnding?>(nil)

    init(_ identifier: pid_t) {
        self.identifier = identifier
    }

    var ending: ProcessEnding? { state.withLock { $0 } }

    func signal(_ number: CInt) {
        state.withLock { ending in
            if ending == nil { _ = kill(identifier, number) }
        }
    }

    func start() {
        BlockingThread.start { self.reap() }
    }

    private func reap() {
        var info = siginfo_t()
        // Leaves the number taken until the lock is held.
        while waitid(P_PID, id_t(identifier), &info, WEXITED | WNOWAIT) == -1, errno == EINTR {}
        state.withLock { ending in
            var status: CInt = 0
            _ = waitpid(identifier, &status, 0)
            let signal = status & 0x7f
            ending = signal == 0 ? .status(status >> 8 & 0xff) : .signal(signal)
        }
        isDone.signal()
    }
}

/// A program's standard input: sockets, not a pipe, because writing to a program that has ended must be no signal.
private final class InputSocket: Sendable {
    private let writer: OwnedDescriptor
    /// The program's end; below 0 once it is closed here.
    private let programEnd: Atomic<CInt>

    init() throws {
        var ends: [CInt] = [-1, -1]
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        _ = try Posix.call("socketpair") { socketpair(AF_UNIX, kind, 0, &ends) }
        programEnd = Atomic(ends[0])
        writer = OwnedDescriptor(ends[1])
    }

    deinit { closeReader() }

    var reader: CInt { programEnd.load(ordering: .relaxed) }

    func closeReader() {
        let number = programEnd.exchange(-1, ordering: .relaxed)
        if number >= 0 { close(number) }
    }

    func end() { shutdown(writer.number, CInt(SHUT_WR)) }

    func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = try Posix.call("send") {
                rest.withUnsafeBytes { Glibc.send(writer.number, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
            }
            rest = rest.dropFirst(count)
        }
    }
}

/// What a program writes into a pipe, taken by a thread of its own so that the program never waits for the test.
package final class CapturedPipe: Sendable {
    private struct State {
        var bytes: [UInt8] = []
        var isAtEnd = false
        var isRead = false
        var writer: CInt
    }

    private let reader: OwnedDescriptor
    private let state: Mutex<State>

    init() throws {
        var ends: [CInt] = [-1, -1]
        _ = try Posix.call("pipe") { pipe(&ends) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        reader = OwnedDescriptor(ends[0])
        state = Mutex(State(writer: ends[1]))
    }

    deinit { closeWriter() }

    fileprivate var writer: CInt { state.withLock { $0.writer } }

    fileprivate func closeWriter() {
        state.withLock { state in
            if state.writer >= 0 { close(state.writer) }
            state.writer = -1
        }
    }

    /// Starts to take what is written; a second call does nothing.
    package func read() {
        let isFirst = state.withLock { state in
            defer { state.isRead = true }
            return !state.isRead
        }
        if isFirst { BlockingThread.start { self.readAll() } }
    }

    private func readAll() {
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(reader.number, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            state.withLock { state in
                state.bytes += piece[..<max(count, 0)]
                state.isAtEnd = count <= 0
            }
            if count <= 0 { return }
        }
    }

    /// Everything written so far.
    package var text: String { String(decoding: state.withLock { $0.bytes }, as: UTF8.self) }

    /// The complete lines written so far.
    package var lines: [String] {
        let bytes = state.withLock { $0.bytes }
        return bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast().map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    /// Whether the program, and all it started, have closed their end.
    package var isAtEnd: Bool { state.withLock { $0.isAtEnd } }
}
