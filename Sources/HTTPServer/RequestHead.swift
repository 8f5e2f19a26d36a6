/// The head of a request, valid by RFC 9112: request line and fields, kept as the bytes that came.
package struct RequestHead: Sendable {
    /// Where a field's name and value are in `bytes`.
    struct Field: Sendable {
        let name: Range<Int>
        let value: Range<Int>
    }

    /// How the body's end is found (RFC 9112, section 6.3).
    package enum Framing: Equatable, Sendable {
        case none
        case length(Int)
        case chunked
    }

    let bytes: [UInt8]
    let fields: [Field]
    package let method: Method
    /// The path as sent, percent-encoding and all; begins with `/`, or is `*`.
    package let path: String
    /// What follows the `?`, as sent; empty when there is none.
    package let query: String
    package let framing: Framing
    /// Whether the client wants to send more requests on this connection.
    package let keepsAlive: Bool
    /// Whether it waits for `100 Continue` before the body.
    package let expectsContinue: Bool
    /// 0 or 1, of `HTTP/1.x`.
    package let minorVersion: Int

    /// The first value of a field; `name` in any case.
    package func value(_ name: StaticString) -> String? {
        for field in fields where matches(field.name, name) { return text(field.value) }
        return nil
    }

    /// All values of a field, in order.
    package func values(_ name: StaticString) -> [String] {
        fields.filter { matches($0.name, name) }.map { text($0.value) }
    }

    func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    func matches(_ range: Range<Int>, _ name: StaticString) -> Bool {
        bytes.span.bytes.equalsIgnoringCase(range, name)
    }
}

extension RawSpan {
    /// Whether the bytes in `range` spell `name`, ASCII case aside.
    func equalsIgnoringCase(_ range: Range<Int>, _ name: StaticString) -> Bool {
        guard range.count == name.utf8CodeUnitCount else { return false }
        return withUnsafeBytes { bytes in
            for index in 0..<range.count {
                let one = bytes[range.lowerBound + index].lowercasedASCII
                guard one == name.utf8Start[index].lowercasedASCII else { return false }
            }
            return true
        }
    }
}

extension UInt8 {
    var lowercasedASCII: UInt8 { self >= 0x41 && self <= 0x5a ? self | 0x20 : self }
    var isDigit: Bool { self >= 0x30 && self <= 0x39 }

    /// `tchar` of RFC 9110, section 5.6.2.
    var isTokenCharacter: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        case 0x21, 0x23...0x27, 0x2a, 0x2b, 0x2d, 0x2e, 0x5e, 0x5f, 0x60, 0x7c, 0x7e: true
        default: false
        }
    }

    /// What a field value may hold besides: visible ASCII, space, tab and the bytes above ASCII.
    var isFieldValueCharacter: Bool { self == 0x09 || (self >= 0x20 && self != 0x7f) }
    var isBlank: Bool { self == 0x20 || self == 0x09 }

    /// The value of a hexadecimal digit.
    var hexadecimalValue: Int? {
        switch self {
        case 0x30...0x39: Int(self) - 0x30
        case 0x41...0x46: Int(self) - 0x41 + 10
        case 0x61...0x66: Int(self) - 0x61 + 10
        default: nil
        }
    }
}
