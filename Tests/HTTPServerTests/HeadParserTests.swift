import HTTPServer
import TestSupport
import Testing

@Suite("HeadParser")
struct HeadParserTests {
    struct Accepted: Sendable, CustomTestStringConvertible {
        let bytes: [UInt8]
        let method: String
        let path: String
        var query = ""
        var framing = RequestHead.Framing.none
        var keepsAlive = true
        var expectsContinue = false
        var minorVersion = 1

        var testDescription: String { String(decoding: bytes, as: UTF8.self).debugDescription }
    }

    static let accepted = [
        Accepted(bytes: head("GET / HTTP/1.1", "Host: a"), method: "GET", path: "/"),
        Accepted(bytes: head("GET /v2/?n=1&x HTTP/1.1", "Host: a"), method: "GET", path: "/v2/", query: "n=1&x"),
        Accepted(bytes: head("GET /a? HTTP/1.1", "Host: a"), method: "GET", path: "/a"),
        Accepted(bytes: head("GET /a?b?c HTTP/1.1", "Host: a"), method: "GET", path: "/a", query: "b?c"),
        Accepted(bytes: head("GET //a/../%2e HTTP/1.1", "Host:"), method: "GET", path: "//a/../%2e"),
        Accepted(bytes: head("OPTIONS * HTTP/1.1", "Host: a"), method: "OPTIONS", path: "*"),
        Accepted(
            bytes: head("\(String(repeating: "M", count: 32)) / HTTP/1.1", "Host: a"),
            method: String(repeating: "M", count: 32), path: "/"),
        Accepted(bytes: head("M-SEARCH /x HTTP/1.1", "Host: a"), method: "M-SEARCH", path: "/x"),
        Accepted(bytes: head("get /x HTTP/1.1", "hOsT: a"), method: "get", path: "/x"),
        Accepted(bytes: Array("\r\n\r\n".utf8) + head("GET / HTTP/1.1", "Host: a"), method: "GET", path: "/"),
        Accepted(bytes: head("GET / HTTP/1.1", "Host:a", "X:\t y \t"), method: "GET", path: "/"),
        Accepted(bytes: head("GET / HTTP/1.1", "Host: [::1]:5000", "X: \u{e9}"), method: "GET", path: "/"),
        // The absolute form, which a server must take (RFC 9112, section 3.2.2).
        Accepted(bytes: head("GET http://a/b?c HTTP/1.1", "Host: a"), method: "GET", path: "/b", query: "c"),
        Accepted(bytes: head("GET HTTP://a:80/b HTTP/1.1", "Host: a"), method: "GET", path: "/b"),
        Accepted(bytes: head("GET http://a HTTP/1.1", "Host: a"), method: "GET", path: "/"),
        Accepted(bytes: head("GET http://a?b/c HTTP/1.1", "Host: a"), method: "GET", path: "/", query: "b/c"),
        // Framing.
        Accepted(
            bytes: head("PUT / HTTP/1.1", "Host: a", "Content-Length: 5"), method: "PUT", path: "/",
            framing: .length(5)),
        Accepted(
            bytes: head("PUT / HTTP/1.1", "Host: a", "CONTENT-LENGTH:  007 "), method: "PUT", path: "/",
            framing: .length(7)),
        Accepted(
            bytes: head("PUT / HTTP/1.1", "Host: a", "Content-Length: 999999999999999999"), method: "PUT", path: "/",
            framing: .length(999_999_999_999_999_999)),
        Accepted(bytes: head("PUT / HTTP/1.1", "Host: a", "Content-Length: 0"), method: "PUT", path: "/"),
        Accepted(
            bytes: head("PUT / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked"), method: "PUT", path: "/",
            framing: .chunked),
        Accepted(
            bytes: head("PUT / HTTP/1.1", "Host: a", "tRANSFER-eNCODING: \tCHUNKED\t"), method: "PUT", path: "/",
            framing: .chunked),
        // Persistence.
        Accepted(
            bytes: head("GET / HTTP/1.1", "Host: a", "Connection: close"), method: "GET", path: "/",
            keepsAlive: false),
        Accepted(
            bytes: head("GET / HTTP/1.1", "Host: a", "Connection: te,\tCLOSE , x"), method: "GET", path: "/",
            keepsAlive: false),
        Accepted(
            bytes: head("GET / HTTP/1.1", "Host: a", "Connection: keep-alive", "Connection: close"), method: "GET",
            path: "/", keepsAlive: false),
        Accepted(bytes: head("GET / HTTP/1.1", "Host: a", "Connection: closed"), method: "GET", path: "/"),
        Accepted(bytes: head("GET / HTTP/1.0"), method: "GET", path: "/", keepsAlive: false, minorVersion: 0),
        Accepted(
            bytes: head("GET / HTTP/1.0", "Connection: Keep-Alive"), method: "GET", path: "/", keepsAlive: true,
            minorVersion: 0),
        Accepted(
            bytes: head("GET / HTTP/1.0", "Connection: keep-alive, close"), method: "GET", path: "/",
            keepsAlive: false, minorVersion: 0),
        // Expectations count only where a body follows and the client knows interim responses.
        Accepted(
            bytes: head("PUT / HTTP/1.1", "Host: a", "Expect: 100-Continue", "Content-Length: 1"), method: "PUT",
            path: "/", framing: .length(1), expectsContinue: true),
        Accepted(bytes: head("PUT / HTTP/1.1", "Host: a", "Expect: 100-continue"), method: "PUT", path: "/"),
        Accepted(
            bytes: head("PUT / HTTP/1.0", "Expect: 100-continue", "Content-Length: 1"), method: "PUT", path: "/",
            framing: .length(1), keepsAlive: false, minorVersion: 0),
    ]

