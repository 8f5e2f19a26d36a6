/// The answers of the metadata services: one JSON object (RFC 8259) whose members are not objects or arrays.
///
/// Only members that are strings are kept. Neither a repeated key nor anything after the object is taken.
struct FlatJSON {
    /// The text is something else; without the text, which may hold secrets.
    struct SyntaxError: Error {}

    private let bytes: [UInt8]
    private var offset = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The members of the object that are strings.
    static func strings(in bytes: [UInt8]) throws(SyntaxError) -> [String: String] {
        var reader = FlatJSON(bytes)
        return try reader.readObject()
    }

    private mutating func readObject() throws(SyntaxError) -> [String: String] {
        var members: [String: String] = [:]
        var keys: Set<String> = []
        try expect(UInt8(ascii: "{"))
        skipSpace()
        if peek == UInt8(ascii: "}") {
            offset += 1
        } else {
            repeat {
                skipSpace()
                let key = try readString()
                guard keys.insert(key).inserted else { throw SyntaxError() }
                try expect(UInt8(ascii: ":"))
                skipSpace()
                if peek == UInt8(ascii: "\"") { members[key] = try readString() } else { try skipScalar() }
            } while try readSeparator()
        }
        skipSpace()
        guard offset == bytes.count else { throw SyntaxError() }
        return members
    }

    /// True at a comma, false at the end of the object.
    private mutating func readSeparator() throws(SyntaxError) -> Bool {
        skipSpace()
        guard let byte = peek, byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}") else { throw SyntaxError() }
        offset += 1
        return byte == UInt8(ascii: ",")
    }

    /// A number, `true`, `false` or `null`.
    private mutating func skipScalar() throws(SyntaxError) {
        let start = offset
        while let byte = peek, byte != UInt8(ascii: ","), byte != UInt8(ascii: "}"), !Self.isSpace(byte) { offset += 1 }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        guard ["true", "false", "null"].contains(text) || Self.isNumber(text) else { throw SyntaxError() }
    }

    /// Swift alone would also take `nan`, `inf` and hexadecimal digits.
    private static func isNumber(_ text: String) -> Bool {
        text.first != "+" && text.utf8.allSatisfy { "0123456789+-.eE".utf8.contains($0) } && Double(text) != nil
    }

    private mutating func readString() throws(SyntaxError) -> String {
        guard peek == UInt8(ascii: "\"") else { throw SyntaxError() }
        offset += 1
        var out: [UInt8] = []
        while let byte = peek {
            offset += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: out, as: UTF8.self) else { throw SyntaxError() }
                return text
            case UInt8(ascii: "\\"): out.append(contentsOf: try readEscape())
            case ..<0x20: throw SyntaxError()
            default: out.append(byte)
            }
        }
        throw SyntaxError()
    }

    private mutating func readEscape() throws(SyntaxError) -> [UInt8] {
        guard let byte = peek else { throw SyntaxError() }
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0c]
        case UInt8(ascii: "n"): return [0x0a]
        case UInt8(ascii: "r"): return [0x0d]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return try readUnicodeEscape()
        default: throw SyntaxError()
        }
    }

    private mutating func readUnicodeEscape() throws(SyntaxError) -> [UInt8] {
        var units = [try readCodeUnit()]
        if UTF16.isLeadSurrogate(units[0]) {
            guard bytes[offset...].starts(with: "\\u".utf8) else { throw SyntaxError() }
            offset += 2
            units.append(try readCodeUnit())
        }
        guard let text = String(validating: units, as: UTF16.self) else { throw SyntaxError() }
        return Array(text.utf8)
    }

    private mutating func readCodeUnit() throws(SyntaxError) -> UInt16 {
        let digits = bytes[offset...].prefix(4)
        guard digits.count == 4, digits.first != UInt8(ascii: "+"), digits.first != UInt8(ascii: "-"),
            let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw SyntaxError() }
        offset += 4
        return unit
    }

    private var peek: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private mutating func expect(_ byte: UInt8) throws(SyntaxError) {
        skipSpace()
        guard peek == byte else { throw SyntaxError() }
        offset += 1
    }

    private mutating func skipSpace() {
        while let byte = peek, Self.isSpace(byte) { offset += 1 }
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d
    }
}
