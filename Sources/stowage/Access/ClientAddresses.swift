import HTTPServer

/// Where requests come from, as a configuration sees it.
struct ClientAddresses: Sendable {
    private let proxies: [Network]
    private let externalURL: String

    init(_ configuration: Configuration) {
        proxies = configuration.proxies.all.map(\.network)
        let url = configuration.access.tokens.externalURL
        externalURL = url.hasSuffix("/") ? String(url.dropLast()) : url
    }

    func origin(of request: Request) -> Origin { origin(of: request.head, peer: request.peer) }

    /// `peer` is the address of the connection.
    func origin(of head: RequestHead, peer: String) -> Origin {
        guard !proxies.isEmpty else { return Origin(address: peer) }
        return Forwarding.origin(
            peer: peer, proxies: proxies, forwarded: head.values("Forwarded"),
            forwardedFor: head.values("X-Forwarded-For"), forwardedProto: head.values("X-Forwarded-Proto"))
    }

    /// Scheme and authority as the client writes them; nil when the request has no host that could stand in a URL.
    func externalOrigin(of request: Request) -> String? {
        guard externalURL.isEmpty else { return externalURL }
        guard let host = request.head.value("Host"), !host.isEmpty, host.utf8.count <= 255,
            host.utf8.allSatisfy(Self.isHostCharacter)
        else { return nil }
        return (origin(of: request).isSecure ?? request.isSecure ? "https://" : "http://") + host
    }

    /// Letters, digits and what names, addresses and ports have besides: nothing that could end a quoted string.
    private static func isHostCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        case UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "["),
            UInt8(ascii: "]"):
            true
        default: false
        }
    }
}
