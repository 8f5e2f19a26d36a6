import Testing

@testable import OCI

struct JSONOutlineTests {
    @Test(arguments: [
        "{}", " \t\r\n{ } \n", "{\"a\":1}", "{\"\":0}", "{ \"a\" : 1 , \"b\" : [ ] }",
        "{\"a\":{\"b\":{\"c\":[1,[2,{}],[]]}}}", "{\"a\":0}", "{\"a\":-0}", "{\"a\":10.01}", "{\"a\":1e5}",
        "{\"a\":1E+5}", "{\"a\":1e-05}", "{\"a\":-0.0e0}", "{\"a\":123456789012345678901234567890}", "{\"a\":1e999}",
        "{\"a\":true,\"b\":false,\"c\":null}", #"{"a":"\" \\ \/ \b \f \n \r \t \u0000 \uD83D\uDE00 \uaBcD"}"#,
        #"{"a":"\ud800"}"#, "{\"a\":\"\u{7F}é\u{2028}😀\"}", #"{"a":"}{][,:"}"#, #"{"a\"b":1}"#,
        #"{"a":1,"A":2,"b":{"a":1}}"#,
    ])
    func accepts(text: String) {
        #expect(throws: Never.self) { try JSONOutline(Array(text.utf8)) }
    }

    private static let notObjects: [(String, Int)] = [
        ("", 0), (" ", 1), ("[]", 0), ("1", 0), ("null", 0), ("\"{}\"", 0), ("{", 1), ("}", 0), ("{}}", 2), ("{}{}", 2),
        ("{} x", 3), ("{},", 2), ("{,}", 1), ("{\"a\"}", 4), ("{\"a\":}", 5), ("{\"a\":1,}", 7),
        ("{\"a\":1,,\"b\":2}", 7), ("{\"a\" 1}", 5), ("{a:1}", 1), ("{'a':1}", 1), ("{1:1}", 1),
        ("{\"a\":1 \"b\":2}", 7), ("{\"a\":1", 6), ("{\"a\":1]", 6), ("{\"a\":[1}", 7), ("{\"a\":[1,]}", 8),
        ("{\"a\":[,1]}", 6), ("{\"a\":[1 2]}", 8), ("{\"a\":[", 6), ("{\"a\":[1", 7), ("{\"a\":]", 5),
        ("{\"a\":01}", 6), ("{\"a\":-}", 6), ("{\"a\":+1}", 5), ("{\"a\":.5}", 5), ("{\"a\":1.}", 7),
        ("{\"a\":1.e1}", 7), ("{\"a\":1e}", 7), ("{\"a\":1e+}", 8), ("{\"a\":0x1}", 6), ("{\"a\":NaN}", 5),
        ("{\"a\":Infinity}", 5), ("{\"a\":-Infinity}", 6), ("{\"a\":tru}", 8), ("{\"a\":True}", 5), ("{\"a\":nul", 8),
        ("{\"a\":truee}", 9), ("{\"a\":undefined}", 5), ("{\"a\":\"b", 7), ("{\"a\":\"\\", 7), ("{\"a\":\"\\x\"}", 7),
        ("{\"a\":\"\\u12\"}", 10), ("{\"a\":\"\\u123g\"}", 11), ("{\"a\":\"\\u", 8), ("{\"a\":\"\n\"}", 6),
        ("{\"a\":\"\u{1F}\"}", 6), ("{\"a\":\"\0\"}", 6), ("{\"a\n\":1}", 3), ("{\"a", 3), ("{\"a\":1}\0", 7),
        ("{\0\"a\":1}", 1), ("\u{FEFF}{}", 0), ("{\u{A0}}", 1), ("{\u{0B}}", 1), ("{/**/}", 1), ("{\"a\":1//\n}", 6),
        ("{\"a\":'b'}", 5), ("{\"a\":\\u0031}", 5),
    ]

    @Test(arguments: notObjects)
    func rejectsAtByte(text: String, offset: Int) throws {
        let error = try #require(throws: JSONSyntaxError.self) { try JSONOutline(Array(text.utf8)) }
        #expect(error.offset == offset, "\(error.reason)")
    }

