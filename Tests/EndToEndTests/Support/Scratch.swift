import Foundation
import Testing

/// A directory of one test, and the environment of the commands that run in it.
final class Scratch {
    /// How long a client may take for a small image. One that waits for an answer to its TLS hello takes 10 s or more.
    static let promptly = Duration.seconds(8)

    /// Lower case, because podman takes the path of a layout for a repository name; and short, because podman takes no
    /// directory of more than 50 characters for what it runs.
    let path: String
    /// HOME and TMPDIR point into the directory, so clients find no settings of the machine's user and leave nothing.
    let environment: [String: String]

    init() throws {
        let name = "e2e-" + UUID().uuidString.prefix(8).lowercased()
        path = FileManager.default.temporaryDirectory.appending(path: name).path
        environment = ["HOME": path, "TMPDIR": path + "/tmp", "PYTHONDONTWRITEBYTECODE": "1"]
        try FileManager.default.createDirectory(atPath: path + "/tmp", withIntermediateDirectories: true)
    }

    /// The path of `name` in the directory.
    func file(_ name: String) -> String { path + "/" + name }

    /// Runs a client, which must succeed and must not take longer than `limit`.
    @discardableResult
    func run(
        _ command: [String], limit: Duration = promptly, environment more: [String: String] = [:],
        outputFile: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Shell.Output {
        let output = try attempt(command, environment: more, outputFile: outputFile)
        guard output.status == 0 else { throw CommandFailed(command: command, output: output) }
        #expect(output.duration < limit, "\(command.joined(separator: " "))", sourceLocation: sourceLocation)
        return output
    }

    /// Runs a client that may fail.
    func attempt(
        _ command: [String], environment more: [String: String] = [:], outputFile: String? = nil
    ) throws -> Shell.Output {
        let all = environment.merging(more) { _, new in new }
        return try Shell.run(command, timeout: 120, environment: all, outputFile: outputFile)
    }

    /// Unmounts what clients left mounted under the directory, and deletes it.
    func remove() {
        // Without /proc there is nothing to read, and nothing was mounted.
        let mounts = (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? ""
        let targets = mounts.split(separator: "\n").compactMap { line in
            line.split(separator: " ").dropFirst().first.map(String.init)
        }
        for target in targets.reversed() where target.hasPrefix(path + "/") { umount2(target, Int32(MNT_DETACH)) }
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            Issue.record("cannot delete \(path): \(error)")
        }
    }
}

/// A command that had to succeed did not.
struct CommandFailed: Error, CustomStringConvertible {
    let command: [String]
    let output: Shell.Output
    var description: String {
        "status \(output.status) of: \(command.joined(separator: " "))\n\(output.stdout)\n\(output.stderr)"
    }
}
