import OpenSSL

/// Positions in listings that do not tell what is there.
///
/// A reader who may see only some of the entries has to be able to go on behind one that must stay hidden. Sealed text
/// is as long for every position, cannot be made up, is of no use to another reader or in another list, and holds on
/// every replica; the same position has the same text.
extension Repositories {
    /// Names and tags have fewer bytes.
    private static let length = 256
    private static let codeLength = 16
    /// Neither a name nor a tag begins so.
    private static let mark: Character = "~"

    /// The text that stands for the position behind `entry`. `reader` says who gets it, and in which list.
    package func sealedPosition(behind entry: String, for reader: String) -> String {
        let text = Array(entry.utf8.prefix(Self.length))
        let padded = text + [UInt8](repeating: 0, count: Self.length - text.count)
        let code = code(of: padded, reader)
        return "\(Self.mark)\(Base64URL.encode(code + crypt(padded, code)))"
    }

    /// The entry a reader wants to go on behind: the text itself, or that of a sealed position; nil for one that was not
    /// sealed here, or for another reader.
    package func position(_ text: String, for reader: String) -> String? {
        guard text.first == Self.mark else { return text }
        guard let bytes = Base64URL.decode(String(text.dropFirst())),
            bytes.count == Self.codeLength + Self.length
        else { return nil }
        let code = Array(bytes.prefix(Self.codeLength))
        let padded = crypt(Array(bytes.dropFirst(Self.codeLength)), code)
        guard constantTimeEqual(self.code(of: padded, reader), code) else { return nil }
        return String(decoding: padded.prefix { $0 != 0 }, as: UTF8.self)
    }

    private func code(of padded: [UInt8], _ reader: String) -> [UInt8] {
        // The entry has always the same length, so that nothing of it can pass for a part of the reader.
        let message = Array("stowage position\u{0}".utf8) + padded + Array(reader.utf8)
        return Array(HMAC.sha256(key: signer.secret, message).prefix(Self.codeLength))
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
