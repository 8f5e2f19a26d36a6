import TestSupport

extension SeededGenerator {
    /// The bytes with one to four random edits: a byte changed, removed, inserted, or a stretch repeated or cut.
    mutating func mutated(_ original: [UInt8], alphabet: [UInt8]) -> [UInt8] {
        var bytes = original
        for _ in 0..<Int.random(in: 1...4, using: &self) {
            let offset = Int.random(in: 0...bytes.count, using: &self)
            let end = Int.random(in: offset...bytes.count, using: &self)
            let byte = alphabet.randomElement(using: &self) ?? 0
            switch Int.random(in: 0..<5, using: &self) {
            case 0 where offset < bytes.count: bytes[offset] = byte
            case 1 where offset < bytes.count: bytes.remove(at: offset)
            case 2: bytes.insert(byte, at: offset)
            case 3 where bytes.count < 4096: bytes.insert(contentsOf: bytes[offset..<end], at: offset)
            default: bytes.removeSubrange(offset..<min(end, offset + 8))
            }
        }
        return bytes
    }
}
