/// A request line: method, target, version (RFC 9112, section 3).
struct RequestLine {
    /// Longer than any method there is, in bytes: it goes into logs as it is.
    private static let maximumMethod = 32

    let method: Method
    let path: String
    let query: String
    let minorVersion: Int

    init(_ bytes: RawSpan, _ line: Range<Int>) throws(HeadError) {
        guard let firstSpace = bytes.firstIndex(of: 0x20, in: line), firstSpace > line.lowerBound,
            let secondSpace = bytes.firstIndex(of: 0x20, in: firstSpace + 1..<line.upperBound)
        else { throw HeadError(.badRequest, "the request line is not METHOD TARGET VERSION") }
        for index in line.lowerBound..<firstSpace where !bytes.byte(at: index).isTokenCharacter {
            throw HeadError(.badRequest, "the method is no token")
        }
        guard firstSpace - line.lowerBound <= Self.maximumMethod else {
            throw HeadError(.notImplemented, "the method is longer than any this server knows")
        }
        minorVersion = try Self.minorVersion(bytes, secondSpace + 1..<line.upperBound)
        method = Method(bytes.extracting(line.lowerBound..<firstSpace))
        let target = try Self.pathAndQuery(bytes, firstSpace + 1..<secondSpace)
        let question = bytes.firstIndex(of: 0x3f, in: target) ?? target.upperBound
        // Only an absolute form can leave the path out.
        path =
            question == target.lowerBound
            ? "/" : String(decoding: bytes.extracting(target.lowerBound..<question))
        query =
            question < target.upperBound
            ? String(decoding: bytes.extracting(question + 1..<target.upperBound)) : ""
    }

    private static func minorVersion(_ bytes: RawSpan, _ range: Range<Int>) throws(HeadError) -> Int {
        let prefix: StaticString = "HTTP/1."
        let length = prefix.utf8CodeUnitCount
        guard range.count == length + 1, bytes.equals(range.lowerBound, prefix) else {
            if range.count == length + 1, bytes.equals(range.lowerBound, "HTTP/") {
                throw HeadError(.versionNotSupported, "this server speaks HTTP/1.1")
            }
            throw HeadError(.badRequest, "the request line does not end in HTTP/1.1")
        }
        switch bytes.byte(at: range.upperBound - 1) {
        case 0x30: return 0
        case 0x31: return 1
        default: throw HeadError(.versionNotSupported, "this server speaks HTTP/1.1")
        }
    }

    /// The path and query of a target in origin form, absolute form or asterisk form (RFC 9112, section 3.2).
    private static func pathAndQuery(_ bytes: RawSpan, _ target: Range<Int>) throws(HeadError) -> Range<Int> {
        for index in target where !isTargetCharacter(bytes.byte(at: index)) {
            throw HeadError(.badRequest, "the request target has a character that is not allowed")
        }
        guard let first = target.first else { throw HeadError(.badRequest, "the request target is empty") }
        if bytes.byte(at: first) == 0x2f { return target }
        if target.count == 1, bytes.byte(at: first) == 0x2a { return target }
        return try afterAuthority(bytes, target)
    }

    /// What follows `http://HOST`; the host is for proxies and not looked at.
    private static func afterAuthority(_ bytes: RawSpan, _ target: Range<Int>) throws(HeadError) -> Range<Int> {
        let scheme: StaticString = "http://"
        let start = target.lowerBound + scheme.utf8CodeUnitCount
        guard start < target.upperBound, bytes.equalsIgnoringCase(target.lowerBound..<start, scheme) else {
            throw HeadError(.badRequest, "the request target does not begin with a slash")
        }
        let question = bytes.firstIndex(of: 0x3f, in: start..<target.upperBound) ?? target.upperBound
        let end = bytes.firstIndex(of: 0x2f, in: start..<question) ?? question
        guard end > start else { throw HeadError(.badRequest, "the request target has no host") }
        return end..<target.upperBound
    }

    /// Visible ASCII without `#`, which never reaches a server.
    private static func isTargetCharacter(_ byte: UInt8) -> Bool { byte > 0x20 && byte < 0x7f && byte != 0x23 }
}
