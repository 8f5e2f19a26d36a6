import TestSupport
import Testing

@testable import S3

@Suite("XMLReader")
struct XMLReaderTests {
    private func read(_ text: String) throws -> [XMLReader.Event] {
        var reader = XMLReader(Array(text.utf8))
        var events: [XMLReader.Event] = []
        while let event = try reader.next() { events.append(event) }
        return events
    }

    @Test("elements and their text, in order")
    func elements() throws {
        let events = try read(
            """
            <?xml version="1.0" encoding="UTF-8"?>
            <!-- a remark -->
            <s3:List xmlns="http://s3.amazonaws.com/doc/2006-03-01/" a='>"'>
              <Key>a b</Key><Empty/><None></None >
            </s3:List>

            """)
        #expect(
            events == [
                .begin("List"), .begin("Key"), .end("Key", text: "a b"), .begin("Empty"), .end("Empty", text: ""),
                .begin("None"), .end("None", text: ""), .end("List", text: "\n"),
            ])
    }

    @Test(
        "references and character data",
        arguments: [
            ("&lt;&gt;&amp;&quot;&apos;", "<>&\"'"), ("&#34;a&#x22;", "\"a\""), ("&#233;&#x1F600;", "é😀"),
            ("<![CDATA[<a>&amp;]]>", "<a>&amp;"), ("x<!-- y -->z", "xz"), (" a \n", " a \n"), ("é", "é"),
        ])
    func text(written: String, read expected: String) throws {
        #expect(try read("<K>\(written)</K>") == [.begin("K"), .end("K", text: expected)])
    }

    @Test(
        "what is no well-formed document is refused",
        arguments: [
            "", "<", "<a", "<a>", "<a></b>", "<a></a></a>", "<a/><b/>", "x<a/>", "<a/>x", "<a>&unknown;</a>",
            "<a>&</a>",
            "<a>&#xD800;</a>", "<a>&#+34;</a>", "<a>&#x-0;</a>", "<a>&#1114112;</a>", "<a b=\"></a>",
            "<!DOCTYPE a [<!ENTITY x \"y\">]><a/>",
            "<a><![CDATA[x</a>",
            "<a><!-- </a>", "</a>", "< a/>", "<a><</a>", "&amp;<a/>", "not xml", "<x:?a/>", "<x:!a/>", "<a\"/>",
            "<a=b/>", "<1/>", "<x:-a/>",
            "<x:/>",
        ])
    func malformed(_ text: String) {
        #expect(throws: XMLError.self) { try read(text) }
    }

    @Test("no deeper than a document of S3 ever is")
    func depth() throws {
        let most = String(repeating: "<a>", count: 16) + String(repeating: "</a>", count: 16)
        #expect(try read(most).count == 32)
        #expect(throws: XMLError.self) { try read(String(repeating: "<a>", count: 17)) }
    }

    @Test("random damage to a listing is read or refused, never a trap")
    func damage() {
        var generator = SeededGenerator(for: "XMLReaderTests.damage")
        let text = Array(
            "<?xml version=\"1.0\"?><L a=\"b\"><C><K>a&amp;b</K><S>1</S><![CDATA[x]]></C><!--c--><E/></L>".utf8)
        for _ in 0..<20_000 {
            var bytes = text
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            bytes.removeLast(Int.random(in: 0...5, using: &generator))
            var reader = XMLReader(bytes)
            // Both outcomes are fine; what matters is that there is one.
            while let event = try? reader.next() { _ = event }
        }
    }
}
