import S3
import Testing

struct URIEncodingTests {
    @Test(
        "paths keep slashes, dots and empty segments",
        arguments: [
            ("", "/"), ("a/b", "/a/b"), ("a b", "/a%20b"), ("a+b", "/a%2Bb"), ("~-._", "/~-._"), ("//a//", "///a//"),
            ("./../a", "/./../a"), ("100%", "/100%25"), ("é", "/%C3%A9"), ("e\u{301}", "/e%CC%81"),
            ("\u{0}", "/%00"), ("a:b@c,d;e=f&g$h!i'j(k)l*", "/a%3Ab%40c%2Cd%3Be%3Df%26g%24h%21i%27j%28k%29l%2A"),
        ])
    func paths(test: (key: String, path: String)) {
        #expect(URIEncoding.path(test.key) == test.path)
    }

    @Test("components escape the slash too")
    func components() {
        #expect(URIEncoding.component("a/b c") == "a%2Fb%20c")
        #expect(URIEncoding.component("") == "")
    }

    @Test(
        "queries are sorted as encoded, names before values",
        arguments: [
            ([], ""), ([("uploads", "")], "uploads="), ([("b", "1"), ("a", "2")], "a=2&b=1"),
            ([("a-b", "1"), ("a", "2")], "a=2&a-b=1"), ([("x", "b"), ("x", "a")], "x=a&x=b"),
            ([("é", "1"), ("z", "2"), ("A", "3")], "%C3%A9=1&A=3&z=2"), ([("a=b", "c&d")], "a%3Db=c%26d"),
        ] as [([(name: String, value: String)], String)])
    func queries(test: (parameters: [(name: String, value: String)], query: String)) {
        #expect(URIEncoding.query(test.parameters) == test.query)
    }
}
