import EventLoop
import Glibc
import TestSupport

/// The built `BareHello` in a process of its own, whose memory, descriptors and CPU time are nobody else's.
struct BareHello {
    let process: ChildProcess
    let address: SocketAddress
    private let settings: TLSClientSettings?

    /// `descriptors`: its limit on open files. `pair`: what it shows over TLS; nil for plain HTTP.
    init(descriptors: Int, pair: CertificatePair? = nil) async throws {
        let files = pair.map { " '\($0.certificate)' '\($0.key)'" } ?? ""
        let command = "ulimit -n \(descriptors) && exec '\(try Self.program())'\(files)"
        let process = try ChildProcess(["/bin/sh", "-c", command], environment: ["PATH": "/usr/bin:/bin"])
        try await eventually(timeout: patienceWithPrograms) { !process.output.lines.isEmpty || process.ending != nil }
        guard
            let address = process.output.lines.first?.split(separator: "/").last.flatMap({ SocketAddress(String($0)) })
        else { throw SystemCallError("exec", code: ENOENT, subject: process.errors.text) }
        (self.process, self.address) = (process, address)
        settings = pair.map { _ in TLSClientSettings() }
    }

    /// Beside the tests themselves.
    private static func program() throws -> String {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = try Posix.call("readlink") { readlink("/proc/self/exe", &path, path.count - 1) }
        let tests = String(decoding: path[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return tests[..<(tests.lastIndex(of: "/") ?? tests.startIndex)] + "/BareHello"
    }

    func client() throws -> RawHTTPClient { try RawHTTPClient(address, tls: settings) }

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
