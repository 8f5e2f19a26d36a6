/// The XML documents of S3 that are read, and the text of those that are written.
enum S3Documents {
    /// A key that DeleteObjects did not delete.
    struct Refusal {
        var key = ""
        var code = ""
        var message = ""

        /// Whether another try may help.
        var isBusy: Bool { ["InternalError", "SlowDown", "ServiceUnavailable"].contains(code) }
    }

    /// The `ETag` of a result, without quotes; empty if there is none.
    static func etag(in bytes: [UInt8]) throws(XMLError) -> String {
        S3Client.etag(try text(of: "ETag", in: bytes))
    }

    static func uploadID(in bytes: [UInt8]) throws(XMLError) -> String {
        guard let id = try text(of: "UploadId", in: bytes), !id.isEmpty else {
            throw XMLError(reason: "no UploadId", offset: bytes.count)
        }
        return id
    }

    /// The text of the first element called `name`.
    static func text(of name: String, in bytes: [UInt8]) throws(XMLError) -> String? {
        var reader = XMLReader(bytes)
        while let event = try reader.next() {
            if case .end(name, let text) = event { return text }
        }
        return nil
    }

    static func listing(in bytes: [UInt8], prefix: String) throws(XMLError) -> S3Listing {
        var listing = S3Listing()
        var entry = S3Listing.Entry()
        var reader = XMLReader(bytes)
        while let event = try reader.next() {
            switch event {
            case .begin("Contents"): entry = S3Listing.Entry()
            case .end("Contents", _): listing.objects.append(entry)
            case .end("Key", let text): entry.key = key(text, isEncoded: true, prefix: prefix)
            case .end("Size", let text): entry.size = Int(text) ?? 0
            case .end("ETag", let text): entry.etag = S3Client.etag(text)
            case .end("LastModified", let text): entry.modified = UTCTime(iso8601: text)?.seconds ?? 0
            case .end("StorageClass", let text): entry.storageClass = text
            case .end("IsTruncated", let text): listing.isTruncated = text == "true"
            default: break
            }
        }
        return listing
    }

    static func uploads(in bytes: [UInt8], prefix: String) throws(XMLError) -> S3UploadListing {
        var listing = S3UploadListing()
        var entry = S3UploadListing.Entry()
        var reader = XMLReader(bytes)
        while let event = try reader.next() {
            switch event {
            case .begin("Upload"): entry = S3UploadListing.Entry()
            case .end("Upload", _): listing.uploads.append(entry)
            case .end("Key", let text): entry.key = key(text, isEncoded: true, prefix: prefix)
            case .end("UploadId", let text): entry.uploadID = text
            case .end("Initiated", let text): entry.initiated = UTCTime(iso8601: text)?.seconds ?? 0
            case .end("IsTruncated", let text): listing.isTruncated = text == "true"
            default: break
            }
        }
        return listing
    }

    static func refusals(in bytes: [UInt8], prefix: String) throws(XMLError) -> [Refusal] {
        var refusals: [Refusal] = []
        var refusal = Refusal()
        var reader = XMLReader(bytes)
        while let event = try reader.next() {
            switch event {
            case .begin("Error"): refusal = Refusal()
            // A key that is not there is what was wanted.
            case .end("Error", _): if refusal.code != "NoSuchKey" { refusals.append(refusal) }
            case .end("Key", let text): refusal.key = key(text, isEncoded: false, prefix: prefix)
            case .end("Code", let text): refusal.code = text
            case .end("Message", let text): refusal.message = text
            default: break
            }
        }
        return refusals
    }

    private static func key(_ text: String, isEncoded: Bool, prefix: String) -> String {
        let whole = isEncoded ? decode(text) : text
        // Byte by byte: a key may go on with what changes the prefix's last character.
        guard whole.utf8.starts(with: prefix.utf8) else { return whole }
        return String(decoding: whole.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
    }

    /// Takes back the encoding of `encoding-type=url`, where a plus stands for a space.
    static func decode(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else { return text }
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let value = octet(rest.prefix(2)) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The value of two hexadecimal digits; what reads numbers would take a sign, too.
    private static func octet(_ digits: ArraySlice<UInt8>) -> UInt8? {
        let text = String(decoding: digits, as: UTF8.self)
        return text.count == 2 && text.allSatisfy(\.isHexDigit) ? UInt8(text, radix: 16) : nil
    }

    /// Text as it may stand in an element.
    static func escape(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\r": out += "&#13;"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}
