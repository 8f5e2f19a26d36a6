import Testing

@testable import HTTPServer

@Suite("ResponseHead")
struct ResponseHeadTests {
    private func lines(
        _ response: Response, keepsAlive: Bool = true, announcesKeepAlive: Bool = false
    ) -> [String] {
        let context = ResponseHead.Context(
            date: Array("Date: now\r\n".utf8), requestID: "id", keepsAlive: keepsAlive,
            announcesKeepAlive: announcesKeepAlive)
        let bytes = ResponseHead.bytes(of: response, context, roomFor: 0)
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(text.hasSuffix("\r\n\r\n"))
        return text.split(separator: "\r\n", omittingEmptySubsequences: true).map(String.init)
    }

    @Test("the bytes of a head")
    func bytes() {
        let response = Response(.ok, fields: [("A", "b"), ("A", "c")], body: .bytes(Array("hello".utf8)))
        #expect(
            lines(response) == [
                "HTTP/1.1 200 OK", "A: b", "A: c", "Content-Length: 5", "Date: now", "X-Request-Id: id",
            ])
        #expect(lines(response, keepsAlive: false).last == "Connection: close")
        #expect(lines(response, announcesKeepAlive: true).last == "Connection: keep-alive")
        #expect(lines(response, keepsAlive: false, announcesKeepAlive: true).last == "Connection: close")
    }

    @Test("no length where no body can be, the length a HEAD would have where one is left out")
    func lengths() {
        for status in [Status.noContent, .notModified] {
            #expect(!lines(Response(status)).contains { $0.hasPrefix("Content-Length") })
        }
        #expect(lines(Response(.ok)).contains("Content-Length: 0"))
        #expect(lines(Response(.ok, body: .omitted(length: .max))).contains("Content-Length: 9223372036854775807"))
    }

    @Test(
        "a field value cannot end its line",
        arguments: [
            ("a\r\nX-Evil: 1", "a  X-Evil: 1"), ("a\nb", "a b"), ("a\rb", "a b"), ("a\u{0}b", "a b"),
            ("a\u{7f}b", "a b"), ("a\tb", "a\tb"), ("\r\n\r\n<html>", "    <html>"), ("\u{e9}", "\u{e9}"),
            ("\u{2028}", "\u{2028}"), ("", ""),
        ])
    func splitting(_ value: String, _ expected: String) {
        #expect(lines(Response(.ok, fields: [("Location", value)]))[1] == "Location: \(expected)")
    }

    @Test("statuses have a reason, and unknown ones too")
    func statuses() {
        for code in [200, 201, 202, 204, 206, 304, 307, 400, 401, 403, 404, 405, 409, 413, 416, 429, 500, 503, 507] {
            #expect(lines(Response(Status(code)))[0].hasPrefix("HTTP/1.1 \(code) "))
            #expect("\(Status(code).reason)" != "Unknown")
        }
        #expect(lines(Response(Status(599)))[0] == "HTTP/1.1 599 Unknown")
    }
}
