import Testing

@testable import HTTPServer

@Suite("Percent-encoding, queries, dates and identifiers")
struct TextTests {
    @Test(
        "percent-encoding is undone once, strictly",
        arguments: [
            ("", ""), ("a/b", "a/b"), ("%41", "A"), ("%2f", "/"), ("%2F", "/"), ("%2e%2e", ".."), ("%25", "%"),
            ("%252f", "%2f"), ("a%20b", "a b"), ("+", "+"), ("%c3%a9", "\u{e9}"), ("%00", "\u{0}"),
            ("%", nil), ("%4", nil), ("a%", nil), ("%g1", nil), ("%1g", nil), ("%%41", nil), ("% 41", nil),
            ("%+1", nil), ("%ff", nil), ("%c3", nil), ("%c0%af", nil), ("%ed%a0%80", nil), ("%f4%90%80%80", nil),
        ])
    func decodes(_ text: String, _ expected: String?) {
        #expect(PercentCoding.decode(text[...]) == expected)
    }

    @Test("what was encoded is decoded to the same, and needs no escaping in a path or query")
    func roundTrip() {
        let text = String(String.UnicodeScalarView((0..<0x500).compactMap(Unicode.Scalar.init)))
        let encoded = PercentCoding.encode(text)
        #expect(PercentCoding.decode(encoded[...]) == text)
        #expect(PercentCoding.encode("aZ09-._~") == "aZ09-._~")
        #expect(PercentCoding.encode("a/b?c&d=e+f g") == "a%2Fb%3Fc%26d%3De%2Bf%20g")
    }

    @Test("a query's parameters, first and all")
    func queries() throws {
        let query = try #require(Query("a=1&b=2&a=3&c&d=&=e&f=x=y&%67=%26&h=a+b"))
        #expect(query["a"] == "1")
        #expect(query.values("a") == ["1", "3"])
        #expect(query["c"] == "")
        #expect(query["d"] == "")
        #expect(query[""] == "e")
        #expect(query["f"] == "x=y")
        #expect(query["g"] == "&")
        // Media types come with a plus sign that clients forget to escape.
        #expect(query["h"] == "a+b")
        #expect(query["z"] == nil)
        #expect(query.values("z").isEmpty)
        #expect(try #require(Query(""))["a"] == nil)
        #expect(try #require(Query("&&a=1&&"))["a"] == "1")
    }

    @Test("queries that are no percent-encoded UTF-8, or have too many parameters", arguments: ["%", "a=%f", "%ff=1"])
    func badQueries(_ text: String) {
        #expect(Query(text) == nil)
        let many = Array(repeating: "a=1", count: 1_000)
        #expect(Query(many.joined(separator: "&")) != nil)
        #expect(Query((many + ["b"]).joined(separator: "&")) == nil)
        #expect(Query(String(repeating: "&", count: 100_000)) != nil)
    }

    @Test(
        "dates in the one form of HTTP",
        arguments: [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
            (-1, "Wed, 31 Dec 1969 23:59:59 GMT"), (4_102_444_800, "Fri, 01 Jan 2100 00:00:00 GMT"),
        ])
    func dates(_ seconds: Int, _ expected: String) {
        #expect(HTTPDate.string(seconds) == expected)
    }

    @Test(
        "a client's request identifier is taken if it is short visible ASCII without quotes",
        arguments: [
            ("a", true), ("8d6d-91", true), ("00-4bf9;x=1,y", true), (String(repeating: "a", count: 128), true),
            ("", false), (String(repeating: "a", count: 129), false), ("a b", false), ("a\tb", false),
            ("a\"b", false), ("a\\b", false), ("a\u{7f}", false), ("\u{e9}", false), ("a\r\nb", false),
        ])
    func requestIDs(_ value: String, _ isAccepted: Bool) {
        #expect(RequestID.accept(value) == (isAccepted ? value : nil))
        #expect(RequestID.accept(nil) == nil)
    }

    @Test("identifiers made here are unlike each other and acceptable")
    func madeIDs() {
        let made = RequestIDs()
        let ids = (0..<1_000).map { _ in made.next() }
        #expect(Set(ids).count == ids.count)
        #expect(ids.allSatisfy { RequestID.accept($0) != nil })
        #expect(RequestIDs().next() != RequestIDs().next())
    }
}
