/// A text that is not JSON, or more of it than is read here.
package struct JSONSyntaxError: Error, Equatable, CustomStringConvertible {
    /// What was expected, or which limit is passed.
    let reason: String
    /// The byte at which that was noticed.
    let offset: Int

    /// For a person to read; quotes keys of the text, and no values.
    package var description: String { "\(reason) at byte \(offset)" }
}

/// Walks over UTF-8 JSON text by the letter of RFC 8259, with limits on depth and on the number of values.
///
/// No object may repeat a key (RFC 7493, section 2.3): Foundation takes the first of several, Go the last.
/// The decoder of Foundation takes trailing commas and control characters, looks at numbers and strings only when asked
/// for them, and builds a map of every value first; this scanner refuses what is no JSON, or too much of it, before.
struct JSONScanner {
    /// How deep arrays and objects may nest; real manifests reach six.
    static let maximumDepth = 100
    /// How many values one text may hold, which bounds the memory it takes decoded.
    static let maximumValues = 200_000

    private let bytes: [UInt8]
    private var offset = 0
    private var depth = 0
    private var valueCount = 0

    /// A scanner at the first byte.
    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The key of one member of an object, with its escapes resolved, and where the text of the value is.
    typealias Member = (key: String, value: Range<Int>)

    /// Reads a text that is one object and nothing else, and returns where its members are.
    mutating func scanObjectDocument() throws(JSONSyntaxError) -> [Member] {
        var members: [Member] = []
        skipSpace()
        guard peek() == UInt8(ascii: "{") else { throw expected("an object") }
        try scanObject { member in members.append(member) }
        skipSpace()
        guard offset == bytes.count else { throw expected("nothing after the object") }
        return members
    }

    private mutating func scanValue() throws(JSONSyntaxError) {
        valueCount += 1
        guard valueCount <= Self.maximumValues else {
            throw JSONSyntaxError(reason: "more than \(Self.maximumValues) values", offset: offset)
        }
        switch peek() {
        case UInt8(ascii: "{"): try scanObject { _ in }
        case UInt8(ascii: "["): try scanArray()
        case UInt8(ascii: "\""): _ = try scanString()
        case UInt8(ascii: "t"): try scanLiteral("true")
        case UInt8(ascii: "f"): try scanLiteral("false")
        case UInt8(ascii: "n"): try scanLiteral("null")
        default: try scanNumber()
        }
    }

    // MARK: Containers

    private mutating func scanObject(_ visit: (Member) -> Void) throws(JSONSyntaxError) {
        // Room for the keys of a descriptor, so that the set need not grow.
        var keys = Set<String>(minimumCapacity: 8)
        try scanElements(from: UInt8(ascii: "{"), to: UInt8(ascii: "}")) { scanner throws(JSONSyntaxError) in
            let start = scanner.offset
            let key = unescaped(scanner.bytes[try scanner.scanString()])
            guard keys.insert(key).inserted else {
                throw JSONSyntaxError(reason: "the key \(key.excerpt) is there twice", offset: start)
            }
            scanner.skipSpace()
            guard scanner.consume(UInt8(ascii: ":")) else { throw scanner.expected("a colon") }
            scanner.skipSpace()
            let valueStart = scanner.offset
            try scanner.scanValue()
            visit((key, valueStart..<scanner.offset))
        }
    }

    private mutating func scanArray() throws(JSONSyntaxError) {
        try scanElements(from: UInt8(ascii: "["), to: UInt8(ascii: "]")) { scanner throws(JSONSyntaxError) in
            try scanner.scanValue()
        }
    }

    private mutating func scanElements(
        from open: UInt8, to close: UInt8, _ scanElement: (inout JSONScanner) throws(JSONSyntaxError) -> Void
    ) throws(JSONSyntaxError) {
        guard depth < Self.maximumDepth else {
            throw JSONSyntaxError(reason: "nested deeper than \(Self.maximumDepth) levels", offset: offset)
        }
        depth += 1
        offset += 1
        skipSpace()
        if peek() != close {
            repeat {
                skipSpace()
                try scanElement(&self)
                skipSpace()
            } while consume(UInt8(ascii: ","))
        }
        guard consume(close) else { throw expected("a comma or \(Character(UnicodeScalar(close)))") }
        depth -= 1
    }

    // MARK: Scalars

    /// Reads a string and returns what is between its quotes.
    private mutating func scanString() throws(JSONSyntaxError) -> Range<Int> {
        guard consume(UInt8(ascii: "\"")) else { throw expected("a string") }
        let start = offset
        while let byte = peek(), byte != UInt8(ascii: "\"") {
            guard byte >= 0x20 else { throw expected("no control character in a string") }
            offset += 1
            if byte == UInt8(ascii: "\\") { try scanEscape() }
        }
        guard consume(UInt8(ascii: "\"")) else { throw expected("the end of a string") }
        return start..<offset - 1
    }

    private mutating func scanEscape() throws(JSONSyntaxError) {
        guard let byte = peek(), #""\/bfnrtu"#.utf8.contains(byte) else { throw expected("an escape") }
        offset += 1
        guard byte == UInt8(ascii: "u") else { return }
        for _ in 0..<4 {
            guard let digit = peek(), isHexDigit(digit) else { throw expected("four hex digits") }
            offset += 1
        }
    }

    private mutating func scanLiteral(_ literal: StaticString) throws(JSONSyntaxError) {
        for index in 0..<literal.utf8CodeUnitCount where !consume(literal.utf8Start[index]) {
            throw expected("\(literal)")
        }
    }

    private mutating func scanNumber() throws(JSONSyntaxError) {
        let isNegative = consume(UInt8(ascii: "-"))
        if !consume(UInt8(ascii: "0")) {
            try scanDigits(orThrow: isNegative ? "a digit" : "a value")
        }
        if consume(UInt8(ascii: ".")) { try scanDigits(orThrow: "a digit after the point") }
        guard consume(UInt8(ascii: "e")) || consume(UInt8(ascii: "E")) else { return }
        if !consume(UInt8(ascii: "-")) { _ = consume(UInt8(ascii: "+")) }
        try scanDigits(orThrow: "a digit in the exponent")
    }

    private mutating func scanDigits(orThrow expectation: String) throws(JSONSyntaxError) {
        let start = offset
        while let byte = peek(), byte &- UInt8(ascii: "0") < 10 { offset += 1 }
        guard offset > start else { throw expected(expectation) }
    }

    // MARK: Bytes

    private func peek() -> UInt8? {
        offset < bytes.count ? bytes[offset] : nil
    }

    private mutating func consume(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        offset += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { offset += 1 }
    }

    private func expected(_ expectation: String) -> JSONSyntaxError {
        JSONSyntaxError(reason: "expected \(expectation)", offset: offset)
    }
}
