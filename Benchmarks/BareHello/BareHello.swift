import EventLoop
import Glibc
import HTTPServer

/// The engine with nothing on it: what `/v2/` costs is measured against this.
@main
struct BareHello: HTTPHandler {
    private static let content = Array("{}".utf8)

    static func main() async throws {
        let loops = try (0..<2).map { try EventLoop(name: "hello-\($0)") }
        guard let wanted = SocketAddress("127.0.0.1:0") else { return }
        let socket = try ListeningSocket(wanted)
        print("http://\(socket.address)")
        fflush(nil)  // The reader is a pipe, and this process never exits by itself.
        let server = HTTPServer(loops: loops, handler: BareHello())
        try await server.listen(on: socket)
        await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
    }

    func respond(to request: Request) async throws -> Response {
        Response(.ok, fields: [("Content-Type", "application/json")], body: .bytes(Self.content))
    }
}
