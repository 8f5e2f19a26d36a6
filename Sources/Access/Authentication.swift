/// Who somebody proved to be, and how far that goes.
package struct Authentication: Sendable {
    package let identity: Identity
    /// What an access token opens; nil when nothing narrows what the identity may do.
    package let scopes: [TokenScope]?
    /// What tokens for it are bound to; empty for an issuer's identity, a certificate's and nobody's.
    package let fingerprint: String
}
