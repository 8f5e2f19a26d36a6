import EventLoop
import Glibc

/// A new directory for one test, removed with everything in it when the test lets go of it.
package final class TemporaryDirectory: Sendable {
    /// Absolute.
    package let path: String

    /// Makes `<name>.XXXXXX` in `parent`, or else in the place for temporary files (`TMPDIR`, or `/tmp`).
    package init(_ name: String = "stowage-test", in parent: String? = nil) throws {
        let parent = parent ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/\(name).XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw SystemCallError("mkdtemp", subject: parent) }
        path = String(cString: made)
    }

    deinit {
        Self.empty(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
        rmdir(path)
    }

    /// Removes everything in an open directory, which it closes; names may be any bytes, links are not followed.
    private static func empty(_ directory: CInt) {
        guard let stream = fdopendir(directory) else { return }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                bytes.prefix { $0 != 0 }.map { CChar(bitPattern: $0) } + [0]
            }
            if strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || unlinkat(directory, name, 0) == 0 {
                continue
            }
            empty(openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC))
            unlinkat(directory, name, AT_REMOVEDIR)
        }
    }
}
