import OpenSSL
import TestSupport
import Testing

/// RFC 4648, sections 5 and 10.
struct Base64URLTests {
    @Test(
        "examples",
        arguments: [
            ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
            ("~~~???", "fn5-Pz8_"),
        ])
    func examples(test: (plain: String, encoded: String)) {
        #expect(Base64URL.encode(Array(test.plain.utf8)) == test.encoded)
        #expect(Base64URL.decode(test.encoded) == Array(test.plain.utf8))
    }

    @Test("every length and every byte come back", arguments: 0..<70)
    func roundTrip(length: Int) {
        let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 * 37 + length) }
        #expect(Base64URL.decode(Base64URL.encode(bytes)) == bytes)
    }

    @Test("what encode would not make is refused: one spelling for each value")
    func refused() {
        for text in ["Z", "Zg=", "Zg==", "Zh", "Zm9", "Zm9vY", "+/8", "Zm 9v", "Zm9v\n", "Zm9vä", "Zm\u{0}v", "AAAAA"] {
            #expect(Base64URL.decode(text) == nil)
        }
    }

    @Test("of all texts of two characters, 256 are values")
    func exhaustive() {
        let characters = (0..<128).map { Character(UnicodeScalar(UInt8($0))) }
        let values = characters.flatMap { first in characters.compactMap { Base64URL.decode("\(first)\($0)") } }
        #expect(values.count == 256 && Set(values).count == 256)
    }
}