    @Test("takes well-formed heads", arguments: accepted)
    func accepts(_ given: Accepted) throws {
        let facts = try #require(ParsedHead(given.bytes).facts)
        #expect(facts.method == given.method)
        #expect(facts.path == given.path)
        #expect(facts.query == given.query)
        #expect(facts.framing == given.framing)
        #expect(facts.keepsAlive == given.keepsAlive)
        #expect(facts.expectsContinue == given.expectsContinue)
        #expect(facts.minorVersion == given.minorVersion)
    }

    @Test("uses up the head and nothing behind it", arguments: accepted)
    func consumes(_ given: Accepted) {
        for rest in ["", "x", "GET / HTTP/1.1\r\n\r\n", "\r\n", "\n", "\u{0}"] {
            let parsed = ParsedHead(given.bytes + Array(rest.utf8))
            guard case .complete(_, let consumed) = parsed else {
                Issue.record("\(parsed) with \(rest.debugDescription) behind the head")
                continue
            }
            #expect(consumed == given.bytes.count)
        }
    }

    @Test("the pieces a head comes in make no difference", arguments: accepted.map(\.bytes) + RejectedHeads.all)
    func pieces(_ bytes: [UInt8]) {
        let whole = ParsedHead(bytes)
        let byByte = ParsedHead(bytes, ends: Array(0..<bytes.count))
        #expect(byByte.facts == whole.facts)
        #expect(byByte.rejection == whole.rejection)
        var generator = SeededGenerator(for: "HeadParserTests.pieces")
        for _ in 0..<20 {
            let count = Int.random(in: 0...6, using: &generator)
            let ends = (0..<count).map { _ in Int.random(in: 0...bytes.count, using: &generator) }.sorted()
            let parsed = ParsedHead(bytes, ends: ends)
            #expect(parsed.facts == whole.facts, "in pieces that end at \(ends)")
            #expect(parsed.rejection == whole.rejection, "in pieces that end at \(ends)")
        }
    }

    @Test("no part of a head is taken for the whole", arguments: accepted.map(\.bytes))
    func prefixes(_ bytes: [UInt8]) {
        for count in 0..<bytes.count { #expect(ParsedHead(Array(bytes[..<count])) == .needsMore) }
    }

    @Test("changed heads are rejected or taken alike in one piece and byte by byte")
    func mutations() {
        var generator = SeededGenerator(for: "HeadParserTests.mutations")
        let alphabet = Array("\r\n\t \u{0}:,;=/?#ahHcC019\u{7f}\u{e9}".utf8)
        for _ in 0..<3_000 {
            var bytes = Self.accepted.randomElement(using: &generator)?.bytes ?? []
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                let byte = alphabet.randomElement(using: &generator) ?? 0
                if Bool.random(using: &generator) { bytes[place] = byte } else { bytes.insert(byte, at: place) }
            }
            let whole = ParsedHead(bytes)
            let byByte = ParsedHead(bytes, ends: Array(0..<bytes.count))
            #expect(byByte.facts == whole.facts, "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
            #expect(byByte.rejection == whole.rejection, "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
        }
    }

    @Test("fields are found in any case, in order, without blanks around them")
    func fields() throws {
        var parser = HeadParser(limits: HeadLimits())
        let bytes = head("GET / HTTP/1.1", "Host: a", "x-One:  1 2\t", "X-ONE:", "X-Two: b")
        guard case .complete(let head, _) = try parser.parse(bytes.span.bytes) else {
            Issue.record("the head is not complete")
            return
        }
        #expect(head.value("X-One") == "1 2")
        #expect(head.values("x-one") == ["1 2", ""])
        #expect(head.value("X-Two") == "b")
        #expect(head.value("X-Three") == nil)
        #expect(head.values("X-On").isEmpty)
    }

    @Test("one parser reads one head after the other")
    func reuse() throws {
        var parser = HeadParser(limits: HeadLimits())
        var bytes = head("GET /1 HTTP/1.1", "Host: a") + head("GET /2 HTTP/1.1", "Host: a")
        var paths: [String] = []
        while case .complete(let head, let consumed) = try parser.parse(bytes.span.bytes) {
            paths.append(head.path)
            bytes.removeFirst(consumed)
            #expect(!parser.hasBegun)
        }
        #expect(paths == ["/1", "/2"])
        #expect(bytes.isEmpty)
    }
}
