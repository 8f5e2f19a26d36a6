import OpenSSL

/// A token in JWS compact serialization (RFC 7515, section 7.1) taken apart; nothing of it is believed yet.
struct CompactJWS {
    /// Bytes of the longest token that is looked at.
    static let maximumLength = 16 << 10

    /// The first part as it came, in base64url.
    let encodedHeader: ArraySlice<UInt8>
    /// The second part as it came, in base64url.
    let encodedPayload: ArraySlice<UInt8>
    /// What the signature is of: both with the dot between them.
    let signedBytes: ArraySlice<UInt8>
    let signature: [UInt8]

    /// Nil unless `token` is three parts, none of them empty, and the last one base64url in its only spelling.
    init?(_ token: String) {
        // The length comes first, and the dots are found without making a list of what is between them.
        guard token.utf8.count <= Self.maximumLength else { return nil }
        let bytes = Array(token.utf8)
        guard let first = bytes.firstIndex(of: Self.dot),
            let second = bytes[(first + 1)...].firstIndex(of: Self.dot),
            !bytes[(second + 1)...].contains(Self.dot)
        else { return nil }
        encodedHeader = bytes[..<first]
        encodedPayload = bytes[(first + 1)..<second]
        signedBytes = bytes[..<second]
        guard !encodedHeader.isEmpty, !encodedPayload.isEmpty,
            let signature = Base64URL.decode(bytes[(second + 1)...]), !signature.isEmpty
        else { return nil }
        self.signature = signature
    }

    static let dot = UInt8(ascii: ".")
}
