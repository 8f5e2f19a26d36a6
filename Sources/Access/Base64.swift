/// Base64 with padding (RFC 4648, section 4), as `Basic` credentials come in.
enum Base64 {
    /// Nil for anything an encoder would not have made: other characters, missing padding, bits left over.
    static func decode(_ text: Substring) -> [UInt8]? {
        let digits = text.utf8
        guard digits.count % 4 == 0 else { return nil }
        var out: [UInt8] = []
        out.reserveCapacity(digits.count / 4 * 3)
        var pending = 0
        var bits = 0
        var padding = 0
        for digit in digits {
            if digit == UInt8(ascii: "=") {
                padding += 1
                continue
            }
            guard padding == 0, let value = value(digit) else { return nil }
            pending = pending << 6 | value
            bits += 6
            if bits >= 8 {
                bits -= 8
                out.append(UInt8(truncatingIfNeeded: pending >> bits))
            }
            pending &= 0xfff
        }
        guard padding <= 2, bits == padding * 2, pending & ((1 << bits) - 1) == 0 else { return nil }
        return out
    }

    private static func value(_ digit: UInt8) -> Int? {
        switch digit {
        case 0x41...0x5a: Int(digit) - 0x41
        case 0x61...0x7a: Int(digit) - 0x61 + 26
        case 0x30...0x39: Int(digit) - 0x30 + 52
        case 0x2b: 62
        case 0x2f: 63
        default: nil
        }
    }
}
