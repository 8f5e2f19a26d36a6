import HTTPServer
import TestSupport
import Testing

@Suite("ChunkedDecoder")
struct ChunkedDecoderTests {
    /// What a decoder made of bytes.
    private enum Decoded: Equatable {
        case unfinished([UInt8])
        case rejected(Status)
        case complete([UInt8], consumed: Int)

        var isRejected: Bool {
            if case .rejected = self { return true }
            return false
        }
    }

    /// Gives the bytes in pieces that end at `ends`, and the rest.
    private func decode(_ bytes: [UInt8], ends: [Int] = []) -> Decoded {
        var decoder = ChunkedDecoder()
        var data: [UInt8] = []
        var start = 0
        for end in ends + [bytes.count] {
            let piece = Array(bytes[start..<end])
            var position = 0
            feeding: while true {
                let before = position
                do throws(BodyError) {
                    switch try decoder.next(piece.span.bytes, from: &position) {
                    case .data(let range):
                        #expect(range.lowerBound >= before && range.upperBound == position && !range.isEmpty)
                        data += piece[range]
                    case .needsMore:
                        #expect(position == piece.count)
                        break feeding
                    case .end(let consumed):
                        #expect(consumed == position)
                        return .complete(data, consumed: start + consumed)
                    }
                } catch {
                    return .rejected(error.status)
                }
            }
            start = end
        }
        return .unfinished(data)
    }

    private static func text(_ count: Int) -> String { String(repeating: "x", count: count) }

    static let accepted: [(String, String)] = [
        ("0\r\n\r\n", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"),
        ("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"),
        ("000000000000005\r\nhello\r\n00\r\n\r\n", "hello"),
        ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
        ("7\r\n0\r\n\r\n0\r\r\n0\r\n\r\n", "0\r\n\r\n0\r"),
        // Extensions and trailer fields are allowed and ignored.
        ("5;a\r\nhello\r\n0;b=\"c; d\"\r\n\r\n", "hello"),
        ("5 ; a = b\r\nhello\r\n0\t;x\r\n\r\n", "hello"),
        ("5 \r\nhello\r\n0\t\r\n\r\n", "hello"),
        ("5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-Two:\r\n\r\n", "hello"),
    ]

    static let longest = [
        ("1;" + text(255) + "\r\nx\r\n0\r\n\r\n", "x"),
        ("1\r\nx\r\n0\r\nX: " + text(8_180) + "\r\n\r\n", "x"),
    ]

    static let rejected = [
        "\r\n", "x", " 5\r\nhello\r\n", "-5\r\nhello\r\n", "+5\r\nhello\r\n", "0x5\r\nhello\r\n", "5,\r\nhello\r\n",
        "5 5\r\nhello\r\n", "5\t0\r\nhello\r\n", "5\nhello\r\n", "5\r\r\n", "5\rhello", "5\r\n\r\nhello",
        "5\u{0}\r\nhello", ";a\r\nhello", "\u{665}\r\nhello\r\n", "g\r\n",
        // Longer or shorter than its size.
        "5\r\nhello!\r\n0\r\n\r\n", "5\r\nhello\n", "5\r\nhello0\r\n\r\n", "5\r\nhell\r\n0\r\n\r\n",
        "5\r\nhello\r0\r\n\r\n", "5\r\nhello\r\n\r\n0\r\n\r\n",
        // Sizes that overflow.
        "10000000000000000\r\n", "FFFFFFFFFFFFFFFF\r\n", "8000000000000000\r\n", "0000000000000005\r\n",
        "100000000000000000000000000000000\r\n",
        // Extensions and trailers: control characters, bare line ends, more than the limits.
        "5;a\nhello", "5;\u{0}\r\nhello", "5;a\rb\r\nhello", "5;a\r b\r\nhello",
        "5;" + text(257) + "\r\n", "0\r\n\n", "0\r\n\r\r\n", "0\r\nX: y\n\r\n", "0\r\nX: y\r\r\n",
        "0\r\nX: a\u{0}b\r\n\r\n", "0\r\nno colon\r\n\r\n", "0\r\n: no name\r\n\r\n", "0\r\n folded: x\r\n\r\n",
        "0\r\nX: y\r\n folded\r\n\r\n", "0\r\nna me: x\r\n\r\n", "0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "0\r\nX: " + text(8 << 10) + "\r\n\r\n",
        "0\r\n" + String(repeating: "X: y\r\n", count: 2_000) + "\r\n",
    ]

    @Test("takes well-formed bodies, and nothing behind them", arguments: accepted + longest)
    func accepts(_ body: String, _ data: String) {
        let bytes = Array(body.utf8)
        for rest in ["", "0\r\n\r\n", "GET / HTTP/1.1\r\n", "\n"] {
            #expect(decode(bytes + Array(rest.utf8)) == .complete(Array(data.utf8), consumed: bytes.count))
        }
    }

    @Test("rejects what is malformed or too long", arguments: rejected)
    func rejects(_ body: String) {
        #expect(decode(Array(body.utf8)) == .rejected(.badRequest))
    }

    @Test("the pieces a body comes in make no difference", arguments: (accepted + longest).map(\.0) + rejected)
    func pieces(_ body: String) {
        let bytes = Array(body.utf8)
        let whole = decode(bytes)
        #expect(decode(bytes, ends: Array(0..<bytes.count)) == whole)
        var generator = SeededGenerator(for: "ChunkedDecoderTests.pieces")
        for _ in 0..<20 {
            let ends = (0..<4).map { _ in Int.random(in: 0...bytes.count, using: &generator) }.sorted()
            #expect(decode(bytes, ends: ends) == whole, "in pieces that end at \(ends)")
        }
    }

    @Test("no part of a body is taken for the whole", arguments: accepted)
    func prefixes(_ body: String, _ data: String) {
        let bytes = Array(body.utf8)
        for count in 0..<bytes.count {
            guard case .unfinished(let part) = decode(Array(bytes[..<count])) else {
                Issue.record("\(count) bytes were not unfinished")
                continue
            }
            #expect(Array(data.utf8).starts(with: part))
        }
    }

    @Test("what was written in random chunks is read back")
    func roundTrip() {
        var generator = SeededGenerator(for: "ChunkedDecoderTests.roundTrip")
        for _ in 0..<300 {
            var body: [UInt8] = []
            var data: [UInt8] = []
            for _ in 0..<Int.random(in: 0...8, using: &generator) {
                let count = Int.random(in: 1...600, using: &generator)
                let chunk = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
                let size = String(count, radix: 16, uppercase: Bool.random(using: &generator))
                body += Array("\(size)\r\n".utf8) + chunk + [0x0d, 0x0a]
                data += chunk
            }
            body += Array("0\r\n\r\n".utf8)
            let ends = (0..<5).map { _ in Int.random(in: 0...body.count, using: &generator) }.sorted()
            #expect(decode(body, ends: ends) == .complete(data, consumed: body.count))
        }
    }

    @Test("changed bodies are read alike in one piece and byte by byte")
    func mutations() {
        var generator = SeededGenerator(for: "ChunkedDecoderTests.mutations")
        let alphabet = Array("\r\n\t \u{0}:;=0159afAF\u{7f}".utf8)
        for _ in 0..<3_000 {
            var bytes = Array((Self.accepted.randomElement(using: &generator)?.0 ?? "").utf8)
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                let byte = alphabet.randomElement(using: &generator) ?? 0
                if Bool.random(using: &generator) { bytes[place] = byte } else { bytes.insert(byte, at: place) }
            }
            #expect(decode(bytes, ends: Array(0..<bytes.count)) == decode(bytes))
        }
    }
}
