import EventLoop
import Glibc

/// The memory of a program, as the kernel counts it.
extension ChildProcess {
    /// Bytes it has now.
    package func residentMemory() throws -> Int { try memory("VmRSS:") }

    /// The most bytes it had since its start or since `forgetPeakMemory`.
    package func peakMemory() throws -> Int { try memory("VmHWM:") }

    /// Begins to look for a new peak.
    package func forgetPeakMemory() throws {
        let path = "/proc/\(identifier)/clear_refs"
        let file = OwnedDescriptor(try Posix.call("open", subject: path) { open(path, O_WRONLY | O_CLOEXEC) })
        _ = try Posix.call("write", subject: path) { write(file.number, "5", 1) }
    }

    private func memory(_ name: String) throws -> Int {
        let path = "/proc/\(identifier)/status"
        let number = try Posix.call("open", subject: path) { open(path, O_RDONLY | O_CLOEXEC) }
        let bytes = try OpenFile(OwnedDescriptor(number), size: 0).read(at: 0, count: 16 << 10)
        let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix(name) }
        guard let kibibytes = line.flatMap({ Int($0.filter(\.isNumber)) }) else {
            throw SystemCallError("read", code: ESRCH, subject: path)
        }
        return kibibytes << 10
    }
}
