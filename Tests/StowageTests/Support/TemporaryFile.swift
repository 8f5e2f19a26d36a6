import EventLoop
import Glibc
import TestSupport

/// A file of one test, gone with it.
final class TemporaryFile {
    private let directory: TemporaryDirectory
    let path: String

    convenience init(_ text: String) throws { try self.init(Array(text.utf8)) }

    init(_ bytes: [UInt8], name: String = "stowage.yaml") throws {
        directory = try TemporaryDirectory()
        path = "\(directory.path)/\(name)"
        try replace(bytes)
    }

    /// Puts other bytes in their place.
    func replace(_ bytes: [UInt8]) throws {
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC
        let file = OwnedDescriptor(try Posix.call("open", subject: path) { open(path, flags, 0o600) })
        var written = 0
        while written < bytes.count {
            written += try bytes.withUnsafeBytes { buffer in
                try Posix.call("write") { write(file.number, buffer.baseAddress! + written, bytes.count - written) }
            }
        }
    }

    func replace(_ text: String) throws { try replace(Array(text.utf8)) }
}
