import Foundation
import TestSupport

/// A program that runs beside a test until the test stops it.
final class Daemon: Sendable {
    private let process: ChildProcess
    /// The line that told that the program is ready.
    let readyLine: String

    /// Starts `command`, whose first word is a path or is looked up in `Shell.searchPath`, and waits until it writes a
    /// line that contains `marker`.
    init(_ command: [String], environment: [String: String] = [:], readyWhen marker: String) throws {
        let process = try ChildProcess(
            ["/usr/bin/env"] + command,
            environment: environment.merging(["PATH": Shell.searchPath]) { given, _ in given })
        self.process = process
        var line: String?
        try Self.wait(for: "no line with '\(marker)'", process) {
            line = (process.output.lines + process.errors.lines).first { $0.contains(marker) }
            return line != nil || process.ending != nil
        }
        guard let line else {
            throw DaemonError(what: "it ended without a line with '\(marker)'", output: Self.output(process))
        }
        readyLine = line
    }

    /// The last lines the program has written so far, for the message of a failed test.
    var output: String { Self.output(process) }

    /// Sends `signal` and waits for the exit; returns the status, or minus the number of the signal that ended it.
    @discardableResult
    func stop(with signal: Int32) throws -> Int32 {
        process.send(signal)
        try Self.wait(for: "no exit after signal \(signal)", process) { process.ending != nil }
        switch process.ending {
        case .status(let status): return status
        case .signal(let number): return -number
        case nil: throw DaemonError(what: "no exit", output: output)
        }
    }

    private static func output(_ process: ChildProcess) -> String {
        (process.output.lines.suffix(100) + process.errors.lines.suffix(100)).joined(separator: "\n")
    }

    /// Blocks until `condition` holds; kills the program when it does not in time.
    private static func wait(for what: String, _ process: ChildProcess, _ condition: () -> Bool) throws {
        let deadline = Date(timeIntervalSinceNow: TimeInterval(patienceWithPrograms))
        while !condition() {
            guard Date() < deadline else {
                process.send(SIGKILL)
                throw DaemonError(what: "\(what) in \(patienceWithPrograms) s", output: output(process))
            }
            _ = poll(nil, 0, 5)
        }
    }
}

/// A program did not do in time what it had to.
struct DaemonError: Error, CustomStringConvertible {
    let what: String
    let output: String
    var description: String { what + "; its output:\n" + output }
}
