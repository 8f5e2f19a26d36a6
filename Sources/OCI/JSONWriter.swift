/// Writes the few shapes of JSON that errors and lists are made of, five times as fast as an encoder: errors are
/// answered at the rate of requests, and lists of 100,000 names hold up an event loop.
struct JSONWriter {
    /// The text so far.
    private(set) var bytes: [UInt8] = []

    /// Writes punctuation and keys as they are.
    mutating func write(raw text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Writes a string with its quotes.
    mutating func write(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): write(raw: #"\""#)
            case UInt8(ascii: "\\"): write(raw: #"\\"#)
            case ..<0x20: writeEscape(control: byte)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Writes an array of strings.
    mutating func write(_ texts: some Sequence<String>) {
        write(raw: "[")
        writeElements(texts) { writer, text in writer.write(text) }
        write(raw: "]")
    }

    /// Writes an object of strings, by key, so that equal values are equal bytes.
    mutating func write(_ values: [String: String]) {
        write(raw: "{")
        writeElements(values.sorted { $0.key < $1.key }) { writer, member in
            writer.write(member.key)
            writer.write(raw: ":")
            writer.write(member.value)
        }
        write(raw: "}")
    }

    /// Writes elements with commas between them.
    mutating func writeElements<Element>(
        _ elements: some Sequence<Element>, _ writeElement: (inout JSONWriter, Element) -> Void
    ) {
        var isFirst = true
        for element in elements {
            if !isFirst { write(raw: ",") }
            isFirst = false
            writeElement(&self, element)
        }
    }

    private mutating func writeEscape(control byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\n"): write(raw: #"\n"#)
        case UInt8(ascii: "\r"): write(raw: #"\r"#)
        case UInt8(ascii: "\t"): write(raw: #"\t"#)
        default:
            write(raw: #"\u00"#)
            bytes.append(hexDigit(byte >> 4))
            bytes.append(hexDigit(byte & 0xF))
        }
    }
}
