import COpenSSL

/// A SHA-256 in progress: a value, so that an upload can carry it from one request to the next.
///
/// libcrypto's low-level interface, because only that one lets the state be saved; it uses the SHA extensions too.
package struct SHA256: Sendable {
    /// Length of a digest in bytes.
    package static let digestLength = 32
    /// Length of one compression block in bytes.
    static let blockLength = 64

    var context = SHA256_CTX()

    package init() {
        SHA256_Init(&context)
    }

    /// Hashes more bytes.
    package mutating func update(_ bytes: RawSpan) {
        bytes.withUnsafeBytes { buffer in
            _ = SHA256_Update(&context, buffer.baseAddress, buffer.count)
        }
    }

    /// The digest of everything given so far.
    package func finalized() -> [UInt8] {
        var context = context
        return [UInt8](unsafeUninitializedCapacity: Self.digestLength) { buffer, count in
            SHA256_Final(buffer.baseAddress, &context)
            count = Self.digestLength
        }
    }

    /// The digest of `bytes`.
    package static func hash(_ bytes: [UInt8]) -> [UInt8] {
        var hasher = SHA256()
        hasher.update(bytes.span.bytes)
        return hasher.finalized()
    }
}

/// A SHA-512 in progress; see `SHA256`.
package struct SHA512: Sendable {
    /// Length of a digest in bytes.
    package static let digestLength = 64
    /// Length of one compression block in bytes.
    static let blockLength = 128

    var context = SHA512_CTX()

    package init() {
        SHA512_Init(&context)
    }

    /// Hashes more bytes.
    package mutating func update(_ bytes: RawSpan) {
        bytes.withUnsafeBytes { buffer in
            _ = SHA512_Update(&context, buffer.baseAddress, buffer.count)
        }
    }

    /// The digest of everything given so far.
    package func finalized() -> [UInt8] {
        var context = context
        return [UInt8](unsafeUninitializedCapacity: Self.digestLength) { buffer, count in
            SHA512_Final(buffer.baseAddress, &context)
            count = Self.digestLength
        }
    }

    /// The digest of `bytes`.
    package static func hash(_ bytes: [UInt8]) -> [UInt8] {
        var hasher = SHA512()
        hasher.update(bytes.span.bytes)
        return hasher.finalized()
    }
}
