import Access

/// Why a request is not served. What it depends on is the caller, the policy and the request alone, never what the store
/// holds: so it tells nothing of what exists.
struct AccessRefusal: Error {
    enum Kind {
        /// `Authorization` is no valid field.
        case malformed
        /// Other credentials may help. `error` is a code of RFC 6750, section 3.1.
        case unauthenticated(error: String? = nil)
        /// The caller is known and may not.
        case denied
        /// Seconds after which another try makes sense.
        case throttled(retryAfter: Int)
        /// What could tell who the caller is does not answer.
        case unavailable
    }

    let kind: Kind
    /// What was refused, as far as it is known, and the index of the rule that refused it.
    var action: Action?
    var rule: Int?

    init(_ kind: Kind, action: Action? = nil, rule: Int? = nil) {
        self.kind = kind
        self.action = action
        self.rule = rule
    }

    init(because error: AuthenticationError) {
        let kind: Kind =
            switch error {
            case .malformed: .malformed
            case .rejected: .unauthenticated(error: "invalid_token")
            case .throttled(let seconds): .throttled(retryAfter: seconds)
            case .unavailable: .unavailable
            }
        self.init(kind)
    }
}
