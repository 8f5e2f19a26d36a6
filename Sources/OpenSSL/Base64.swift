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
        Base64Digits.decode(text, last: (UInt8(ascii: "-"), UInt8(ascii: "_")))
    }
}

/// Base64 with padding (RFC 4648, section 4).
package enum Base64 {
    private static let digits: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

    /// The one spelling of `bytes`.
    package static func string(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = []
        out.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for place in 0...3 {
                let digit = digits.utf8Start[bits >> (18 - 6 * place) & 63]
                out.append(place <= group.count ? digit : UInt8(ascii: "="))
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Nil for anything an encoder would not have made: other characters, missing padding, bits left over.
    package static func decode(_ text: Substring) -> [UInt8]? {
        let digits = text.utf8.prefix { $0 != UInt8(ascii: "=") }
        let padding = text.utf8.dropFirst(digits.count)
        guard text.utf8.count % 4 == 0, padding.count <= 2, padding.allSatisfy({ $0 == UInt8(ascii: "=") }) else {
            return nil
        }
        return Base64Digits.decode(digits, last: (UInt8(ascii: "+"), UInt8(ascii: "/")))
    }
}

/// What both alphabets share: all digits but the last two.
private enum Base64Digits {
    /// Nil for other digits, and for bits left over that are not the fewest possible zeros.
    static func decode(_ text: some Collection<UInt8>, last: (UInt8, UInt8)) -> [UInt8]? {
        var out: [UInt8] = []
        out.reserveCapacity(text.count * 3 / 4)
        var pending = 0
        var bits = 0
        for digit in text {
            guard let value = value(digit, last) else { return nil }
            pending = pending << 6 | value
            bits += 6
            if bits >= 8 {
                bits -= 8
                out.append(UInt8(truncatingIfNeeded: pending >> bits))
            }
            pending &= 0xfff
        }
        // Left over: fewer than a digit's bits, all zero, so that every text has one spelling only.
        return bits < 6 && pending & ((1 << bits) - 1) == 0 ? out : nil
    }

    private static func value(_ digit: UInt8, _ last: (UInt8, UInt8)) -> Int? {
        switch digit {
        case 0x41...0x5a: Int(digit) - 0x41
        case 0x61...0x7a: Int(digit) - 0x61 + 26
        case 0x30...0x39: Int(digit) - 0x30 + 52
        case last.0: 62
        case last.1: 63
        default: nil
        }
    }
}
