import EventLoop
import Glibc
import HTTPServer
import OpenSSL

/// The engine with nothing on it: what `/v2/` costs is measured against this.
///
///     BareHello [CERTIFICATE KEY [FILE]]
///
/// With the PEM files of a certificate and its key it speaks TLS; `-` for both is none. With a file it answers every
/// request with that instead of a few bytes.
@main
struct BareHello: HTTPHandler {
    static func main() async throws {
        // Dispatch makes the main queue's descriptor when something is first put there, and ends a process that has none
        // left: before clients come, who may take them all.
        await Task.yield()
        let arguments = CommandLine.arguments.dropFirst()
        let files = Array(arguments.prefix(2))
        let identity =
            files.count == 2 && files[0] != "-"
            ? TLSIdentity(try TLSContext(TLSContext.Files(certificate: files[0], key: files[1]))) : nil
        let loops = try (0..<2).map { try EventLoop(name: "hello-\($0)") }
        guard let wanted = SocketAddress("127.0.0.1:0") else { return }
        let socket = try ListeningSocket(wanted)
        print("\(identity == nil ? "http" : "https")://\(socket.address)")
        fflush(nil)  // The reader is a pipe, and this process never exits by itself.
        let server = HTTPServer(loops: loops, handler: try BareHello(file: arguments.dropFirst(2).first))
        try await server.listen(on: socket, tls: identity)
        await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
    }

    private let content: ResponseBody

    private init(file path: String?) throws {
        guard let path else {
            content = .bytes(Array("{}".utf8))
            return
        }
        let number = try Posix.call("open", subject: path) { open(path, O_RDONLY | O_CLOEXEC) }
        let size = Int(lseek(number, 0, SEEK_END))
        content = .file(FileRegion(file: OpenFile(OwnedDescriptor(number), size: size), offset: 0, length: size))
    }

    func respond(to request: Request) async throws -> Response {
        Response(.ok, fields: [("Content-Type", "application/json")], body: content)
    }
}
