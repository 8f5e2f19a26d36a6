import HTTPServer
import Testing

/// Heads that are answered with an error and the end of the connection.
enum RejectedHeads {
    /// Heads that two servers might read in two ways, so that one of them can be made to see a request that the other
    /// took for a body (request smuggling).
    static let ambiguousFraming: [([UInt8], Status)] = [
        (post("Content-Length: 5", "Transfer-Encoding: chunked"), .badRequest),
        (post("Transfer-Encoding: chunked", "Content-Length: 5"), .badRequest),
        (post("Transfer-Encoding: chunked", "Content-Length: 0"), .badRequest),
        (post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), .badRequest),
        (post("Transfer-Encoding: chunked", "Transfer-Encoding: identity"), .badRequest),
        (post("Transfer-Encoding: identity", "Transfer-Encoding: chunked"), .notImplemented),
        (post("Transfer-Encoding: xchunked"), .notImplemented),
        (post("Transfer-Encoding: chunkedx"), .notImplemented),
        (post("Transfer-Encoding: chunked, identity"), .notImplemented),
        (post("Transfer-Encoding: gzip, chunked"), .notImplemented),
        (post("Transfer-Encoding: chunked;q=1"), .notImplemented),
        (post("Transfer-Encoding: \"chunked\""), .notImplemented),
        (post("Transfer-Encoding: chu nked"), .notImplemented),
        (post("Transfer-Encoding:"), .notImplemented),
        (post("Transfer-Encoding: ,chunked"), .notImplemented),
        (post("Transfer-Encoding: \u{b}chunked"), .badRequest),
        (post("Transfer-Encoding: chunked\u{0}"), .badRequest),
        (post("Transfer-Encoding : chunked"), .badRequest),
        (post("Transfer-Encoding\t: chunked"), .badRequest),
        (post(" Transfer-Encoding: chunked"), .badRequest),
        (post("Transfer-Encoding\u{0}: chunked"), .badRequest),
        (post("X: y\r Transfer-Encoding: chunked"), .badRequest),
        (post("X: y\n Transfer-Encoding: chunked"), .badRequest),
        (post("X: y\nTransfer-Encoding: chunked"), .badRequest),
        (post("Transfer-Encoding:\r\n chunked"), .notImplemented),
        (post("X:\r\n\tTransfer-Encoding: chunked"), .badRequest),
        (post("Content-Length: 5", "Content-Length: 5"), .badRequest),
        (post("Content-Length: 5", "Content-Length: 6"), .badRequest),
        (post("Content-Length: 0", "Content-Length: 0"), .badRequest),
        (post("Content-Length: 5, 5"), .badRequest),
        (post("Content-Length: 5,6"), .badRequest),
        (post("Content-Length: +5"), .badRequest),
        (post("Content-Length: -5"), .badRequest),
        (post("Content-Length: -0"), .badRequest),
        (post("Content-Length: 0x5"), .badRequest),
        (post("Content-Length: 5 5"), .badRequest),
        (post("Content-Length: 5\u{b}"), .badRequest),
        (post("Content-Length: 5.0"), .badRequest),
        (post("Content-Length: 5e1"), .badRequest),
        (post("Content-Length: 1_000"), .badRequest),
        (post("Content-Length: \u{665}"), .badRequest),
        (post("Content-Length:"), .badRequest),
        (post("Content-Length: \u{22}5\u{22}"), .badRequest),
        (post("Content-Length: 9223372036854775808"), .badRequest),
        (post("Content-Length: 18446744073709551621"), .badRequest),
        (post("Content-Length: 00000000000000000005"), .badRequest),
        (post("Content-Length : 5"), .badRequest),
        (post("Content-Length: 5\r\n 6"), .badRequest),
        (head("POST / HTTP/1.0", "Transfer-Encoding: chunked"), .badRequest),
        (head("POST / HTTP/1.0", "Host: a", "Transfer-Encoding: chunked", "Content-Length: 5"), .badRequest),
    ]

    static let hosts: [([UInt8], Status)] = [
        (head("GET / HTTP/1.1"), .badRequest),
        (head("GET / HTTP/1.1", "X-Host: a"), .badRequest),
        (head("GET / HTTP/1.1", "Host: a", "Host: a"), .badRequest),
        (head("GET / HTTP/1.1", "Host: a", "HOST: b"), .badRequest),
        (head("GET / HTTP/1.0", "Host: a", "Host: b"), .badRequest),
        (head("GET / HTTP/1.1", "Host: a b"), .badRequest),
        (head("GET / HTTP/1.1", "Host: a/b"), .badRequest),
        (head("GET / HTTP/1.1", "Host: u@a"), .badRequest),
        (head("GET / HTTP/1.1", "Host: a\u{22}"), .badRequest),
        (head("GET / HTTP/1.1", "Host: <script>"), .badRequest),
    ]

    static let lines: [([UInt8], Status)] = [
        (Array("GET / HTTP/1.1\nHost: a\n\n".utf8), .badRequest),
        (Array("GET / HTTP/1.1\r\nHost: a\n\r\n".utf8), .badRequest),
        (Array("GET / HTTP/1.1\r\nHost: a\r\n\n".utf8), .badRequest),
        (Array("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n".utf8), .badRequest),
        (Array("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n".utf8), .badRequest),
        (Array("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8), .badRequest),
        (Array("\r\n\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8), .badRequest),
        (head("GET / HTTP/1.1", " Host: a"), .badRequest),
        (head("GET / HTTP/1.1", "Host: a", " folded"), .badRequest),
        (head("GET / HTTP/1.1", "Host: a", "\tfolded"), .badRequest),
        (head("GET / HTTP/1.1", "Host: a", "no colon"), .badRequest),
        (head("GET / HTTP/1.1", "Host: a", ": no name"), .badRequest),
        (head("GET / HTTP/1.1", "Host: a", "na me: x"), .badRequest),
        (head("GET / HTTP/1.1", "Host: a", "na(me: x"), .badRequest),
        (head("GET / HTTP/1.1", "Host: a", "n\u{e4}me: x"), .badRequest),
        (head("GET / HTTP/1.1", "Host: a", "X: a\u{0}b"), .badRequest),
        (head("GET / HTTP/1.1", "Host: a", "X: a\u{1}b"), .badRequest),
        (head("GET / HTTP/1.1", "Host: a", "X: a\u{7f}b"), .badRequest),
        (head("GET / HTTP/1.1", "Host: a", "X: a\rb"), .badRequest),
        (head("GET / HTTP/1.1", "Host: a", "Expect: 200-ok"), .expectationFailed),
        (head("GET / HTTP/1.1", "Host: a", "Expect: 100-continue, x"), .expectationFailed),
    ]

    static let requestLines: [([UInt8], Status)] = [
        (head(String(repeating: "M", count: 33) + " / HTTP/1.1", "Host: a"), .notImplemented),
        (head(String(repeating: "M", count: 4_000) + " / HTTP/1.1", "Host: a"), .notImplemented),
        (head("GET /", "Host: a"), .badRequest),
        (head("GET", "Host: a"), .badRequest),
        (head("GET  / HTTP/1.1", "Host: a"), .badRequest),
        (head("GET /  HTTP/1.1", "Host: a"), .badRequest),
        (head("GET / HTTP/1.1 ", "Host: a"), .badRequest),
        (head(" GET / HTTP/1.1", "Host: a"), .badRequest),
        (head("GET\t/\tHTTP/1.1", "Host: a"), .badRequest),
        (head("GET / x HTTP/1.1", "Host: a"), .badRequest),
        (head("G ET / HTTP/1.1", "Host: a"), .badRequest),
        (head("G(T / HTTP/1.1", "Host: a"), .badRequest),
        (head("GET  HTTP/1.1", "Host: a"), .badRequest),
        (head("GET a HTTP/1.1", "Host: a"), .badRequest),
        (head("GET a/b HTTP/1.1", "Host: a"), .badRequest),
        (head("GET ** HTTP/1.1", "Host: a"), .badRequest),
        (head("CONNECT a:443 HTTP/1.1", "Host: a"), .badRequest),
        (head("GET http:///b HTTP/1.1", "Host: a"), .badRequest),
        (head("GET http:// HTTP/1.1", "Host: a"), .badRequest),
        (head("GET https://a/b HTTP/1.1", "Host: a"), .badRequest),
        (head("GET ftp://a/b HTTP/1.1", "Host: a"), .badRequest),
        (head("GET http:/a HTTP/1.1", "Host: a"), .badRequest),
        (head("GET /a#b HTTP/1.1", "Host: a"), .badRequest),
        (head("GET /\u{e9} HTTP/1.1", "Host: a"), .badRequest),
        (head("GET /\u{0} HTTP/1.1", "Host: a"), .badRequest),
        (head("GET /\u{7f} HTTP/1.1", "Host: a"), .badRequest),
        (head("GET / http/1.1", "Host: a"), .badRequest),
        (head("GET / HTTP/1.1.", "Host: a"), .badRequest),
        (head("GET / HTTP/11", "Host: a"), .badRequest),
        (head("GET / HTTP/1.", "Host: a"), .badRequest),
        (head("GET / HTTP/1.2", "Host: a"), .versionNotSupported),
        (head("GET / HTTP/2.0", "Host: a"), .versionNotSupported),
        (head("GET / HTTP/0.9", "Host: a"), .versionNotSupported),
        // What an HTTP/2 client sends that believes the server speaks it.
        (Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8), .versionNotSupported),
        // HTTP/0.9 has no version, and its request is one line.
        (Array("GET /\r\n\r\n".utf8), .badRequest),
        // The first bytes of a TLS ClientHello.
        ([0x16, 0x03, 0x01, 0x02, 0x00, 0x01], .badRequest),
        ([0x0d, 0x0a, 0x16, 0x03, 0x01], .badRequest),
    ]

    static let all = (ambiguousFraming + hosts + lines + requestLines).map(\.0)

    private static func post(_ fields: String...) -> [UInt8] {
        Array((["POST / HTTP/1.1", "Host: a"] + fields + ["", ""]).joined(separator: "\r\n").utf8)
    }
}

@Suite("Heads that are rejected")
struct RejectedHeadsTests {
    @Test("framing that can be read in two ways", arguments: RejectedHeads.ambiguousFraming)
    func framing(_ bytes: [UInt8], _ status: Status) { check(bytes, status) }

    @Test("not exactly one valid Host", arguments: RejectedHeads.hosts)
    func hosts(_ bytes: [UInt8], _ status: Status) { check(bytes, status) }

    @Test("lines that are malformed", arguments: RejectedHeads.lines)
    func lines(_ bytes: [UInt8], _ status: Status) { check(bytes, status) }

    @Test("request lines that are malformed or of another protocol", arguments: RejectedHeads.requestLines)
    func requestLines(_ bytes: [UInt8], _ status: Status) { check(bytes, status) }

    private func check(_ bytes: [UInt8], _ status: Status) {
        #expect(
            ParsedHead(bytes).rejection == status, "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
    }

    @Test("a TLS hello is known by its first byte")
    func encrypted() {
        #expect(ParsedHead([0x16]) == .rejected(.badRequest, reason: HeadError.encrypted.reason))
    }

    // MARK: Limits

    private var limits: HeadLimits {
        var limits = HeadLimits()
        limits.requestLine = 64
        limits.head = 256
        limits.fields = 4
        return limits
    }

    /// Both ways of reading agree on every length, and the longest that is taken is within the limit.
    @Test("request lines up to the limit are taken, longer ones are 414 as soon as they are longer")
    func requestLineLimit() {
        for count in 1..<200 {
            let line = "GET /" + String(repeating: "x", count: count) + " HTTP/1.1"
            let bytes = head(line, "Host: a")
            let expected: Status? = line.utf8.count > 63 ? .uriTooLong : nil
            #expect(ParsedHead(bytes, limits: limits).rejection == expected)
            #expect(ParsedHead(bytes, ends: Array(0..<bytes.count), limits: limits).rejection == expected)
        }
        #expect(ParsedHead(Array(repeating: 0x41, count: 65), limits: limits).rejection == .uriTooLong)
        #expect(ParsedHead(Array(repeating: 0x41, count: 64), limits: limits) == .needsMore)
    }

    @Test("heads up to the limit are taken, longer ones are 431")
    func headLimit() {
        for count in 0..<400 {
            let bytes = head("GET / HTTP/1.1", "Host: a", "X: " + String(repeating: "x", count: count))
            let expected: Status? = bytes.count > 256 ? .fieldsTooLarge : nil
            #expect(ParsedHead(bytes, limits: limits).rejection == expected)
            #expect(ParsedHead(bytes, ends: Array(0..<bytes.count), limits: limits).rejection == expected)
        }
        let endless = Array("GET / HTTP/1.1\r\nX: ".utf8) + Array(repeating: 0x78, count: 300)
        #expect(ParsedHead(endless, limits: limits).rejection == .fieldsTooLarge)
    }

    @Test("credentials that make a head too long are a 400")
    func credentialsLimit() {
        for (name, field) in [
            ("Authorization", Status.badRequest), ("AUTHORIZATION", .badRequest), ("Y", .fieldsTooLarge),
        ] {
            for count in 0..<400 {
                let bytes = head(
                    "GET / HTTP/1.1", "Host: a", name + ": " + String(repeating: "x", count: count), "Z: z")
                let untilThere = bytes.count - "\r\nZ: z\r\n\r\n".utf8.count
                let expected: Status? = bytes.count <= 256 ? nil : untilThere + 2 <= 256 ? .fieldsTooLarge : field
                #expect(ParsedHead(bytes, limits: limits).rejection == expected, "\(name) \(count)")
                #expect(ParsedHead(bytes, ends: Array(0..<bytes.count), limits: limits).rejection == expected)
            }
        }
    }

    @Test("as many fields as the limit are taken, one more is 431")
    func fieldLimit() {
        for count in 1..<8 {
            let fields = (1..<count).map { "X\($0): y" }
            let text = (["GET / HTTP/1.1", "Host: a"] + fields).joined(separator: "\r\n") + "\r\n\r\n"
            #expect(ParsedHead(Array(text.utf8), limits: limits).rejection == (count > 4 ? .fieldsTooLarge : nil))
        }
    }
}
