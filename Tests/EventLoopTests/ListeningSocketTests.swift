import EventLoop
import TestSupport
import Testing

@Suite("ListeningSocket")
struct ListeningSocketTests {
    private func loopback(_ port: UInt16 = 0) throws -> SocketAddress {
        try #require(SocketAddress("127.0.0.1:\(port)"))
    }

    @Test("port 0 is replaced by the port the system chose")
    func choosesPort() throws {
        let socket = try ListeningSocket(loopback())
        #expect(socket.address.port != 0)
        #expect(socket.address.host == "127.0.0.1")
    }

    @Test("a taken port is an error that names the address")
    func takenPort() throws {
        let socket = try ListeningSocket(loopback())
        let taken = try loopback(socket.address.port)
        let error = #expect(throws: SystemCallError.self) { _ = try ListeningSocket(taken) }
        #expect(error?.description == "\(taken): Address already in use (bind)")
    }

    @Test("accepts what waits, and nothing when nothing does")
    func accepts() throws {
        let socket = try ListeningSocket(loopback())
        #expect(try accept(socket) == nil)
        let client = try RawHTTPClient(socket.address)
        #expect(try accept(socket) == "127.0.0.1")
        #expect(try accept(socket) == nil)
        // The accepted socket was closed at once.
        #expect(try client.receiveToEnd() == [])
    }

    /// The peer of the next connection; nil when none waits.
    private func accept(_ listening: borrowing ListeningSocket) throws -> String? {
        guard let socket = try listening.accept() else { return nil }
        return socket.peerAddress
    }
}
