/// What requests are signed with. Only the access key id ever shows in a description.
package struct Credentials: Equatable, Sendable {
    package let accessKeyID: String
    package let secretAccessKey: String
    /// What temporary credentials carry besides; sent as `x-amz-security-token`.
    package let sessionToken: String?
    /// Seconds since 1970 from which they are no longer valid; nil when they do not expire.
    package let expiration: Int?

    package init(accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil, expiration: Int? = nil) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
        self.expiration = expiration
    }
}

extension Credentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String {
        let end = expiration.map { ", valid until \(UTCTime($0).iso8601)" } ?? ""
        return "access key \(accessKeyID)\(end)"
    }

    package var debugDescription: String { description }

    /// Without children, so that `dump` and a failed expectation of a test show no secret either.
    package var customMirror: Mirror { Mirror(self, children: []) }
}
