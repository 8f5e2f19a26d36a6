import Glibc

/// A numeric IP address; one of IPv4 that is written as IPv6 (`::ffff:1.2.3.4`) is the same as without (RFC 4291,
/// section 2.5.5.2).
struct IPAddress: Hashable, Sendable {
    /// 4 or 16.
    let bytes: [UInt8]

    /// Nil for what is no numeric address; brackets, ports and zones do not belong to one.
    init?(_ text: some StringProtocol) {
        // The longest is 45 characters, and a NUL would hide what follows.
        guard text.utf8.count <= 45, !text.utf8.contains(0) else { return nil }
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, String(text), &bytes) == 1 {
            self.bytes = Array(bytes[..<4])
        } else if inet_pton(AF_INET6, String(text), &bytes) == 1 {
            let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xff && bytes[11] == 0xff
            self.bytes = isMapped ? Array(bytes[12...]) : bytes
        } else {
            return nil
        }
    }

    /// The usual spelling, by which addresses are compared and counted.
    var text: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        guard inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else { return "" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// Addresses that begin with the same bits.
struct Network: Hashable, Sendable {
    private let address: IPAddress
    private let length: Int

    /// `ADDRESS/BITS`, or one address. Nil for anything else, and for an address with bits beyond the prefix: it is
    /// mistyped.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = IPAddress(parts[0]) else { return nil }
        let bits = address.bytes.count * 8
        var length = bits
        if parts.count == 2 {
            guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(parts[1]), number <= bits
            else { return nil }
            length = number
        }
        guard address.bytes.indices.allSatisfy({ address.bytes[$0] & ~Self.mask($0, length) == 0 }) else { return nil }
        (self.address, self.length) = (address, length)
    }

    func contains(_ other: IPAddress) -> Bool {
        other.bytes.count == address.bytes.count
            && other.bytes.indices.allSatisfy { other.bytes[$0] & Self.mask($0, length) == address.bytes[$0] }
    }

    /// The bits of byte `index` that belong to a prefix of `length` bits.
    private static func mask(_ index: Int, _ length: Int) -> UInt8 {
        let bits = min(max(length - index * 8, 0), 8)
        return UInt8(truncatingIfNeeded: 0xff00 >> bits)
    }
}
