import Foundation
import TestSupport
import Testing

/// What must hold whatever clients, kills and disks do, shown on the program as a whole.
///
/// One test at a time: they load the machine, and some look at the memory the server takes.
@Suite(.serialized) enum Robustness {
    /// The optimised program if it was built after the last change of a source file, else the one beside the tests.
    static let binary: String = {
        if ProcessInfo.processInfo.environment["STOWAGE_BINARY"] != nil { return ServerProcess.binary }
        let debug = URL(filePath: ServerProcess.binary)
        let release = debug.appending(path: "../../release/stowage").standardized
        let sources = URL(filePath: #filePath).appending(path: "../../../../Sources").standardized
        let files = FileManager.default.enumerator(
            at: sources.resolvingSymlinksInPath(), includingPropertiesForKeys: [.contentModificationDateKey])
        guard let built = date(release), let files else { return debug.path }
        let isCurrent = files.lazy.compactMap { $0 as? URL }.allSatisfy { date($0).map { $0 <= built } ?? true }
        return isCurrent ? release.path : debug.path
    }()

    private static func date(_ file: URL) -> Date? {
        // A file without a date, or no file, decides nothing.
        try? file.resourceValues(forKeys: [.contentModificationDateKey]).contentModificationDate
    }
}

/// Runs `body` with the server that is to be tried hard; it must then end by itself with status 0.
func withRobustServer<Value>(
    _ options: [String] = [], environment: [String: String] = [:],
    _ body: (ServerProcess) async throws -> Value
) async throws -> Value {
    try await withServerProcess(options, environment: environment, binary: Robustness.binary, body)
}
