/// What the fields of a head say about its framing and connection (RFC 9112, sections 3.2, 6 and 9.3).
struct FieldSemantics {
    private var hosts = 0
    private var contentLength: Int?
    private var isChunked = false
    private var closes = false
    private var persists = false
    private(set) var expectsContinue = false

    /// Takes a field into account; throws where the framing would be open to two readings.
    mutating func note(_ field: RequestHead.Field, in bytes: RawSpan) throws(HeadError) {
        switch field.name.count {
        case 4 where bytes.equalsIgnoringCase(field.name, "host"):
            hosts += 1
            for index in field.value where !bytes.byte(at: index).isHostCharacter {
                throw HeadError(.badRequest, "the Host field is no host")
            }
        case 6 where bytes.equalsIgnoringCase(field.name, "expect"):
            guard bytes.equalsIgnoringCase(field.value, "100-continue") else {
                throw HeadError(.expectationFailed, "the only expectation supported is 100-continue")
            }
            expectsContinue = true
        case 10 where bytes.equalsIgnoringCase(field.name, "connection"):
            noteConnection(bytes, field.value)
        case 14 where bytes.equalsIgnoringCase(field.name, "content-length"):
            guard contentLength == nil else { throw HeadError(.badRequest, "more than one Content-Length") }
            contentLength = try Self.length(bytes, field.value)
        case 17 where bytes.equalsIgnoringCase(field.name, "transfer-encoding"):
            guard !isChunked else { throw HeadError(.badRequest, "more than one Transfer-Encoding") }
            guard bytes.equalsIgnoringCase(field.value, "chunked") else {
                throw HeadError(.notImplemented, "the only transfer coding supported is chunked")
            }
            isChunked = true
        default: break
        }
    }

    /// How the body's end is found, once all fields are known.
    func framing(minorVersion: Int) throws(HeadError) -> RequestHead.Framing {
        guard hosts == 1 || (hosts == 0 && minorVersion == 0) else {
            throw HeadError(.badRequest, "a request needs exactly one Host field")
        }
        guard isChunked else { return contentLength.map { $0 == 0 ? .none : .length($0) } ?? .none }
        guard contentLength == nil else {
            throw HeadError(.badRequest, "both Content-Length and Transfer-Encoding")
        }
        guard minorVersion == 1 else { throw HeadError(.badRequest, "Transfer-Encoding in HTTP/1.0") }
        return .chunked
    }

    func keepsAlive(minorVersion: Int) -> Bool {
        minorVersion == 1 ? !closes : persists && !closes
    }

    /// `1*DIGIT`, at most 18 of them, so that it fits an Int.
    private static func length(_ bytes: RawSpan, _ value: Range<Int>) throws(HeadError) -> Int {
        guard !value.isEmpty, value.count <= 18 else {
            throw HeadError(.badRequest, "the Content-Length is no number of bytes")
        }
        var length = 0
        for index in value {
            let byte = bytes.byte(at: index)
            guard byte.isDigit else { throw HeadError(.badRequest, "the Content-Length is no number of bytes") }
            length = length * 10 + Int(byte - 0x30)
        }
        return length
    }

    /// Looks for `close` and `keep-alive` in a comma-separated list.
    private mutating func noteConnection(_ bytes: RawSpan, _ value: Range<Int>) {
        var start = value.lowerBound
        while start < value.upperBound {
            let comma = bytes.firstIndex(of: 0x2c, in: start..<value.upperBound) ?? value.upperBound
            var first = start
            var last = comma
            while first < last, bytes.byte(at: first).isBlank { first += 1 }
            while last > first, bytes.byte(at: last - 1).isBlank { last -= 1 }
            if bytes.equalsIgnoringCase(first..<last, "close") { closes = true }
            if bytes.equalsIgnoringCase(first..<last, "keep-alive") { persists = true }
            start = comma + 1
        }
    }
}

extension UInt8 {
    /// What `uri-host [ ":" port ]` may hold (RFC 3986, section 3.2.2).
    fileprivate var isHostCharacter: Bool {
        switch self {
        case 0x30...0x3b, 0x41...0x5a, 0x61...0x7a: true  // 0-9 : ; A-Z a-z
        case 0x21, 0x24...0x2e, 0x3d, 0x5b, 0x5d, 0x5f, 0x7e: true  // ! $ % & ' ( ) * + , - . = [ ] _ ~
        default: false
        }
    }
}
