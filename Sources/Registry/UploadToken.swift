import OCI
import ObjectStorage
import OpenSSL

/// The state of an upload session between two requests, carried by the client in the `Location`.
struct UploadToken: Sendable {
    let id: UploadID
    /// Seconds since 1970 after which the session is gone.
    let expiry: Int
    /// Bytes the session had when the token was made.
    let offset: Int
    /// The hash of those bytes.
    let hasher: ContentHasher
    /// Where the first of them are, when they are no parts.
    var base: UploadBase?
}

/// What a streamed first request of an upload brought: content that lies at the key of its own blob already.
struct UploadBase: Hashable, Sendable {
    let digest: Digest
    /// In bytes; at least one.
    let size: Int

    var key: ObjectKey { StorageLayout.blob(digest) }
}

/// Signs upload tokens and checks those that come back.
///
/// A token is base64url of: version, algorithm, id, expiry, offset, size and hash of the base if there is one, hash
/// state, and the first 16 bytes of an HMAC-SHA256 that also covers the repository and the subject, which therefore
/// cannot be exchanged.
struct UploadTokenSigner: Sendable {
    static let secretLength = 32
    private static let version: UInt8 = 1
    /// Bits of the second byte.
    private static let isSHA512: UInt8 = 1
    private static let hasBase: UInt8 = 2
    private static let codeLength = 16
    private static let fixedLength = 2 + UploadID.length + 8 + 8

    let secret: [UInt8]

    func text(of token: UploadToken, repository: RepositoryName, subject: String) -> String {
        let algorithm: UInt8 = token.hasher.algorithm == .sha256 ? 0 : Self.isSHA512
        var payload = [Self.version, algorithm | (token.base == nil ? 0 : Self.hasBase)]
        payload += token.id.bytes
        payload.append(bigEndian: token.expiry)
        payload.append(bigEndian: token.offset)
        if let base = token.base {
            payload.append(bigEndian: base.size)
            payload += Array(base.digest.hex.utf8)
        }
        payload += token.hasher.savedState
        return Base64URL.encode(payload + code(for: payload, repository, subject))
    }

    /// The token in `text`; nil when it is forged, expired, for another repository or subject, or no token at all.
    func token(_ text: String, repository: RepositoryName, subject: String, now: Int) -> UploadToken? {
        guard text.utf8.count <= 1024, let bytes = Base64URL.decode(text),
            bytes.count >= Self.fixedLength + Self.codeLength
        else { return nil }
        let payload = Array(bytes.dropLast(Self.codeLength))
        guard constantTimeEqual(code(for: payload, repository, subject), Array(bytes.suffix(Self.codeLength))) else {
            return nil
        }
        guard payload[0] == Self.version, payload[1] <= Self.isSHA512 | Self.hasBase else { return nil }
        let algorithm: Digest.Algorithm = payload[1] & Self.isSHA512 == 0 ? .sha256 : .sha512
        let expiry = payload.integer(at: 2 + UploadID.length)
        let offset = payload.integer(at: 2 + UploadID.length + 8)
        var state = payload[Self.fixedLength...]
        var base: UploadBase?
        if payload[1] & Self.hasBase != 0 {
            base = Self.base(algorithm, state)
            guard base != nil else { return nil }
            state = state.dropFirst(8 + algorithm.hexLength)
        }
        guard expiry > now, let hasher = ContentHasher(algorithm, savedState: Array(state), length: offset) else {
            return nil
        }
        let id = UploadID(bytes: Array(payload[2..<2 + UploadID.length]))
        return UploadToken(id: id, expiry: expiry, offset: offset, hasher: hasher, base: base)
    }

    /// The base that `bytes` begin with.
    private static func base(_ algorithm: Digest.Algorithm, _ bytes: ArraySlice<UInt8>) -> UploadBase? {
        guard bytes.count >= 8 + algorithm.hexLength else { return nil }
        let hex = String(decoding: bytes.dropFirst(8).prefix(algorithm.hexLength), as: UTF8.self)
        // What is no digest was not written here: the token is none, which is what the caller says.
        guard let digest = try? Digest("\(algorithm.rawValue):\(hex)") else { return nil }
        return UploadBase(digest: digest, size: Array(bytes.prefix(8)).integer(at: 0))
    }

    private func code(for payload: [UInt8], _ repository: RepositoryName, _ subject: String) -> [UInt8] {
        var message = Array("stowage upload\u{0}\(repository.string)\u{0}\(subject)\u{0}".utf8)
        message += payload
        return Array(HMAC.sha256(key: secret, message).prefix(Self.codeLength))
    }
}

extension [UInt8] {
    fileprivate mutating func append(bigEndian number: Int) {
        Swift.withUnsafeBytes(of: UInt64(number).bigEndian) { append(contentsOf: $0) }
    }

    fileprivate func integer(at offset: Int) -> Int {
        Int(truncatingIfNeeded: self[offset..<offset + 8].reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }
}
