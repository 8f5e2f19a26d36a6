/// Where an S3 service listens: `http://127.0.0.1:9000`, `https://s3.eu-central-1.amazonaws.com`.
package struct S3Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// Whether it speaks TLS.
    package let isSecure: Bool
    /// A name in lower case, or a numeric address; IPv6 in brackets.
    package let host: String
    /// Nil for the scheme's own.
    package let port: UInt16?

    package init(isSecure: Bool, host: String, port: UInt16? = nil) {
        self.isSecure = isSecure
        self.host = host
        self.port = port == (isSecure ? 443 : 80) ? nil : port
    }

    /// Reads `http://HOST[:PORT]` or `https://HOST[:PORT]`; nil when it is not, or has a path, a query or a user.
    package init?(_ text: String) {
        let text = text.lowercased()
        guard let scheme = ["http://", "https://"].first(where: { text.hasPrefix($0) }) else { return nil }
        var rest = text.dropFirst(scheme.count)
        if rest.hasSuffix("/") { rest.removeLast() }
        var port: UInt16?
        if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("]") {
            let digits = rest[rest.index(after: colon)...]
            guard !digits.isEmpty, digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let number = UInt16(digits),
                number > 0
            else { return nil }
            port = number
            rest = rest[..<colon]
        }
        guard Self.isHost(rest) else { return nil }
        self.init(isSecure: scheme == "https://", host: String(rest), port: port)
    }

    /// Amazon's endpoint of a region.
    package static func aws(region: String) -> S3Endpoint {
        let domain = region.hasPrefix("cn-") ? "amazonaws.com.cn" : "amazonaws.com"
        return S3Endpoint(isSecure: true, host: "s3.\(region).\(domain)")
    }

    private static func isHost(_ text: Substring) -> Bool {
        if text.hasPrefix("["), text.hasSuffix("]") {
            return text.utf8.count > 2
                && text.dropFirst().dropLast().allSatisfy { $0.isHexDigit || $0 == ":" || $0 == "." }
        }
        return !text.isEmpty
            && text.utf8.allSatisfy { byte in
                (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "-")
                    || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
            }
    }

    /// Whether bytes arrive as they were sent without a hash of their own: protected by TLS, or never on a wire.
    package var keepsBytesIntact: Bool { isSecure || isLoopback }

    private var isLoopback: Bool {
        if host == "localhost" || host == "[::1]" { return true }
        return host.hasPrefix("127.") && host.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }
    }

    /// Host and port as the Host field has them.
    package var authority: String { port.map { "\(host):\($0)" } ?? host }

    package var description: String { "\(isSecure ? "https" : "http")://\(authority)" }
}
