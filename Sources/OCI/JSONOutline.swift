/// The members of the object a JSON text is.
struct JSONOutline {
    /// Every key of the top-level object, with its escapes resolved, and where its value is.
    let members: [String: Range<Int>]
    private let bytes: [UInt8]

    /// Reads UTF-8 text that must be one JSON object within the limits of `JSONScanner`.
    init(_ bytes: [UInt8]) throws(JSONSyntaxError) {
        var scanner = JSONScanner(bytes)
        // The scanner has refused repeated keys.
        members = Dictionary(uniqueKeysWithValues: try scanner.scanObjectDocument())
        self.bytes = bytes
    }

    /// Whether there is no such member, or one that holds null, which means the same.
    func isNull(_ key: String) -> Bool {
        guard let value = members[key] else { return true }
        return bytes[value.lowerBound] == UInt8(ascii: "n")
    }

    /// The string a member holds, or nil if it holds anything else.
    func string(_ key: String) -> String? {
        guard let value = members[key], bytes[value.lowerBound] == UInt8(ascii: "\"") else { return nil }
        return unescaped(bytes[value].dropFirst().dropLast())
    }
}