    @Test func findsTheMembersOfTheTopLevel() throws {
        let text = #"{"b" : 1 ,"a":{"b":2,"c":3},"\u0063":[{"d":4}],"d":"x"}"#
        let members = try JSONOutline(Array(text.utf8)).members
        let values = members.mapValues { String(decoding: Array(text.utf8)[$0], as: UTF8.self) }
        #expect(values == ["b": "1", "a": #"{"b":2,"c":3}"#, "c": #"[{"d":4}]"#, "d": #""x""#])
    }

    @Test(arguments: [
        (#"{"a":1,"a":1}"#, "a", 7), (#"{"a":1,"b":2,"\u0061":3}"#, "a", 13),
        (#"{"x":[{"a":1},{"b":1,"b":2}]}"#, "b", 21),
        (#"{"":1,"":1}"#, "", 6), (#"{"x":{"y":{"z":1,"z":1}}}"#, "z", 17), (#"{"\/":1,"/":1}"#, "/", 8),
    ])
    func rejectsRepeatedKeys(text: String, key: String, offset: Int) throws {
        let error = try #require(throws: JSONSyntaxError.self) { try JSONOutline(Array(text.utf8)) }
        #expect(error == JSONSyntaxError(reason: "the key \(key.excerpt) is there twice", offset: offset))
    }

    private static let escapes: [(String, String)] = [
        ("plain", "plain"), (#"l\u0061yers"#, "layers"), (#"a\/b"#, "a/b"),
        (#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{C}\n\r\t"), (#"\uD83D\uDE00"#, "😀"), (#"\u00e9\u00E9é"#, "ééé"),
        (#"\ud800"#, "\u{FFFD}"), (#"\udc00x\ud800"#, "\u{FFFD}x\u{FFFD}"), (#"\\u0061"#, #"\u0061"#), ("", ""),
    ]

    @Test(arguments: escapes)
    func resolvesEscapes(raw: String, meaning: String) throws {
        let outline = try JSONOutline(Array("{\"\(raw)\":\"\(raw)\"}".utf8))
        let key = try #require(outline.members.keys.first)
        let value = try #require(outline.string(key))
        #expect(key.unicodeScalars.elementsEqual(meaning.unicodeScalars))
        #expect(value.unicodeScalars.elementsEqual(meaning.unicodeScalars))
        #expect(!outline.isNull(key))
    }

    @Test(arguments: ["1", "null", "true", "[\"a\"]", "{\"a\":\"b\"}"])
    func seesOnlyStringsAsStrings(value: String) throws {
        let outline = try JSONOutline(Array("{\"a\": \(value) }".utf8))
        #expect(outline.string("a") == nil)
        #expect(outline.isNull("a") == (value == "null"))
        #expect(outline.isNull("b"))
        #expect(outline.string("b") == nil)
    }

    @Test(arguments: ["[", "{\"a\":", "[[{\"b\":"])
    func limitsTheDepth(opening: String) throws {
        let text = "{\"a\":" + String(repeating: opening, count: 100_000)
        let error = try #require(throws: JSONSyntaxError.self) { try JSONOutline(Array(text.utf8)) }
        #expect(error.reason == "nested deeper than 100 levels")
    }

    @Test func readsUpToTheLimitOfDepth() throws {
        let inner = JSONScanner.maximumDepth - 1
        let nested = { (count: Int) in
            "{\"a\":" + String(repeating: "[", count: count) + String(repeating: "]", count: count) + "}"
        }
        #expect(throws: Never.self) { try JSONOutline(Array(nested(inner).utf8)) }
        #expect(throws: JSONSyntaxError.self) { try JSONOutline(Array(nested(inner + 1).utf8)) }
    }

    @Test func limitsTheNumberOfValues() throws {
        let array = { (count: Int) in "{\"a\":[" + String(repeating: "0,", count: count - 2) + "0]}" }
        #expect(throws: Never.self) { try JSONOutline(Array(array(JSONScanner.maximumValues).utf8)) }
        let error = try #require(throws: JSONSyntaxError.self) {
            try JSONOutline(Array(array(JSONScanner.maximumValues + 1).utf8))
        }
        #expect(error.reason == "more than 200000 values")
    }
}
