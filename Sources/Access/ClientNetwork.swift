import Glibc

/// Where a client is, as far as failures and limits are counted together: an IPv4 address, or the first 64 bits of an
/// IPv6 address, for a single customer has all the addresses that begin with them.
package struct ClientNetwork: Hashable, Sendable {
    private enum Storage: Hashable, Sendable {
        case version4(UInt32)
        case version6(UInt64)
        /// No numeric address.
        case other(String)
    }

    private let storage: Storage

    /// Reads a numeric address without a port; any other text stands for itself.
    package init(address: String) {
        var version4 = in_addr()
        var version6 = in6_addr()
        // The interface after a percent sign is the same for all of its neighbours.
        let text = String(address.prefix { $0 != "%" })
        if inet_pton(AF_INET, text, &version4) == 1 {
            storage = .version4(UInt32(bigEndian: version4.s_addr))
        } else if inet_pton(AF_INET6, text, &version6) == 1 {
            storage = withUnsafeBytes(of: version6) { bytes in
                let high = UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
                let low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                let isMapped = high == 0 && low >> 32 == 0xFFFF
                return isMapped ? .version4(UInt32(truncatingIfNeeded: low)) : .version6(high)
            }
        } else {
            storage = .other(String(decoding: address.utf8.prefix(64), as: UTF8.self))
        }
    }
}
