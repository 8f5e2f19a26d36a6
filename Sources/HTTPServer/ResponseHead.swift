/// Writes response heads (RFC 9112, section 4).
enum ResponseHead {
    /// What the engine says in every head besides the handler's fields.
    struct Context {
        let date: [UInt8]
        let requestID: String
        let keepsAlive: Bool
        /// Whether the client speaks HTTP/1.0 and must be told that the connection stays.
        let announcesKeepAlive: Bool
    }

    /// The head of `response` with the empty line after it.
    static func bytes(of response: Response, _ context: Context, roomFor extra: Int) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(256 + response.fields.count * 64 + extra)
        out.append("HTTP/1.1 ")
        out.append(decimal: response.status.code)
        out.append(0x20)
        out.append(response.status.reason)
        out.append("\r\n")
        for (name, value) in response.fields { out.append(field: name, value) }
        if !response.status.forbidsBody {
            out.append("Content-Length: ")
            out.append(decimal: response.body.length)
            out.append("\r\n")
        }
        out.append(contentsOf: context.date)
        out.append(field: "X-Request-Id", context.requestID)
        if !context.keepsAlive {
            out.append("Connection: close\r\n")
        } else if context.announcesKeepAlive {
            out.append("Connection: keep-alive\r\n")
        }
        out.append("\r\n")
        return out
    }
}

extension [UInt8] {
    mutating func append(_ text: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Decimal digits of a number that is not negative.
    mutating func append(decimal number: Int) {
        if number >= 10 { append(decimal: number / 10) }
        append(UInt8(0x30 + number % 10))
    }

    /// A field line; a control character in the value becomes a space, so that no value can end its line.
    mutating func append(field name: StaticString, _ value: String) {
        append(name)
        append(": ")
        let start = count
        append(contentsOf: value.utf8)
        for index in start..<count where !self[index].isFieldValueCharacter { self[index] = 0x20 }
        append("\r\n")
    }
}
