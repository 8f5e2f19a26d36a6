import EventLoop
import Testing

@Suite("SocketAddress")
struct SocketAddressTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let text: String
        let host: String
        let port: UInt16
        let description: String
        let isLoopback: Bool

        init(_ text: String, _ host: String, _ port: UInt16, _ description: String, isLoopback: Bool) {
            (self.text, self.host, self.port) = (text, host, port)
            (self.description, self.isLoopback) = (description, isLoopback)
        }

        var testDescription: String { text }
    }

    @Test(
        "reads numeric addresses with a port",
        arguments: [
            Case("127.0.0.1:5000", "127.0.0.1", 5000, "127.0.0.1:5000", isLoopback: true),
            Case("127.8.7.6:1", "127.8.7.6", 1, "127.8.7.6:1", isLoopback: true),
            Case("localhost:80", "127.0.0.1", 80, "127.0.0.1:80", isLoopback: true),
            Case(":5000", "0.0.0.0", 5000, "0.0.0.0:5000", isLoopback: false),
            Case("0.0.0.0:0", "0.0.0.0", 0, "0.0.0.0:0", isLoopback: false),
            Case("192.168.1.2:65535", "192.168.1.2", 65535, "192.168.1.2:65535", isLoopback: false),
            Case("[::1]:5000", "::1", 5000, "[::1]:5000", isLoopback: true),
            Case("[::]:443", "::", 443, "[::]:443", isLoopback: false),
            Case("[2001:db8::2]:8080", "2001:db8::2", 8080, "[2001:db8::2]:8080", isLoopback: false),
            Case("[::ffff:127.0.0.1]:5", "127.0.0.1", 5, "[::ffff:127.0.0.1]:5", isLoopback: true),
        ])
    func reads(_ given: Case) throws {
        let address = try #require(SocketAddress(given.text))
        #expect(address.host == given.host)
        #expect(address.port == given.port)
        #expect(address.description == given.description)
        #expect(address.isLoopback == given.isLoopback)
    }

    @Test(
        "refuses what is no numeric address with a port",
        arguments: [
            "", ":", "5000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+80",
            "127.0.0.1:0x50", "127.0.0.1: 80", "127.0.0.1:80 ", " 127.0.0.1:80", "127.0.0.1:٨٠", "127.0.0.1:00000080",
            "127.0.0:80", "127.0.0.256:80", "1.2.3.4.5:80", "01.2.3.4:80", "example.org:80", "::1:80", "::1", "[::1]",
            "[::1:80", "::1]:80", "[]:80", "[localhost]:80", "[127.0.0.1]:80", "[[::1]]:80", "[::1%lo]:80",
            "127.0.0.1\u{0}:80", "127.0.0.1\u{0}.example.org:80", "localhost\u{0}:80", "LOCALHOST.:80",
        ])
    func refuses(_ text: String) {
        #expect(SocketAddress(text) == nil)
    }
}
