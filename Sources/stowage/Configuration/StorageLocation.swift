/// Where the bytes are, as `storage.location` says it: a directory, or `s3://BUCKET[/PREFIX]`.
enum StorageLocation: Equatable, Sendable {
    case directory(String)
    /// `prefix` is empty or ends in a slash.
    case bucket(name: String, prefix: String)

    /// Why a text is no location.
    struct Problem: Error, Equatable, CustomStringConvertible {
        let description: String
    }

    private static let scheme = "s3://"

    init(_ text: String) throws(Problem) {
        guard text.hasPrefix(Self.scheme) else {
            guard !text.isEmpty, !text.contains("://") else {
                let found = text.isEmpty ? "" : " (found \(text.debugDescription))"
                throw Problem(description: "expected a directory or s3://BUCKET/PREFIX\(found)")
            }
            self = .directory(text)
            return
        }
        let path = text.dropFirst(Self.scheme.count)
        let name = String(path.prefix { $0 != "/" })
        if let flaw = Self.flaw(ofBucket: name) {
            throw Problem(description: "\(flaw) (found \(name.debugDescription))")
        }
        var prefix = path.dropFirst(name.count + 1)
        if prefix.count > 1, prefix.hasSuffix("/") { prefix.removeLast() }
        if let flaw = Self.flaw(ofPrefix: prefix) {
            throw Problem(description: "\(flaw) (found \(prefix.debugDescription))")
        }
        self = .bucket(name: name, prefix: prefix.isEmpty ? "" : "\(prefix)/")
    }

    /// Whether `text` means a bucket, be it a right one or not.
    static func isBucket(_ text: String) -> Bool { text.hasPrefix(scheme) }

    // MARK: Rules

    /// S3's rules for the names of buckets, which leave out what no host name can have.
    private static func flaw(ofBucket name: String) -> String? {
        let (bytes, rule) = (Array(name.utf8), "the name of a bucket has")
        guard (3...63).contains(bytes.count) else { return "\(rule) 3 to 63 characters" }
        let isInner = { (byte: UInt8) in isLetterOrDigit(byte) || byte == UInt8(ascii: "-") || byte == dot }
        guard bytes.allSatisfy(isInner) else { return "\(rule) lower-case letters, digits, hyphens and dots only" }
        guard isLetterOrDigit(bytes[0]), isLetterOrDigit(bytes[bytes.count - 1]) else {
            return "\(rule) a letter or digit at both ends"
        }
        guard !name.contains("..") else { return "\(rule) no two dots side by side" }
        let numbers = name.split(separator: ".", omittingEmptySubsequences: false)
        let isAddress = numbers.count == 4 && numbers.allSatisfy { UInt8($0) != nil }
        return isAddress ? "\(rule) not the form of an IP address" : nil
    }

    /// Characters that need no encoding anywhere, so that people and tools spell the same key.
    private static func flaw(ofPrefix prefix: Substring) -> String? {
        guard !prefix.isEmpty else { return nil }
        guard prefix.utf8.count <= 255 else { return "a prefix has at most 255 characters" }
        let isAllowed = { (byte: UInt8) in
            isLetterOrDigit(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || [dot, UInt8(ascii: "-"), UInt8(ascii: "_")].contains(byte)
        }
        let isComponent = { (part: Substring) in
            !part.isEmpty && part != "." && part != ".." && part.utf8.allSatisfy(isAllowed)
        }
        return prefix.split(separator: "/", omittingEmptySubsequences: false).allSatisfy(isComponent)
            ? nil : "a prefix has letters, digits, '.', '-' and '_' between single slashes"
    }

    private static let dot = UInt8(ascii: ".")

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: false
        }
    }
}
