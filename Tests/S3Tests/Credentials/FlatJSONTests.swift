import TestSupport
import Testing

@testable import S3

/// The reader of what metadata services answer.
struct FlatJSONTests {
    @Test(
        "objects of texts",
        arguments: [
            ("{}", [:]), (" {\n\t} \r\n", [:]), (#"{"a":"b"}"#, ["a": "b"]),
            (#"{"a" : "b" , "c":""}"#, ["a": "b", "c": ""]),
            (#"{"a":1,"b":-1.5e3,"c":true,"d":false,"e":null,"f":"g"}"#, ["f": "g"]),
            (#"{"a":"\"\\\/\b\f\n\r\t"}"#, ["a": "\"\\/\u{8}\u{c}\n\r\t"]),
            (#"{"a":"\u003d\u00e9\ud83d\ude00"}"#, ["a": "=é😀"]),
            (#"{"é":"鍵"}"#, ["é": "鍵"]),
        ] as [(String, [String: String])])
    func objects(test: (text: String, members: [String: String])) throws {
        #expect(try FlatJSON.strings(in: Array(test.text.utf8)) == test.members)
    }

    @Test(
        "everything else",
        arguments: [
            "", "null", "[]", "{", "{\"a\"", "{\"a\":", "{\"a\":\"b\"", "{\"a\":\"b\",}", "{,}", "{\"a\":\"b\"} x",
            "{\"a\":\"b\"}{}",
            "{\"a\":{}}", "{\"a\":[]}", "{\"a\":tru}", "{\"a\":b}", "{a:\"b\"}", "{'a':'b'}", "{\"a\" \"b\"}",
            "{\"a\":\"b\" \"c\":\"d\"}", "{\"a\":\"1\",\"a\":\"2\"}", "{\"a\":1,\"a\":\"2\"}", "{\"a\":\"\n\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12\"}", "{\"a\":\"\\u+123\"}", "{\"a\":\"\\ud83d\"}", "{\"a\":\"\\ude00\"}",
            "{\"a\":\"\\ud83d\\u0041\"}",
            "{\"a\":\"b}", "{\"a\":\"\\", "{\"a\":1 2}", "{\"a\":}", "{\"a\":nan}", "{\"a\":inf}", "{\"a\":0x10}",
        ])
    func rejected(text: String) {
        #expect(throws: FlatJSON.SyntaxError.self) { try FlatJSON.strings(in: Array(text.utf8)) }
    }

    @Test("bytes that are not UTF-8")
    func encoding() {
        #expect(throws: FlatJSON.SyntaxError.self) {
            try FlatJSON.strings(in: Array("{\"a\":\"".utf8) + [0xff, 0x22, 0x7d])
        }
    }

    @Test("changed bytes are read or refused, never more")
    func mutations() {
        var generator = SeededGenerator(for: "FlatJSON")
        let text = Array(MetadataService.Reply.credentials().body.utf8)
        var accepted = 0
        for _ in 0..<5000 {
            var bytes = text
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            // Which of the two does not matter here; that it ends without a trap does.
            if (try? FlatJSON.strings(in: Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &generator)))))
                != nil
            {
                accepted += 1
            }
        }
        #expect(accepted < 5000)
    }
}
