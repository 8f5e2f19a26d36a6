/// A key for HMAC-SHA256 (RFC 2104) prepared once for many messages: the hash states after its two pads, as a value.
package struct HMACKey: Sendable {
    private var inner = SHA256()
    private var outer = SHA256()

    /// Prepares `key`, of any length.
    package init(_ key: [UInt8]) {
        let short = key.count > SHA256.blockLength ? SHA256.hash(key) : key
        inner.update(Self.pad(short, with: 0x36).span.bytes)
        outer.update(Self.pad(short, with: 0x5c).span.bytes)
    }

    /// The 32-byte authentication code of `message`.
    package func sha256(_ message: [UInt8]) -> [UInt8] {
        var inner = inner
        inner.update(message.span.bytes)
        var outer = outer
        outer.update(inner.finalized().span.bytes)
        return outer.finalized()
    }

    private static func pad(_ key: [UInt8], with byte: UInt8) -> [UInt8] {
        var block = [UInt8](repeating: byte, count: SHA256.blockLength)
        for (index, keyByte) in key.enumerated() { block[index] ^= keyByte }
        return block
    }
}
