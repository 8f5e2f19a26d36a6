import OpenSSL

/// Positions in listings that do not tell what is there.
///
/// A reader who may see only some of the entries has to be able to go on behind one that must stay hidden. Sealed text
/// is as long for every position, cannot be made up, and holds on every replica; the same position has the same text.
extension Repositories {
    /// Names and tags have fewer bytes.
    private static let length = 256
    private static let codeLength = 16
    /// Neither a name nor a tag begins so.
    private static let mark: Character = "~"

    /// The text that stands for the position behind `entry`.
    package func sealedPosition(behind entry: String) -> String {
        let text = Array(entry.utf8.prefix(Self.length))
        let padded = text + [UInt8](repeating: 0, count: Self.length - text.count)
        let code = code(of: padded)
        return "\(Self.mark)\(Base64URL.encode(code + crypt(padded, code)))"
    }

    /// The entry a reader wants to go on behind: that of a sealed position, else the text itself.
    package func position(_ text: String) -> String {
        guard text.first == Self.mark, let bytes = Base64URL.decode(String(text.dropFirst())),
            bytes.count == Self.codeLength + Self.length
        else { return text }
        let code = Array(bytes.prefix(Self.codeLength))
        let padded = crypt(Array(bytes.dropFirst(Self.codeLength)), code)
        guard constantTimeEqual(self.code(of: padded), code) else { return text }
        return String(decoding: padded.prefix { $0 != 0 }, as: UTF8.self)
    }

    private func code(of padded: [UInt8]) -> [UInt8] {
        Array(HMAC.sha256(key: signer.secret, Array("stowage position\u{0}".utf8) + padded).prefix(Self.codeLength))
    }

    /// Adds the key stream that belongs to `code`; twice gives what was there before.
    private func crypt(_ bytes: [UInt8], _ code: [UInt8]) -> [UInt8] {
        var stream: [UInt8] = []
        while stream.count < bytes.count {
            let message = Array("stowage position key\u{0}\(stream.count)\u{0}".utf8) + code
            stream += HMAC.sha256(key: signer.secret, message)
        }
        return zip(bytes, stream).map { $0 ^ $1 }
    }
}
