extension ObjectMetadata {
    /// The longest content type, names and values together, in bytes; what S3 takes, and file systems take more.
    package static let longest = 2048

    /// Whether there is nothing to store.
    package var isEmpty: Bool { contentType == nil && userMetadata.isEmpty }

    /// Why a store may be unable to keep this metadata; nil when every one can.
    package var flaw: String? {
        var length = 0
        for text in [contentType].compactMap(\.self) + userMetadata.values {
            length += text.utf8.count
            guard text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else { return "metadata is printable ASCII" }
        }
        for name in userMetadata.keys {
            length += name.utf8.count
            guard Self.isName(name) else { return "a metadata name has lower-case letters, digits and '-' only" }
        }
        return length > Self.longest ? "metadata has at most \(Self.longest) bytes" : nil
    }

    private static func isName(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}

extension ObjectStoreError {
    /// Throws `unsupportedKey` for a key or metadata that no store takes.
    static func check(_ key: ObjectKey, _ metadata: ObjectMetadata = ObjectMetadata()) throws(ObjectStoreError) {
        if let flaw = key.flaw ?? metadata.flaw { throw .unsupportedKey(key, reason: flaw) }
    }
}
