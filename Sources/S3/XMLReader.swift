/// XML that cannot be read, and where.
struct XMLError: Error, CustomStringConvertible {
    let reason: StaticString
    let offset: Int

    var description: String { "\(reason) at byte \(offset) of the XML" }
}

/// Reads the XML of S3's answers: elements and text. Attributes are skipped, document types refused.
struct XMLReader {
    enum Event: Equatable {
        case begin(String)
        /// The end of an element, and the text since the last begin or end: an inner element's whole text.
        case end(String, text: String)
    }

    private static let maximumDepth = 16

    private let bytes: [UInt8]
    private var offset = 0
    private var open: [String] = []
    private var text: [UInt8] = []
    private var isRootDone = false
    /// The end of an element written `<Name/>`, to come after its begin.
    private var pending: Event?

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The next begin or end; nil after the end of the outermost element.
    mutating func next() throws(XMLError) -> Event? {
        if let event = pending.take() { return event }
        while offset < bytes.count {
            guard bytes[offset] == UInt8(ascii: "<") else {
                try readText()
                continue
            }
            switch byte(at: offset + 1) {
            case UInt8(ascii: "?"): try skip(past: "?>")
            case UInt8(ascii: "!"): try readDeclaration()
            case UInt8(ascii: "/"): return try readEnd()
            default: return try readBegin()
            }
        }
        guard open.isEmpty, isRootDone else { throw error("the document ends early") }
        return nil
    }

    // MARK: Elements

    private mutating func readBegin() throws(XMLError) -> Event {
        guard !isRootDone, open.count < Self.maximumDepth else { throw error("an element that may not be there") }
        offset += 1
        let name = try readName()
        let isEmpty = try skipAttributes()
        text.removeAll(keepingCapacity: true)
        if isEmpty {
            pending = .end(name, text: "")
            isRootDone = open.isEmpty
        } else {
            open.append(name)
        }
        return .begin(name)
    }

    private mutating func readEnd() throws(XMLError) -> Event {
        offset += 2
        let name = try readName()
        skipSpace()
        guard byte(at: offset) == UInt8(ascii: ">"), open.popLast() == name else {
            throw error("an end that matches no begin")
        }
        offset += 1
        isRootDone = open.isEmpty
        defer { text.removeAll(keepingCapacity: true) }
        return .end(name, text: String(decoding: text, as: UTF8.self))
    }

    /// The name without its namespace prefix (XML 1.0, section 2.3; of what is not ASCII all characters do).
    private mutating func readName() throws(XMLError) -> String {
        var start = offset
        while let byte = byte(at: offset), !Self.isSpace(byte), byte != UInt8(ascii: ">"), byte != UInt8(ascii: "/") {
            if byte == UInt8(ascii: ":") {
                start = offset + 1
            } else if !Self.beginsName(byte) {
                guard offset > start, Self.continuesName(byte) else { throw error("a bad name") }
            }
            offset += 1
        }
        guard offset > start else { throw error("an element without a name") }
        return String(decoding: bytes[start..<offset], as: UTF8.self)
    }

    private static func beginsName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), 0x80...:
            true
        default: false
        }
    }

    private static func continuesName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."): true
        default: false
        }
    }

    /// Goes to the end of the tag; true if it is an empty element's.
    private mutating func skipAttributes() throws(XMLError) -> Bool {
        var quote: UInt8?
        while let byte = byte(at: offset) {
            offset += 1
            if let open = quote {
                if byte == open { quote = nil }
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                quote = byte
            } else if byte == UInt8(ascii: ">") {
                return bytes[offset - 2] == UInt8(ascii: "/")
            } else if byte == UInt8(ascii: "<") {
                break
            }
        }
        throw error("a tag without an end")
    }

    // MARK: Text

    private mutating func readText() throws(XMLError) {
        while offset < bytes.count, bytes[offset] != UInt8(ascii: "<") {
            let byte = bytes[offset]
            if byte == UInt8(ascii: "&") {
                try readReference()
                continue
            }
            // White space before and after the outermost element is all that may stand there.
            guard !open.isEmpty || Self.isSpace(byte) else { throw error("text outside of the document") }
            if !open.isEmpty { text.append(byte) }
            offset += 1
        }
    }

    /// `&amp;` and its like, `&#34;`, `&#x22;`.
    private mutating func readReference() throws(XMLError) {
        let limit = min(offset + 12, bytes.count)
        guard !open.isEmpty, let end = bytes[offset..<limit].firstIndex(of: UInt8(ascii: ";")) else {
            throw error("a bad reference")
        }
        let name = String(decoding: bytes[(offset + 1)..<end], as: UTF8.self)
        guard let scalar = Self.scalar(named: name) else { throw error("an unknown reference") }
        text.append(contentsOf: String(Character(scalar)).utf8)
        offset = end + 1
    }

    private static func scalar(named name: String) -> Unicode.Scalar? {
        switch name {
        case "amp": return "&"
        case "lt": return "<"
        case "gt": return ">"
        case "quot": return "\""
        case "apos": return "'"
        default:
            guard name.hasPrefix("#") else { return nil }
            let isHexadecimal = name.hasPrefix("#x")
            let digits = name.dropFirst(isHexadecimal ? 2 : 1)
            // A number may have a sign.
            guard digits.first?.isHexDigit == true else { return nil }
            let number = UInt32(digits, radix: isHexadecimal ? 16 : 10)
            return number.flatMap { Unicode.Scalar($0) }
        }
    }

    // MARK: What is skipped

    private mutating func readDeclaration() throws(XMLError) {
        if starts(with: "<!--") { return try skip(past: "-->") }
        guard starts(with: "<![CDATA["), !open.isEmpty else { throw error("a document type, which is refused") }
        let start = offset + 9
        try skip(past: "]]>")
        text.append(contentsOf: bytes[start..<(offset - 3)])
    }

    private mutating func skip(past end: StaticString) throws(XMLError) {
        while offset < bytes.count {
            if starts(with: end) {
                offset += end.utf8CodeUnitCount
                return
            }
            offset += 1
        }
        throw error("the document ends early")
    }

    private mutating func skipSpace() {
        while let byte = byte(at: offset), Self.isSpace(byte) { offset += 1 }
    }

    private func starts(with text: StaticString) -> Bool {
        text.withUTF8Buffer { bytes[offset...].starts(with: $0) }
    }

    private func byte(at offset: Int) -> UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09
    }

    private func error(_ reason: StaticString) -> XMLError { XMLError(reason: reason, offset: offset) }
}
