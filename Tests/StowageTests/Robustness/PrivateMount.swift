import Glibc
import TestSupport

/// A small file system in memory for one server, mounted where only that server sees it, so that it is gone with it.
///
/// Needs no privilege where users may make namespaces, and util-linux's commands.
enum PrivateMount {
    /// Why tests that need it are skipped.
    static let requirement = "needs unshare(1), nsenter(1) and the right to make user and mount namespaces"

    static let namespaces = ["unshare", "--map-root-user", "--mount", "--propagation", "private"]

    /// A command that runs another one with a file system of `size` at `path`.
    static func wrapper(_ path: String, size: String) -> [String] {
        namespaces + ["/bin/sh", "-c", "mount -t tmpfs -o size=\(size) stowage-test \"$0\" && exec \"$@\"", path]
    }

    /// Whether it works on this machine.
    static func isAvailable() async throws -> Bool {
        let directory = try TemporaryDirectory()
        do {
            let process = try ChildProcess(
                wrapper(directory.path, size: "1m") + ["nsenter", "--version"], environment: ServerProcess.environment()
            )
            return try await process.end() == .status(0)
        } catch {
            // No such command.
            return false
        }
    }

    /// Mounts the server's file system again with other options, such as "ro".
    static func remount(_ server: ServerProcess, _ options: String) async throws {
        let enter = [
            "nsenter", "--target", "\(server.process.identifier)", "--user", "--preserve-credentials", "--mount",
        ]
        // With source and target, so that no options are taken over: owners have no name within a namespace.
        let mount = ["mount", "-t", "tmpfs", "-o", "remount,\(options)", "stowage-test", server.storage]
        let process = try ChildProcess(enter + mount, environment: ServerProcess.environment())
        let ending = try await process.end()
        guard ending == .status(0) else { throw CannotRemount(reason: process.errors.text) }
    }

    private struct CannotRemount: Error {
        let reason: String
    }

    /// A path of the server's file system as this process reaches it.
    static func path(_ server: ServerProcess, _ name: String = "") -> String {
        "/proc/\(server.process.identifier)/root\(server.storage)/\(name)"
    }

    /// Bytes that can still be written there.
    static func room(_ server: ServerProcess) -> Int {
        var status = statvfs()
        guard statvfs(path(server), &status) == 0 else { return -1 }
        return Int(status.f_bavail) * Int(status.f_frsize)
    }

    /// Fills it up to the last byte with a file of that name.
    static func fill(_ server: ServerProcess, _ name: String) {
        let file = open(path(server, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(file) }
        let piece = [UInt8](repeating: 1, count: 64 << 10)
        while write(file, piece, piece.count) > 0 {}
    }
}
