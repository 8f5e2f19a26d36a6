import Foundation

/// Runs commands, each with a hard time limit.
enum Shell {
    /// What a finished command left behind.
    struct Output {
        /// Exit status; 124 when the time limit ended the command, 127 when it does not exist.
        let status: Int32
        let stdout: String
        let stderr: String
        let duration: Duration

        /// The last line of standard output: where most clients print a result.
        var lastLine: String { stdout.split(separator: "\n").last.map(String.init) ?? "" }
    }

    /// Where the packages put their commands; what a machine has in /usr/local must not come first.
    static let searchPath = "/usr/sbin:/usr/bin:/sbin:/bin"

    /// Runs `command` to its end. Its first word is looked up in `searchPath`.
    ///
    /// - Parameters:
    ///   - timeout: seconds after which the command and all it started in the foreground are ended.
    ///   - environment: the whole environment, but for PATH and the locale, which are fixed.
    ///   - outputFile: a file that takes standard output instead of `Output.stdout`.
    static func run(
        _ command: [String], timeout: Int, environment: [String: String], outputFile: String? = nil
    ) throws -> Output {
        // Files, not pipes: a process that outlives the command may hold them open.
        let stdout = try OutputFile(outputFile)
        let stderr = try OutputFile(nil)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/timeout")
        process.arguments = ["--kill-after=5", String(timeout)] + command
        process.environment = environment.merging(["PATH": searchPath, "LC_ALL": "C.UTF-8"]) { _, fixed in fixed }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = stdout.handle
        process.standardError = stderr.handle
        let clock = ContinuousClock()
        let start = clock.now
        try process.run()
        process.waitUntilExit()
        let duration = start.duration(to: clock.now)
        return try Output(
            status: process.terminationStatus, stdout: outputFile == nil ? stdout.text() : "", stderr: stderr.text(),
            duration: duration)
    }
}

/// A file that a command writes to; an unnamed one is gone when it is no longer used.
private final class OutputFile {
    private let path: String
    private let isTemporary: Bool
    let handle: FileHandle

    init(_ path: String?) throws {
        isTemporary = path == nil
        self.path = path ?? FileManager.default.temporaryDirectory.path + "/stowage-e2e-output-" + UUID().uuidString
        try Data().write(to: URL(filePath: self.path))
        handle = try FileHandle(forWritingTo: URL(filePath: self.path))
    }

    func text() throws -> String {
        String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
    }

    deinit {
        if isTemporary { unlink(path) }
    }
}
