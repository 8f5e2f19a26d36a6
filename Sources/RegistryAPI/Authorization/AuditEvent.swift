package import Access
package import HTTPServer
package import OCI

/// A request that changed something or was refused, for the audit log. Nothing in it is a secret or was made up by a
/// client that nobody knows.
package struct AuditEvent: Sendable {
    package let requestID: String
    /// Where the client is.
    package let address: String
    /// Anonymous too where credentials were not accepted.
    package let identity: Identity
    package let method: Method
    /// The class of endpoint, as metrics name it.
    package let endpoint: StaticString
    /// Nil where no action is part of the decision.
    package let action: Action?
    package let repository: RepositoryName?
    /// The tag or digest of the path.
    package let reference: String?
    /// The index of the rule that decided, from 0; nil when none did.
    package let rule: Int?
    package let status: Status
}
