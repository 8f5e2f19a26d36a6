/// What a client sends to prove who it is.
package enum ClientCredentials: Hashable, Sendable {
    case none
    case basic(user: String, password: String)
    case bearer(String)
}

/// Why credentials were not accepted; never says which part was wrong, and never holds a secret.
package enum AuthenticationError: Error, Hashable, Sendable {
    /// The field is no valid `Authorization`.
    case malformed
    /// Wrong, unknown, expired or revoked.
    case rejected(reason: String)
    /// Too many failures from this address or for this user; seconds after which a try makes sense.
    case throttled(retryAfter: Int)
    /// What could tell is not to be reached.
    case unavailable(reason: String)
}
