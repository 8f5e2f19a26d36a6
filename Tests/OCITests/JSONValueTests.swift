import TestSupport
import Testing

@testable import OCI

/// JSON of any kind as values.
struct JSONValueTests {
    private static let texts: [(String, [String: JSONValue])] = [
        ("{}", [:]), (" { } ", [:]), (#"{"a":1}"#, ["a": .number(1)]),
        (#"{"a" : [ ] , "b":{}}"#, ["a": .array([]), "b": .object([:])]),
        (
            #"{"a":[true,false,null,-1.5e2,"x"]}"#,
            ["a": .array([.bool(true), .bool(false), .null, .number(-150), .string("x")])]
        ),
        (#"{"a":{"b":[[1],[]]}}"#, ["a": .object(["b": .array([.array([.number(1)]), .array([])])])]),
        (#"{"\u0061\"\\":"\ud83d\ude00\n]},:"}"#, ["a\"\\": .string("\u{1F600}\n]},:")]),
        (#"{"a":"\\","b":"\""}"#, ["a": .string("\\"), "b": .string("\"")]),
        ("{\t\"a\"\r\n:\n1 ,\"b\":0.5\n}\n", ["a": .number(1), "b": .number(0.5)]),
        (#"{"a":1e400,"b":-1e400}"#, ["a": .number(.infinity), "b": .number(-.infinity)]),
        (#"{"a":9007199254740993}"#, ["a": .number(9_007_199_254_740_992)]),
    ]

    @Test(arguments: texts)
    func values(text: String, members: [String: JSONValue]) throws {
        #expect(try JSONValue.members(of: Array(text.utf8)) == members)
    }

    @Test(arguments: [
        "", "[]", "1", "{", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, #"{"a":1}}"#, #"{"a":[1,]}"#, #"{"a":01}"#,
        #"{"a":tru}"#, #"{"a":1,"a":2}"#, #"{"b":{"a":1,"\u0061":2}}"#, #"{"a":"\x"}"#, "{\"a\":\"\n\"}",
        "{\"a\":" + String(repeating: "[", count: 200) + String(repeating: "]", count: 200) + "}",
    ])
    func whatIsNoObject(text: String) {
        #expect(throws: JSONSyntaxError.self) { try JSONValue.members(of: Array(text.utf8)) }
    }

    @Test func arraysNestAsDeepAsTheScannerLets() throws {
        let depth = JSONScanner.maximumDepth - 1
        let text = "{\"a\":" + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) + "}"
        var value = try #require(try JSONValue.members(of: Array(text.utf8))["a"])
        var levels = 0
        while case .array(let elements) = value {
            levels += 1
            guard let first = elements.first else { break }
            value = first
        }
        #expect(levels == depth)
    }

    /// Whatever bytes are changed: the reader trusts the scanner, and may not step outside of the text.
    @Test func damagedTexts() {
        var generator = SeededGenerator(for: "JSONValueTests.damagedTexts")
        let text = Array(#"{"a":[1,{"b":"x\"y","c":[true,null,-2.5e-3]},[]],"d":{"e":""}}"#.utf8)
        for _ in 0..<20_000 {
            var bytes = text
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                bytes[Int.random(in: bytes.indices, using: &generator)] =
                    #"{}[]",:\0123456789.eE+-tfn "#.utf8.randomElement(using: &generator) ?? 0
            }
            // Most are no JSON; that none of them traps is what this is about.
            _ = try? JSONValue.members(of: bytes)
        }
    }
}
