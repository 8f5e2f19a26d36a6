/// Base64 with the URL-safe alphabet and without padding (RFC 4648, section 5).
package enum Base64URL {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// The one spelling of `bytes`.
    package static func encode(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = []
        out.reserveCapacity((bytes.count * 4 + 2) / 3)
        var pending = 0
        var bits = 0
        for byte in bytes {
            pending = pending << 8 | Int(byte)
            bits += 8
            while bits >= 6 {
                bits -= 6
                out.append(alphabet[pending >> bits & 63])
            }
            pending &= 255
        }
        if bits > 0 { out.append(alphabet[pending << (6 - bits) & 63]) }
        return String(decoding: out, as: UTF8.self)
    }

    /// Nil for anything `encode` would not have made.
    package static func decode(_ text: String) -> [UInt8]? { decode(Array(text.utf8)[...]) }

    /// Nil for anything `encode` would not have made.
    package static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var out: [UInt8] = []
        out.reserveCapacity(text.count * 3 / 4)
        var pending = 0
        var bits = 0
        for character in text {
            guard let value = value(character) else { return nil }
            pending = pending << 6 | value
            bits += 6
            if bits >= 8 {
                bits -= 8
                out.append(UInt8(truncatingIfNeeded: pending >> bits))
            }
            pending &= 0xfff
        }
        // Left over: fewer than a digit's bits, all zero, so that every token has one spelling only.
        return bits < 6 && pending & ((1 << bits) - 1) == 0 ? out : nil
    }

    private static func value(_ character: UInt8) -> Int? {
        switch character {
        case 0x41...0x5a: Int(character) - 0x41
        case 0x61...0x7a: Int(character) - 0x61 + 26
        case 0x30...0x39: Int(character) - 0x30 + 52
        case 0x2d: 62
        case 0x5f: 63
        default: nil
        }
    }
}
