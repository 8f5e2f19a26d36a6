import COpenSSL

/// HMAC-SHA256 (RFC 2104).
package enum HMAC {
    /// The 32-byte authentication code of `message` under `key`.
    package static func sha256(key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        var length: CUnsignedInt = 0
        var code = [UInt8](repeating: 0, count: SHA256.digestLength)
        COpenSSL.HMAC(EVP_sha256(), key, CInt(key.count), message, message.count, &code, &length)
        return code
    }
}

/// Random bytes that nobody can guess.
package enum RandomBytes {
    /// `count` bytes of libcrypto's generator, which ends the program rather than give weak ones.
    package static func make(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let status = RAND_bytes(&bytes, CInt(count))
        precondition(status == 1, "libcrypto has no random bytes")
        return bytes
    }
}

/// Comparison of secrets in time that does not depend on where they differ.
package func constantTimeEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool {
    one.count == other.count && CRYPTO_memcmp(one, other, one.count) == 0
}
