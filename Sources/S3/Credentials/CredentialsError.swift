/// Why a source gave no credentials, in a sentence that names the source; never with a secret in it.
package struct CredentialsError: Error, Equatable, CustomStringConvertible, Sendable {
    /// Whether the source was asked at all.
    package enum Kind: Sendable {
        /// Nothing points at this source: the next one in the usual order may have some.
        case notConfigured
        /// The source is set up and did not work. No other one is tried: it could be somebody else's.
        case failed
    }

    package let kind: Kind
    /// The source, as `the environment`.
    package let source: String
    /// What is wrong with it, and where that helps, what to do.
    package let reason: String

    package init(_ kind: Kind, source: String, reason: String) {
        self.kind = kind
        self.source = source
        self.reason = reason
    }

    package var description: String { "\(source): \(reason)" }
}
