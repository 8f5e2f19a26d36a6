import HTTPServer
import TestSupport
import Testing

@Suite("ByteRange")
struct ByteRangeTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let field: String?
        let size: Int
        let expected: ByteRange

        init(_ field: String?, _ expected: ByteRange, size: Int = 100) {
            (self.field, self.expected, self.size) = (field, expected, size)
        }

        var testDescription: String { "\(field ?? "nil") of \(size)" }
    }

    @Test(
        "what a field asks for",
        arguments: [
            Case(nil, .whole),
            Case("bytes=0-0", .part(0..<1)),
            Case("bytes=0-99", .part(0..<100)),
            Case("bytes=0-100", .part(0..<100)),
            Case("bytes=99-", .part(99..<100)),
            Case("bytes=0-", .part(0..<100)),
            Case("bytes=-1", .part(99..<100)),
            Case("bytes=-100", .part(0..<100)),
            Case("bytes=-101", .part(0..<100)),
            Case("bytes=10-9223372036854775807", .part(10..<100)),
            Case("bytes=10-9223372036854775808", .part(10..<100)),
            Case("bytes=10-99999999999999999999999999", .part(10..<100)),
            Case("bytes=-99999999999999999999999999", .part(0..<100)),
            Case("bytes=0010-0020", .part(10..<21)),
            Case("BYTES=1-2", .part(1..<3)),
            Case("bytes= 1-2 ", .part(1..<3)),
            Case("bytes=,1-2,", .part(1..<3)),
            // Behind the end, before the beginning, or nothing at all.
            Case("bytes=100-", .unsatisfiable),
            Case("bytes=100-200", .unsatisfiable),
            Case("bytes=9223372036854775808-", .unsatisfiable),
            Case("bytes=5-1", .unsatisfiable),
            Case("bytes=-0", .unsatisfiable),
            Case("bytes=0-", .unsatisfiable, size: 0),
            Case("bytes=0-0", .unsatisfiable, size: 0),
            Case("bytes=-1", .unsatisfiable, size: 0),
            // No byte ranges: the field is ignored.
            Case("", .whole),
            Case("bytes", .whole),
            Case("bytes=", .whole),
            Case("bytes=-", .whole),
            Case("bytes=,", .whole),
            Case("bytes=a-b", .whole),
            Case("bytes=1-b", .whole),
            Case("bytes=1", .whole),
            Case("bytes=1--2", .whole),
            Case("bytes=--2", .whole),
            Case("bytes=+1-2", .whole),
            Case("bytes=1-+2", .whole),
            Case("bytes=0x1-0x2", .whole),
            Case("bytes=1 -2", .whole),
            Case("bytes=1- 2", .whole),
            Case("bytes=1-2 3", .whole),
            Case("bytes=1-2 x", .whole),
            Case("bytes=1-2;x", .whole),
            Case("bytes=\u{661}-\u{662}", .whole),
            Case("bytes=1-2,x", .whole),
            Case("bytes 1-2", .whole),
            Case("items=0-1", .whole),
            Case(" bytes=0-1", .whole),
            // Several: apart from each other they are ignored, overlapping or very many they are refused.
            Case("bytes=0-1,5-6", .whole),
            Case("bytes=5-6, 0-1", .whole),
            Case("bytes=0-1,-5", .whole),
            Case("bytes=0-1,200-", .whole),
            Case("bytes=0-5,5-6", .unsatisfiable),
            Case("bytes=0-,0-,0-", .unsatisfiable),
            Case("bytes=5-6,0-5", .unsatisfiable),
            Case("bytes=200-,300-", .unsatisfiable),
            Case("bytes=" + (0..<16).map { "\($0 * 2)-\($0 * 2)" }.joined(separator: ","), .whole),
            Case("bytes=" + (0..<17).map { "\($0 * 2)-\($0 * 2)" }.joined(separator: ","), .unsatisfiable),
            Case("bytes=" + String(repeating: "0-,", count: 10_000), .unsatisfiable),
        ])
    func table(_ given: Case) {
        #expect(ByteRange(given.field, size: given.size) == given.expected)
    }

    @Test("a part lies within the size, whatever the field")
    func bounds() {
        var generator = SeededGenerator(for: "ByteRangeTests.bounds")
        let alphabet = Array("0123456789999--,,= \tbytes")
        for _ in 0..<5_000 {
            let count = Int.random(in: 0...30, using: &generator)
            let text = String((0..<count).map { _ in alphabet.randomElement(using: &generator) ?? "-" })
            let size = [0, 1, 10, 1 << 40, .max].randomElement(using: &generator) ?? 0
            if case .part(let range) = ByteRange("bytes=" + text, size: size) {
                #expect(range.lowerBound >= 0 && range.upperBound <= size && !range.isEmpty, "\(text) of \(size)")
            }
        }
    }
}
