/// Any JSON value, of texts that hold what they like.
package enum JSONValue: Equatable, Sendable {
    case object([String: JSONValue])
    case array([JSONValue])
    case string(String)
    /// As near as a `Double` comes, infinite where it is too large for one.
    case number(Double)
    case bool(Bool)
    case null

    /// The members of the object that UTF-8 text is, read within the limits of `JSONScanner`; throws `JSONSyntaxError`
    /// for any other text.
    ///
    /// Strangers choose the text: a decoder that tries one type after the other takes many times as long for values that
    /// are of none of them.
    package static func members(of bytes: [UInt8]) throws(JSONSyntaxError) -> [String: JSONValue] {
        var scanner = JSONScanner(bytes)
        var reader = JSONReader(bytes)
        return try scanner.scanObjectDocument().reduce(into: [:]) { members, member in
            members[member.key] = reader.value(at: member.value.lowerBound)
        }
    }
}

/// Reads values of a text that `JSONScanner` has accepted: so nothing in it can be wrong, or nest too deep.
private struct JSONReader {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func value(at start: Int) -> JSONValue {
        offset = start
        return value()
    }

    private mutating func value() -> JSONValue {
        switch next() {
        case UInt8(ascii: "{"):
            var members: [String: JSONValue] = [:]
            offset += 1
            while next() != UInt8(ascii: "}") {
                let key = string()
                members[key] = value()
            }
            offset += 1
            return .object(members)
        case UInt8(ascii: "["):
            var elements: [JSONValue] = []
            offset += 1
            while next() != UInt8(ascii: "]") { elements.append(value()) }
            offset += 1
            return .array(elements)
        case UInt8(ascii: "\""): return .string(string())
        default: return scalar()
        }
    }

    /// The first byte of what comes next, behind spaces and marks between values.
    private mutating func next() -> UInt8 {
        while Self.isSeparator(bytes[offset]) { offset += 1 }
        return bytes[offset]
    }

    private mutating func string() -> String {
        let start = offset + 1
        offset = start
        while bytes[offset] != UInt8(ascii: "\"") { offset += bytes[offset] == UInt8(ascii: "\\") ? 2 : 1 }
        defer { offset += 1 }
        return unescaped(bytes[start..<offset])
    }

    private mutating func scalar() -> JSONValue {
        let start = offset
        while bytes[offset] != UInt8(ascii: "]"), bytes[offset] != UInt8(ascii: "}"), !Self.isSeparator(bytes[offset]) {
            offset += 1
        }
        switch bytes[start] {
        case UInt8(ascii: "t"): return .bool(true)
        case UInt8(ascii: "f"): return .bool(false)
        case UInt8(ascii: "n"): return .null
        default: return .number(Double(String(decoding: bytes[start..<offset], as: UTF8.self)) ?? .infinity)
        }
    }

    private static func isSeparator(_ byte: UInt8) -> Bool {
        byte <= 0x20 || byte == UInt8(ascii: ",") || byte == UInt8(ascii: ":")
    }
}
