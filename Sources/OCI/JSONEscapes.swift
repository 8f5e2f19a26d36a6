/// What a scanned JSON string means, from the bytes between its quotes; half a surrogate pair becomes U+FFFD.
func unescaped(_ raw: ArraySlice<UInt8>) -> String {
    let text = String(decoding: raw, as: UTF8.self)
    guard raw.contains(UInt8(ascii: "\\")) else { return text }
    var units: [UInt16] = []
    var source = text.utf16.makeIterator()
    while let unit = source.next() {
        guard unit == 0x5C, let escape = source.next() else {
            units.append(unit)
            continue
        }
        units.append(meaning(ofEscape: UInt8(truncatingIfNeeded: escape), followedBy: &source))
    }
    return String(decoding: units, as: UTF16.self)
}

private func meaning(ofEscape escape: UInt8, followedBy source: inout String.UTF16View.Iterator) -> UInt16 {
    switch escape {
    case UInt8(ascii: "b"): return 0x08
    case UInt8(ascii: "t"): return 0x09
    case UInt8(ascii: "n"): return 0x0A
    case UInt8(ascii: "f"): return 0x0C
    case UInt8(ascii: "r"): return 0x0D
    case UInt8(ascii: "u"):
        var unit: UInt16 = 0
        for _ in 0..<4 {
            // The scanner has seen four hex digits here.
            let digit = source.next().flatMap(UnicodeScalar.init).flatMap { Character($0).hexDigitValue } ?? 0
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    default: return UInt16(escape)
    }
}
