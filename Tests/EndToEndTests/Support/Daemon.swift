import Foundation

/// A program that runs beside a test until the test stops it.
final class Daemon: Sendable {
    private let process = Process()
    private let exited = DispatchSemaphore(value: 0)
    private let log = DaemonLog()
    /// The line that told that the program is ready.
    let readyLine: String

    /// Starts `command`, whose first word is a path or is looked up in `Shell.searchPath`, and waits until it writes a
    /// line that contains `marker`.
    init(
        _ command: [String], environment: [String: String] = [:], readyWhen marker: String, within seconds: TimeInterval
    ) throws {
        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command
        process.environment = environment.merging(["PATH": Shell.searchPath]) { given, _ in given }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        process.terminationHandler = { [exited] _ in exited.signal() }
        try process.run()
        try output.fileHandleForWriting.close()
        Thread.detachNewThread { [log] in log.readAll(from: output.fileHandleForReading) }
        guard let line = log.line(containing: marker, before: Date(timeIntervalSinceNow: seconds)) else {
            kill(process.processIdentifier, SIGKILL)
            throw DaemonError(what: "no line with '\(marker)' in \(seconds) s", output: log.text)
        }
        readyLine = line
    }

    /// Everything the program has written so far, for the message of a failed test.
    var output: String { log.text }

    /// Sends `signal` and waits for the exit; returns the status, or minus the number of the signal that ended it.
    @discardableResult
    func stop(with signal: Int32, within seconds: Int) throws -> Int32 {
        if process.isRunning { kill(process.processIdentifier, signal) }
        guard exited.wait(timeout: .now() + .seconds(seconds)) == .success else {
            kill(process.processIdentifier, SIGKILL)
            throw DaemonError(what: "no exit within \(seconds) s of signal \(signal)", output: output)
        }
        exited.signal()  // so that a second call returns as well
        return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    }
}

/// A program did not do in time what it had to.
struct DaemonError: Error, CustomStringConvertible {
    let what: String
    let output: String
    var description: String { what + "; its output:\n" + output }
}

/// The lines a program writes, read on a thread of its own so that the program never blocks on a full pipe.
///
/// Sendable because the condition's lock guards `lines` and `atEnd`.
private final class DaemonLog: @unchecked Sendable {
    private let condition = NSCondition()
    private var lines: [String] = []
    private var atEnd = false

    var text: String {
        condition.withLock { lines.suffix(100).joined(separator: "\n") }
    }

    func readAll(from handle: FileHandle) {
        var rest: [UInt8] = []
        while true {
            let piece = handle.availableData
            rest += piece
            var parts = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            let last = piece.isEmpty ? nil : parts.popLast()
            condition.withLock {
                lines += parts.map { String(decoding: $0, as: UTF8.self) }
                atEnd = piece.isEmpty
                condition.broadcast()
            }
            guard let last else { return }
            rest = Array(last)
        }
    }

    func line(containing marker: String, before deadline: Date) -> String? {
        condition.withLock {
            var seen = 0
            while true {
                if let found = lines[seen...].first(where: { $0.contains(marker) }) { return found }
                seen = lines.count
                if atEnd || !condition.wait(until: deadline) { return nil }
            }
        }
    }
}
