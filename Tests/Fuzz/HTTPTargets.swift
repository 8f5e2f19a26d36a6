import OCI
import RegistryAPI

@testable import HTTPServer

extension FuzzTarget {
    /// Request heads: what comes in pieces is read as what comes at once, and what was read can be written and read
    /// again. The first byte says how long the pieces are.
    static let heads = FuzzTarget(name: "heads") { bytes in
        let step = Int(bytes.first ?? 0) % 7 + 1
        let input = Array(bytes.dropFirst())
        let whole = outcome(input, ends: [input.count])
        let pieces = outcome(input, ends: Array(stride(from: 0, to: input.count, by: step)) + [input.count])
        switch (whole, pieces) {
        case (.needsMore, .needsMore): break
        case (.rejected(let one), .rejected(let other)):
            precondition((400..<600).contains(one.code) && (400..<600).contains(other.code), "no error is its status")
        case (.complete(let head, let consumed), .complete(let other, let otherConsumed)):
            precondition(consumed == otherConsumed && consumed <= input.count, "consumed differs")
            precondition(isSame(head, other), "the head differs")
            checkRules(head)
            checkPrinted(head)
        default: preconditionFailure("pieces are read otherwise than the whole")
        }
    }

    private enum Outcome {
        case needsMore
        case rejected(Status)
        case complete(RequestHead, consumed: Int)
    }

    /// What a parser says of `input` when it sees it up to each of `ends` in turn.
    private static func outcome(_ input: [UInt8], ends: [Int]) -> Outcome {
        var limits = HeadLimits()
        // Within reach of the fuzzer.
        (limits.requestLine, limits.head, limits.fields) = (256, 1_024, 12)
        var parser = HeadParser(limits: limits)
        for end in ends {
            do throws(HeadError) {
                let result = try parser.parse(input.span.bytes.extracting(0..<end))
                if case .complete(let head, let consumed) = result { return .complete(head, consumed: consumed) }
            } catch {
                return .rejected(error.status)
            }
        }
        return .needsMore
    }

    private static func isSame(_ one: RequestHead, _ other: RequestHead) -> Bool {
        one.method == other.method && one.path == other.path && one.query == other.query
            && one.framing == other.framing && one.keepsAlive == other.keepsAlive
            && one.expectsContinue == other.expectsContinue && one.minorVersion == other.minorVersion
            && one.fields.map { one.text($0.name) } == other.fields.map { other.text($0.name) }
            && one.fields.map { one.text($0.value) } == other.fields.map { other.text($0.value) }
    }

    private static func checkRules(_ head: RequestHead) {
        precondition(head.path == "*" || head.path.utf8.first == 0x2f, "a path without its slash")
        precondition(head.values("Host").count == 1 || head.minorVersion == 0, "not one host")
        precondition(head.values("Content-Length").count <= 1, "two lengths were accepted")
        if !head.values("Transfer-Encoding").isEmpty {
            precondition(head.framing == .chunked && head.value("Content-Length") == nil, "ambiguous framing")
            precondition(head.minorVersion == 1, "chunks in HTTP/1.0")
        }
        for field in head.fields {
            precondition(head.bytes[field.value].allSatisfy { $0 != 0 && $0 != 0x0d && $0 != 0x0a }, "a line end")
        }
    }

    private static func checkPrinted(_ head: RequestHead) {
        let target = head.query.isEmpty ? head.path : "\(head.path)?\(head.query)"
        var printed = Array("\(head.method.name) \(target) HTTP/1.\(head.minorVersion)\r\n".utf8)
        for field in head.fields {
            printed += head.bytes[field.name] + Array(": ".utf8) + head.bytes[field.value] + Array("\r\n".utf8)
        }
        printed += Array("\r\n".utf8)
        var parser = HeadParser(limits: HeadLimits())
        guard case .complete(let again, let consumed)? = try? parser.parse(printed.span.bytes) else {
            preconditionFailure("a head that was read is refused when it is written")
        }
        precondition(consumed == printed.count && isSame(head, again), "a head that changes")
    }

    /// Chunked bodies: the data is the same however it is cut, and what was read can be written and read again.
    static let chunks = FuzzTarget(name: "chunks") { bytes in
        let whole = decoded(bytes, step: max(1, bytes.count))
        let single = decoded(bytes, step: 1)
        precondition(whole.isEnd == single.isEnd && whole.isError == single.isError, "the end depends on the pieces")
        precondition(whole.data == single.data && whole.consumed == single.consumed, "the data depends on the pieces")
        precondition(whole.data.count <= bytes.count && whole.consumed <= bytes.count, "more than there was")
        guard whole.isEnd, !whole.data.isEmpty else { return }
        let size = Array(String(whole.data.count, radix: 16).utf8)
        let printed = size + [0x0d, 0x0a] + whole.data + Array("\r\n0\r\n\r\n".utf8)
        let again = decoded(printed, step: printed.count)
        precondition(again.isEnd && again.data == whole.data && again.consumed == printed.count, "a body that changes")
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
            let printed = "bytes=\(part.lowerBound)-\(part.upperBound - 1)"
            precondition(ByteRange(printed, size: size) == .part(part), "a range that changes")
        }
        if let range = UploadRange(text) {
            precondition(range.first >= 0 && range.count > 0, "an upload range that is none")
            let (end, overflow) = range.first.addingReportingOverflow(range.count)
            precondition(!overflow && UploadRange("\(range.first)-\(end - 1)") == range, "it prints otherwise")
        }
    }

    /// Paths and queries: nothing but valid values comes out, and what comes out is found under its own path.
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
        precondition((try? Endpoint(path: path(of: endpoint))) == endpoint, "an endpoint that changes")
    }

    private static func path(of endpoint: Endpoint) -> String {
        switch endpoint {
        case .base: "/v2/"
        case .catalog: "/v2/_catalog"
        case .tags(let name): "/v2/\(name)/tags/list"
        case .manifest(let name, let reference): "/v2/\(name)/manifests/\(reference)"
        case .blob(let name, let digest): "/v2/\(name)/blobs/\(digest)"
        case .uploads(let name): "/v2/\(name)/blobs/uploads/"
        case .upload(let name, let token): "/v2/\(name)/blobs/uploads/\(PercentCoding.encode(token))"
        case .referrers(let name, let digest): "/v2/\(name)/referrers/\(digest)"
        }
    }
}
