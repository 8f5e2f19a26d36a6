/// Why the bytes of a connection are no acceptable request head; the connection ends with this answer.
package struct HeadError: Error, Equatable, Sendable {
    package let status: Status
    /// What is wrong, for a person at the other end.
    package let reason: String

    init(_ status: Status = .badRequest, _ reason: String) {
        self.status = status
        self.reason = reason
    }

    /// A TLS ClientHello on a plain port: clients that try https first go on only when answered at once.
    package static let encrypted = HeadError(.badRequest, "this port speaks plain HTTP, not TLS")

    /// Plain HTTP on a TLS port.
    package static let plain = HeadError(.badRequest, "this port speaks HTTPS, not plain HTTP: use https://")
}

/// The longest heads a server takes.
package struct HeadLimits: Sendable {
    /// Of the request line, in bytes.
    package var requestLine = 8 << 10
    /// Of the whole head, in bytes; one buffer (256 KiB) is the most, whatever is set here.
    package var head = 32 << 10
    /// Number of fields.
    package var fields = 100

    package init() {}
}

/// Finds and reads one request head (RFC 9112, sections 2 to 6) in bytes that arrive in pieces.
///
/// Strict: CRLF only, no folding, no blanks before the colon, one Host, one way to find the body's end. Pure: it keeps
/// only how far it has looked, so that a head that comes byte by byte is not read from its start each time.
package struct HeadParser: Sendable {
    package enum Result: Sendable {
        case needsMore
        /// The head, and how many bytes it took.
        case complete(RequestHead, consumed: Int)
    }

    private let limits: HeadLimits
    /// First byte of the line that is not complete yet.
    private var lineStart = 0
    private var scanned = 0
    /// First byte after empty lines that some clients send before a request (RFC 9112, section 2.2).
    private var headStart = 0
    private var lines = 0

    package init(limits: HeadLimits) {
        self.limits = limits
    }

    /// Whether bytes of a head have come, as opposed to none or only empty lines.
    package var hasBegun: Bool { scanned > headStart }

    /// Looks at everything that has come since the last complete head; `bytes` must begin where it began last time.
    package mutating func parse(_ bytes: RawSpan) throws(HeadError) -> Result {
        let end = try findEnd(bytes)
        guard let end else { return .needsMore }
        let head = try read(bytes, headStart..<end)
        self = HeadParser(limits: limits)
        return .complete(head, consumed: end)
    }

    /// Walks the new lines; the position after the empty line that ends the head, or nil when it has not come.
    private mutating func findEnd(_ bytes: RawSpan) throws(HeadError) -> Int? {
        if lines == 0, bytes.byteCount > headStart, bytes.byte(at: headStart) == 0x16 { throw .encrypted }
        while let newline = bytes.firstIndex(of: 0x0a, from: scanned) {
            scanned = newline + 1
            guard newline > lineStart, bytes.byte(at: newline - 1) == 0x0d else {
                throw HeadError(.badRequest, "a line of the head does not end in CRLF")
            }
            let line = lineStart..<(newline - 1)
            let isEmpty = line.isEmpty
            lineStart = scanned
            if isEmpty, lines == 0 {
                headStart = scanned
                if headStart > 8 { throw HeadError(.badRequest, "empty lines instead of a request") }
                if bytes.byteCount > headStart, bytes.byte(at: headStart) == 0x16 { throw .encrypted }
                continue
            }
            if !isEmpty {
                lines += 1
                if lines == 1, newline - headStart > limits.requestLine { throw Self.lineTooLong }
                if lines > limits.fields + 1 { throw HeadError(.fieldsTooLarge, "more than \(limits.fields) fields") }
            }
            try checkLength(bytes, line, end: scanned)
            if isEmpty { return scanned }
        }
        scanned = bytes.byteCount
        if lines == 0, scanned - headStart > limits.requestLine { throw Self.lineTooLong }
        try checkLength(bytes, lineStart..<scanned, end: scanned)
        return nil
    }

    private static let lineTooLong = HeadError(.uriTooLong, "the request line is too long")

    /// Throws if the head is too long at `end`, where `line` is or has just been. For credentials of any length that is a
    /// bad request (RFC 6750, section 3.1), for other fields 431.
    private func checkLength(_ bytes: RawSpan, _ line: Range<Int>, end: Int) throws(HeadError) {
        guard end - headStart > limits.head else { return }
        if let colon = bytes.firstIndex(of: 0x3a, in: line),
            bytes.equalsIgnoringCase(line.lowerBound..<colon, "authorization")
        {
            throw HeadError(.badRequest, "the Authorization field does not fit in a head of \(limits.head) bytes")
        }
        throw HeadError(.fieldsTooLarge, "the request head is longer than \(limits.head) bytes")
    }

    /// Reads the complete head in `range`.
    private func read(_ bytes: RawSpan, _ range: Range<Int>) throws(HeadError) -> RequestHead {
        let copy = bytes.withUnsafeBytes { Array($0[range]) }
        let span = copy.span.bytes
        var position = 0
        let line = try RequestLine(span, 0..<Self.lineEnd(span, from: &position))
        var fields: [RequestHead.Field] = []
        fields.reserveCapacity(lines - 1)
        var semantics = FieldSemantics()
        while true {
            let start = position
            let end = Self.lineEnd(span, from: &position)
            if end == start { break }
            let field = try Self.field(span, start..<end)
            try semantics.note(field, in: span)
            fields.append(field)
        }
        let framing = try semantics.framing(minorVersion: line.minorVersion)
        return RequestHead(
            bytes: copy, fields: fields, method: line.method, path: line.path, query: line.query,
            framing: framing, keepsAlive: semantics.keepsAlive(minorVersion: line.minorVersion),
            expectsContinue: semantics.expectsContinue && line.minorVersion > 0 && framing != .none,
            minorVersion: line.minorVersion)
    }

    /// The end of the line at `position`, without its CRLF; moves `position` to the next one.
    private static func lineEnd(_ bytes: RawSpan, from position: inout Int) -> Int {
        // Every line was seen to end in CRLF by `findEnd`.
        let newline = bytes.firstIndex(of: 0x0a, from: position) ?? bytes.byteCount
        position = newline + 1
        return newline - 1
    }

    private static func field(_ bytes: RawSpan, _ line: Range<Int>) throws(HeadError) -> RequestHead.Field {
        guard let colon = bytes.firstIndex(of: 0x3a, in: line), colon > line.lowerBound else {
            throw HeadError(.badRequest, "a field line has no name")
        }
        for index in line.lowerBound..<colon where !bytes.byte(at: index).isTokenCharacter {
            throw HeadError(.badRequest, "a field name has a character that is not allowed")
        }
        var start = colon + 1
        var end = line.upperBound
        while start < end, bytes.byte(at: start).isBlank { start += 1 }
        while end > start, bytes.byte(at: end - 1).isBlank { end -= 1 }
        guard bytes.isFieldValue(start..<end) else {
            throw HeadError(.badRequest, "a field value has a control character")
        }
        return RequestHead.Field(name: line.lowerBound..<colon, value: start..<end)
    }
}
