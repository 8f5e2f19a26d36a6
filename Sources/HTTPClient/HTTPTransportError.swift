/// A request that got no whole answer: what happened on the way.
package struct HTTPTransportError: Error, CustomStringConvertible, Sendable {
    /// How far the request had come.
    package enum Phase: Sendable {
        /// Nothing was sent.
        case connect
        /// The request may have arrived, in part or whole.
        case sending
        /// The answer had begun.
        case receiving
    }

    package let phase: Phase
    /// Whether a deadline passed.
    package let isTimeout: Bool
    /// Whether a connection that had served before died before any byte of the answer: a server closes idle
    /// connections as it likes, so this says nothing about its health.
    package let isReusedConnectionFailure: Bool
    /// If the body was longer than the caller allowed: its declared length, or how much of it had come.
    package let excessiveLength: Int?
    /// Whether the next attempt would fail alike: a certificate that does not verify, a request that cannot be written.
    package let isPermanent: Bool
    /// What failed, in words for a person.
    package let description: String

    package init(
        _ description: String, phase: Phase, isTimeout: Bool = false, isReusedConnectionFailure: Bool = false,
        excessiveLength: Int? = nil, isPermanent: Bool = false
    ) {
        self.description = description
        self.phase = phase
        self.isTimeout = isTimeout
        self.isReusedConnectionFailure = isReusedConnectionFailure
        self.excessiveLength = excessiveLength
        self.isPermanent = isPermanent || excessiveLength != nil
    }
}
