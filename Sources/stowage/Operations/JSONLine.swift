/// One JSON object on one line, written key by key.
struct JSONLine {
    private(set) var bytes: [UInt8] = [0x7b]

    mutating func add(_ key: StaticString, _ value: String) {
        addKey("\(key)")
        addText(value)
    }

    mutating func add(key: String, _ value: String) {
        addKey(key)
        addText(value)
    }

    mutating func add(_ key: StaticString, _ value: Int) {
        addKey("\(key)")
        bytes += Array(String(value).utf8)
    }

    /// The line with its closing brace and newline.
    func finished() -> [UInt8] { bytes + [0x7d, 0x0a] }

    private mutating func addKey(_ key: String) {
        if bytes.count > 1 { bytes.append(0x2c) }
        addText(key)
        bytes.append(0x3a)
    }

    private mutating func addText(_ text: String) {
        bytes.append(0x22)
        for byte in text.utf8 {
            switch byte {
            case 0x22, 0x5c: bytes += [0x5c, byte]
            case 0x0a: bytes += Array("\\n".utf8)
            case 0x00..<0x20, 0x7f: bytes += Array("\\u00\(byte < 16 ? "0" : "")\(String(byte, radix: 16))".utf8)
            default: bytes.append(byte)
            }
        }
        bytes.append(0x22)
    }
}
