/// The text of a request that is signed: method, path, query, fields, names of the fields, hash of the payload.
struct CanonicalRequest {
    private(set) var bytes: [UInt8] = []

    /// Begins with the method and the encoded path.
    init(method: String, path: String) {
        bytes.reserveCapacity(1024)
        append(method)
        endLine()
        append(path)
        endLine()
    }

    mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    mutating func endLine() { bytes.append(UInt8(ascii: "\n")) }

    mutating func appendQuery(_ query: [(name: String, value: String)]) {
        URIEncoding.appendQuery(query, to: &bytes)
        endLine()
    }

    /// One line for each field, an empty line, and the line with all names. Names are in lower case and sorted.
    mutating func appendFields(_ fields: [(name: String, value: String)]) {
        for field in fields {
            append(field.name)
            bytes.append(UInt8(ascii: ":"))
            appendTrimmed(field.value)
            endLine()
        }
        endLine()
        for (index, field) in fields.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ";")) }
            append(field.name)
        }
        endLine()
    }

    /// Without blanks at the ends, and with one space for every run of them within.
    private mutating func appendTrimmed(_ value: String) {
        let isBlank: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        guard value.utf8.contains(where: isBlank) else { return append(value) }
        let start = bytes.count
        var isPending = false
        for byte in value.utf8 {
            if isBlank(byte) {
                isPending = bytes.count > start
            } else {
                if isPending { bytes.append(UInt8(ascii: " ")) }
                isPending = false
                bytes.append(byte)
            }
        }
    }
}

/// What a signature is good for: a second, and the day, region and service its key was derived for.
struct SigningScope {
    /// `20261123T091011Z`.
    let timestamp: String
    /// `20261123/eu-central-1/s3/aws4_request`.
    let text: String
    /// Days since 1970.
    let day: Int

    init(signer: SigV4Signer, date: Int) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(16)
        UTCTime(date).appendBasic(to: &bytes)
        timestamp = String(decoding: bytes, as: UTF8.self)
        text = "\(timestamp.prefix(8))/\(signer.region)/\(signer.service)/aws4_request"
        day = date / 86_400
    }
}
