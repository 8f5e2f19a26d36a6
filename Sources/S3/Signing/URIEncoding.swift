/// Percent-encoding as Signature Version 4 wants it: every byte but the unreserved ones of RFC 3986, section 2.3, in
/// upper-case hexadecimal. What is sent must be spelled exactly as what is signed, so requests use the same functions.
package enum URIEncoding {
    private static let digits: StaticString = "0123456789ABCDEF"

    /// `/` and an object key, its segments encoded and its slashes kept; S3 encodes once and resolves no dots.
    package static func path(_ key: String) -> String {
        var out: [UInt8] = [UInt8(ascii: "/")]
        out.reserveCapacity(key.utf8.count + 1)
        append(key, keepingSlash: true, to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    /// The encoded text of one name or value of a query.
    package static func component(_ text: String) -> String {
        var out: [UInt8] = []
        append(text, keepingSlash: false, to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    /// The parameters in the order and spelling that is signed, `a=1&uploads=`; empty when there are none.
    package static func query(_ parameters: [(name: String, value: String)]) -> String {
        guard !parameters.isEmpty else { return "" }
        var out: [UInt8] = []
        appendQuery(parameters, to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    static func appendQuery(_ parameters: [(name: String, value: String)], to out: inout [UInt8]) {
        guard parameters.count > 1 else {
            if let parameter = parameters.first {
                append(parameter.name, keepingSlash: false, to: &out)
                out.append(UInt8(ascii: "="))
                append(parameter.value, keepingSlash: false, to: &out)
            }
            return
        }
        // Sorted as encoded, which is not the order of the raw text: `é` begins with `%` then.
        let encoded = parameters.map { (name: component($0.name), value: component($0.value)) }
        for (index, parameter) in encoded.sorted(by: <).enumerated() {
            if index > 0 { out.append(UInt8(ascii: "&")) }
            out.append(contentsOf: parameter.name.utf8)
            out.append(UInt8(ascii: "="))
            out.append(contentsOf: parameter.value.utf8)
        }
    }

    /// Copies runs that need no escapes as a whole: there are many of them, and they are long.
    private static func append(_ text: String, keepingSlash: Bool, to out: inout [UInt8]) {
        var text = text
        text.withUTF8 { bytes in
            var start = 0
            for (index, byte) in bytes.enumerated() {
                if isUnreserved(byte) || (keepingSlash && byte == UInt8(ascii: "/")) { continue }
                out.append(contentsOf: bytes[start..<index])
                out.append(UInt8(ascii: "%"))
                out.append(digits.utf8Start[Int(byte >> 4)])
                out.append(digits.utf8Start[Int(byte & 15)])
                start = index + 1
            }
            out.append(contentsOf: bytes[start...])
        }
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"): true
        default: false
        }
    }
}
