import Glibc

/// A numeric IPv4 or IPv6 address with a port, as in `127.0.0.1:5000` and `[::1]:5000`.
package struct SocketAddress: Sendable {
    private let storage: sockaddr_storage
    private let length: socklen_t

    init(storage: sockaddr_storage, length: socklen_t) {
        self.storage = storage
        self.length = length
    }

    /// Reads `HOST:PORT`; HOST is a numeric address (IPv6 in brackets), `localhost`, or empty for every IPv4 address.
    /// Nil when it is not.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Self.port(text[text.index(after: colon)...]) else {
            return nil
        }
        let host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]"), host.contains(":") {
            self.init(host: host.dropFirst().dropLast(), port: port)
        } else if host.contains(":") {
            return nil
        } else {
            self.init(host: host.isEmpty ? "0.0.0.0" : host == "localhost" ? "127.0.0.1" : host, port: port)
        }
    }

    private static func port(_ text: Substring) -> UInt16? {
        text.utf8.count <= 5 && text.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } ? UInt16(text) : nil
    }

    private init?(host: Substring, port: UInt16) {
        let host = String(host)
        // C would take what stands before a zero for the whole.
        guard !host.utf8.contains(0) else { return nil }
        var storage = sockaddr_storage()
        let length = withUnsafeMutableBytes(of: &storage) { raw -> socklen_t? in
            var version4 = sockaddr_in()
            if inet_pton(AF_INET, host, &version4.sin_addr) == 1 {
                version4.sin_family = sa_family_t(AF_INET)
                version4.sin_port = port.bigEndian
                raw.storeBytes(of: version4, as: sockaddr_in.self)
                return socklen_t(MemoryLayout<sockaddr_in>.size)
            }
            var version6 = sockaddr_in6()
            if inet_pton(AF_INET6, host, &version6.sin6_addr) == 1 {
                version6.sin6_family = sa_family_t(AF_INET6)
                version6.sin6_port = port.bigEndian
                raw.storeBytes(of: version6, as: sockaddr_in6.self)
                return socklen_t(MemoryLayout<sockaddr_in6>.size)
            }
            return nil
        }
        guard let length else { return nil }
        self.init(storage: storage, length: length)
    }

    /// The numeric address without the port; an IPv4 address also where IPv6 carries it.
    package var host: String {
        let host = numericHost
        let mapped = "::ffff:"
        return host.hasPrefix(mapped) && host.contains(".") ? String(host.dropFirst(mapped.count)) : host
    }

    private var numericHost: String {
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let status = withPointer { getnameinfo($0, length, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) }
        guard status == 0 else { return "" }
        let end = text.firstIndex(of: 0) ?? text.count
        return String(decoding: text[..<end].lazy.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    package var port: UInt16 {
        withUnsafeBytes(of: storage) { raw in
            switch CInt(storage.ss_family) {
            case AF_INET: UInt16(bigEndian: raw.load(as: sockaddr_in.self).sin_port)
            case AF_INET6: UInt16(bigEndian: raw.load(as: sockaddr_in6.self).sin6_port)
            default: 0
            }
        }
    }

    /// Whether only this machine can reach it.
    package var isLoopback: Bool {
        host == "::1" || host.hasPrefix("127.")
    }

    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>) -> Result) -> Result {
        withUnsafePointer(to: storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1, body)
        }
    }

    var family: CInt { CInt(storage.ss_family) }
    var byteCount: socklen_t { length }
}

extension SocketAddress: CustomStringConvertible {
    package var description: String {
        family == AF_INET6 ? "[\(numericHost)]:\(port)" : "\(host):\(port)"
    }
}
