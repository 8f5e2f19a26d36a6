import EventLoop
import Glibc
import TestSupport

/// The built `BareHello` in a process of its own, whose memory, descriptors and CPU time are nobody else's.
struct BareHello {
    let process: ChildProcess
    let address: SocketAddress

    /// `descriptors`: its limit on open files.
    init(descriptors: Int) async throws {
        // Its one line would stay in its buffer, as its output is a pipe.
        let command = "ulimit -n \(descriptors) && exec stdbuf -oL '\(try Self.program())'"
        let process = try ChildProcess(["/bin/sh", "-c", command], environment: ["PATH": "/usr/bin:/bin"])
        try await eventually { !process.output.lines.isEmpty || process.ending != nil }
        guard let line = process.output.lines.first, let address = SocketAddress(String(line.dropFirst(7))) else {
            throw SystemCallError("exec", code: ENOENT, subject: process.errors.text)
        }
        (self.process, self.address) = (process, address)
    }

    /// Beside the tests themselves.
    private static func program() throws -> String {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = try Posix.call("readlink") { readlink("/proc/self/exe", &path, path.count - 1) }
        let tests = String(decoding: path[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return tests[..<(tests.lastIndex(of: "/") ?? tests.startIndex)] + "/BareHello"
    }

    func client() throws -> RawHTTPClient { try RawHTTPClient(address) }

    /// Open descriptors.
    var descriptors: Int {
        guard let directory = opendir("/proc/\(process.identifier)/fd") else { return 0 }
        defer { closedir(directory) }
        var count = 0
        while let entry = readdir(directory) {
            // All but `.` and `..`.
            if entry.pointee.d_name.0 != 0x2e { count += 1 }
        }
        return count
    }

    /// CPU time used, in hundredths of a second.
    var ticks: Int {
        get throws {
            let columns = try readFile("/proc/\(process.identifier)/stat").split(separator: " ")
            return (Int(columns[13]) ?? 0) + (Int(columns[14]) ?? 0)
        }
    }
}
