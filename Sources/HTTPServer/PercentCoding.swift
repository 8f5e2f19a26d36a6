/// Percent-encoding (RFC 3986, section 2.1).
package enum PercentCoding {
    /// The decoded text; nil for a broken escape or text that is not UTF-8.
    package static func decode(_ text: Substring) -> String? {
        guard text.utf8.contains(0x25) else { return String(text) }
        var out: [UInt8] = []
        out.reserveCapacity(text.utf8.count)
        var bytes = text.utf8.makeIterator()
        while let byte = bytes.next() {
            guard byte == 0x25 else {
                out.append(byte)
                continue
            }
            guard let high = bytes.next()?.hexadecimalValue, let low = bytes.next()?.hexadecimalValue else {
                return nil
            }
            out.append(UInt8(high << 4 | low))
        }
        return String(validating: out, as: UTF8.self)
    }

    /// `text` with everything but the unreserved characters escaped.
    package static func encode(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var out: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e: out.append(byte)
            default: out += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}

/// The parameters of a query, `a=1&b=2`. A `+` stands for itself, as in media types that clients forget to escape.
package struct Query: Sendable {
    /// More parameters than any request has.
    private static let maximumCount = 1000

    private let parameters: [(name: String, value: String)]

    /// Nil when something in it is not percent-encoded UTF-8, or there are more than 1,000 parameters.
    package init?(_ text: String) {
        var parameters: [(name: String, value: String)] = []
        if !text.isEmpty {
            let pieces = text.split(separator: "&", maxSplits: Self.maximumCount)
            guard pieces.count <= Self.maximumCount else { return nil }
            for piece in pieces {
                let equals = piece.firstIndex(of: "=") ?? piece.endIndex
                guard let name = PercentCoding.decode(piece[..<equals]),
                    let value = PercentCoding.decode(piece[equals...].dropFirst())
                else { return nil }
                parameters.append((name, value))
            }
        }
        self.parameters = parameters
    }

    /// The first value of `name`.
    package subscript(name: String) -> String? {
        parameters.first { $0.name == name }?.value
    }

    /// Every value of `name`, in order.
    package func values(_ name: String) -> [String] {
        parameters.filter { $0.name == name }.map(\.value)
    }
}
