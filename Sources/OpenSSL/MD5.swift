import COpenSSL

/// MD5 (RFC 1321), only where a protocol asks for it as a checksum: `Content-MD5`. It proves nothing about who wrote.
package enum MD5 {
    /// The 16-byte digest of `bytes`; nil where libcrypto forbids MD5, as in FIPS mode.
    package static func hash(_ bytes: [UInt8]) -> [UInt8]? {
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: CUnsignedInt = 0
        guard EVP_Digest(bytes, bytes.count, &digest, &length, EVP_md5(), nil) == 1 else { return nil }
        return Array(digest.prefix(Int(length)))
    }
}
