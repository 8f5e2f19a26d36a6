import TestSupport
import Testing

@testable import HTTPServer

@Suite("values of fields")
struct FieldValueTests {
    private func isFieldValue(_ bytes: [UInt8], _ range: Range<Int>) -> Bool { bytes.span.bytes.isFieldValue(range) }

    @Test("each byte at each place among eight")
    func everyByte() {
        for byte in UInt8(0)...255 {
            let isRight = byte == 0x09 || (byte >= 0x20 && byte != 0x7f)
            for place in 0..<19 {
                var bytes = [UInt8](repeating: UInt8(ascii: "a"), count: 19)
                bytes[place] = byte
                #expect(isFieldValue(bytes, 0..<19) == isRight, "\(byte) at \(place)")
                #expect(isFieldValue(bytes, 0..<place))
                #expect(isFieldValue(bytes, (place + 1)..<19))
            }
        }
    }

    @Test("several of them, beside each other and at the edges of the range")
    func randomBytes() {
        var random = SeededGenerator(for: "randomBytes")
        let alphabet: [UInt8] = [0, 1, 0x09, 0x1f, 0x20, 0x21, 0x41, 0x7e, 0x7f, 0x80, 0x9f, 0xa0, 0xff]
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                Int.random(in: 0..<10, using: &random) == 0 ? alphabet.randomElement(using: &random) ?? 0 : 0x61
            }
            let start = Int.random(in: 0...bytes.count, using: &random)
            let range = start..<Int.random(in: start...bytes.count, using: &random)
            let expected = bytes[range].allSatisfy { $0 == 0x09 || ($0 >= 0x20 && $0 != 0x7f) }
            #expect(isFieldValue(bytes, range) == expected, "\(bytes) in \(range)")
        }
    }
}
