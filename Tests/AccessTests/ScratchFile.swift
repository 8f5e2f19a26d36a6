import EventLoop
import Glibc
import TestSupport

/// A file of one test, gone with it.
final class ScratchFile {
    let directory: TemporaryDirectory
    let path: String

    init(_ text: String, name: String = "accounts") throws {
        directory = try TemporaryDirectory()
        path = "\(directory.path)/\(name)"
        try replace(text)
    }

    /// Writes other text in its place.
    func replace(_ text: String) throws { try Self.write(Array(text.utf8), to: path) }

    static func write(_ bytes: [UInt8], to path: String) throws {
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC
        let file = OwnedDescriptor(try Posix.call("open", subject: path) { open(path, flags, 0o600) })
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = try rest.withUnsafeBytes { buffer in
                try Posix.call("write", subject: path) { Glibc.write(file.number, buffer.baseAddress, buffer.count) }
            }
            rest = rest.dropFirst(count)
        }
    }
}
