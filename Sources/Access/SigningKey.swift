import OpenSSL

/// A secret that signs tokens and checks them: HMAC-SHA256 (`HS256` of RFC 7518), because nobody but this registry's
/// replicas, which share it, has to check them.
package struct SigningKey: Hashable, Sendable, CustomStringConvertible {
    /// The fewest bytes a secret has.
    package static let minimumLength = 32

    /// Names the key in tokens (`kid`); follows from the secret and does not lead back to it.
    package let id: String
    /// Signs from this time on, in seconds since 1970; checks from the beginning.
    package let signsFrom: Int
    let secret: [UInt8]

    /// A key that signs from `signsFrom` on; the secret has at least `minimumLength` bytes that nobody can guess.
    package init(secret: [UInt8], signsFrom: Int = 0) {
        precondition(secret.count >= Self.minimumLength, "a signing key that is too short")
        self.secret = secret
        self.signsFrom = signsFrom
        id = Base64URL.encode(Array(SHA256.hash(Array("stowage token key ".utf8) + secret).prefix(12)))
    }

    package var description: String { "signing key \(id)" }
}
