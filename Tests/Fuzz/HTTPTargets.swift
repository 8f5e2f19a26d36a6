import HTTPServer
import OCI
import RegistryAPI

extension FuzzTarget {
    /// Request heads: what comes in pieces is read as what comes at once.
    static let heads = FuzzTarget(name: "heads") { bytes in
        let step = Int(bytes.first ?? 0) % 7 + 1
        let input = Array(bytes.dropFirst())
        let whole = outcome(input, ends: [input.count])
        let pieces = outcome(input, ends: Array(stride(from: 0, to: input.count, by: step)) + [input.count])
        precondition((whole == nil) == (pieces == nil), "pieces are read otherwise than the whole")
        guard let whole, let pieces else { return }
        precondition(whole.consumed == pieces.consumed && whole.consumed <= input.count, "consumed differs")
        precondition(whole.head.path == pieces.head.path && whole.head.query == pieces.head.query, "target differs")
        precondition(whole.head.framing == pieces.head.framing, "framing differs")
        precondition(whole.head.path == "*" || whole.head.path.utf8.first == 0x2f, "a path without its slash")
        precondition(whole.head.values("Content-Length").count <= 1, "two lengths were accepted")
        if !whole.head.values("Transfer-Encoding").isEmpty {
            precondition(
                whole.head.framing == .chunked && whole.head.value("Content-Length") == nil, "ambiguous framing")
        }
    }

    /// The head in `input` when it is seen up to each of `ends` in turn; nil when it is refused or not complete.
    private static func outcome(_ input: [UInt8], ends: [Int]) -> (head: RequestHead, consumed: Int)? {
        var parser = HeadParser(limits: HeadLimits())
        for end in ends {
            do throws(HeadError) {
                let result = try parser.parse(input.span.bytes.extracting(0..<end))
                if case .complete(let head, let consumed) = result { return (head, consumed) }
            } catch {
                return nil
            }
        }
        return nil
    }

    /// Chunked bodies: the data is the same however it is cut.
    static let chunks = FuzzTarget(name: "chunks") { bytes in
        let whole = decoded(bytes, step: max(1, bytes.count))
        let single = decoded(bytes, step: 1)
        precondition(whole.isEnd == single.isEnd && whole.isError == single.isError, "the end depends on the pieces")
        precondition(whole.data == single.data && whole.consumed == single.consumed, "the data depends on the pieces")
        precondition(whole.data.count <= bytes.count && whole.consumed <= bytes.count, "more than there was")
    }

    private struct Decoded {
        var data: [UInt8] = []
        var consumed = 0
        var isEnd = false
        var isError = false
    }

    private static func decoded(_ bytes: [UInt8], step: Int) -> Decoded {
        var decoder = ChunkedDecoder()
        var result = Decoded()
        for start in stride(from: 0, to: bytes.count, by: step) {
            let piece = Array(bytes[start..<min(start + step, bytes.count)])
            var position = 0
            do throws(BodyError) {
                pieces: while true {
                    switch try decoder.next(piece.span.bytes, from: &position) {
                    case .data(let range): result.data += piece[range]
                    case .needsMore: break pieces
                    case .end(let consumed):
                        result.consumed = start + consumed
                        result.isEnd = true
                        return result
                    }
                }
            } catch {
                result.isError = true
                return result
            }
        }
        return result
    }

    /// Range and Content-Range: what is accepted lies inside.
    static let ranges = FuzzTarget(name: "ranges") { bytes in
        guard let text = text(Array(bytes.dropFirst(2))) else { return }
        let size = bytes.prefix(2).reduce(0) { $0 << 8 | Int($1) }
        if case .part(let part) = ByteRange(text, size: size) {
            precondition(!part.isEmpty && part.lowerBound >= 0 && part.upperBound <= size, "a range outside")
        }
        if let range = UploadRange(text) {
            precondition(range.first >= 0 && range.count > 0, "an upload range that is none")
            let (end, overflow) = range.first.addingReportingOverflow(range.count)
            precondition(!overflow && UploadRange("\(range.first)-\(end - 1)") == range, "it prints otherwise")
        }
    }

    /// Paths and queries: nothing but valid values comes out.
    static let paths = FuzzTarget(name: "paths") { bytes in
        guard let text = text(bytes) else { return }
        if let query = Query(text) { precondition(query.values("tag").count <= 1000, "a query without limit") }
        guard let endpoint = try? Endpoint(path: text) else { return }
        switch endpoint {
        case .tags(let name), .uploads(let name), .upload(let name, _), .blob(let name, _), .manifest(let name, _),
            .referrers(let name, _):
            precondition(isPlain(name.string), "a name that escapes")
        case .base, .catalog: break
        }
    }
}
