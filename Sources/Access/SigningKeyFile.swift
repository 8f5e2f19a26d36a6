import EventLoop

/// Signing keys in a text file, one secret a line, each of at least 43 characters as `openssl rand -base64 32` or
/// `openssl rand -hex 32` prints them; empty lines and lines that begin with `#` do not count.
///
/// The first key signs, all check. To change keys without an outage: add the new one as the last line on every replica,
/// then move it to the top, and remove the old one when the last token it signed has expired.
package enum SigningKeyFile {
    /// Characters a secret has at least: base64 of 32 bytes.
    static let minimumLength = 43
    private static let sizeLimit = 64 << 10

    /// The keys of a file; throws `SigningKeyFileError`. Blocks: not for event loops.
    package static func read(_ path: String) throws(SigningKeyFileError) -> [SigningKey] {
        let bytes = try bytes(of: path)
        var keys: [SigningKey] = []
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            let secret = Array(line.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
            guard let first = secret.first, first != UInt8(ascii: "#") else { continue }
            let key = try key(secret, at: "\(path):\(index + 1)")
            guard !keys.contains(key) else {
                throw SigningKeyFileError("\(path):\(index + 1): the same secret is there twice; remove this line")
            }
            keys.append(key)
        }
        guard !keys.isEmpty else {
            throw SigningKeyFileError("\(path) holds no key; make one with: openssl rand -base64 32")
        }
        return keys
    }

    private static func key(_ secret: [UInt8], at place: String) throws(SigningKeyFileError) -> SigningKey {
        if secret.starts(with: "-----BEGIN".utf8) {
            throw SigningKeyFileError(
                "\(place): this is a PEM file; a token key is a line of random text, made with: openssl rand -base64 32"
            )
        }
        guard secret.allSatisfy({ $0 > 0x20 && $0 < 0x7f }), secret.count >= minimumLength else {
            throw SigningKeyFileError(
                "\(place): a key is one word of at least \(minimumLength) ASCII characters; make one with:"
                    + " openssl rand -base64 32")
        }
        return SigningKey(secret: secret)
    }

    private static func bytes(of path: String) throws(SigningKeyFileError) -> [UInt8] {
        let bytes: [UInt8]
        do throws(SystemCallError) {
            bytes = try OpenFile.bytes(of: path, limit: sizeLimit)
        } catch {
            throw SigningKeyFileError("the token keys cannot be read: \(error)")
        }
        guard bytes.count <= sizeLimit else {
            throw SigningKeyFileError("\(path) is larger than \(sizeLimit) bytes")
        }
        return bytes
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0d }
}

/// What is wrong with a file of signing keys, in one sentence with its path and line and without its content.
package struct SigningKeyFileError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}
