import TestSupport

/// A run of the program to its end.
struct ProgramRun {
    let ending: ProcessEnding
    let output: String
    let errors: String

    /// Runs the program with `arguments`, in `directory` if one is given.
    init(
        _ arguments: [String], environment: [String: String] = [:], in directory: String? = nil
    ) async throws {
        let command = [ServerProcess.binary] + arguments
        let moved = directory.map { ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", $0] + command }
        let run = try await ProcessRun(moved ?? command, environment: environment)
        (ending, output, errors) = (run.ending, run.output, run.errors)
    }

    /// Whether it said exactly `complaint` on standard error, nothing on standard output, and ended with status 1.
    func failed(saying complaint: String) -> Bool {
        ending == .status(1) && output.isEmpty && errors == complaint + "\n"
    }
}

/// A run of any program, looked up in PATH, to its end.
struct ProcessRun {
    let ending: ProcessEnding
    let output: String
    let errors: String

    init(_ command: [String], environment: [String: String] = [:]) async throws {
        let process = try ChildProcess(command, environment: ServerProcess.environment(environment))
        ending = try await process.end()
        try await eventually(timeout: patienceWithPrograms) { process.output.isAtEnd && process.errors.isAtEnd }
        (output, errors) = (process.output.text, process.errors.text)
    }
}
