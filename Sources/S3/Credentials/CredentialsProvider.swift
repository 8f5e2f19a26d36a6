/// Where the client gets the credentials for its next request.
package protocol CredentialsProvider: Sendable {
    /// Where the credentials come from, for a person to read.
    var name: String { get }

    /// Credentials that are valid now. Throws `CredentialsError` when there are none.
    func credentials() async throws -> Credentials

    /// Tells that the service refused `refused` as expired or unknown; the next call gets others if there are any.
    func invalidate(_ refused: Credentials)

    /// Tells that the service refused a request with `doubted` without a reason, which may be theirs or a lack of
    /// permission; whether the next call gets others. It looks for some first, but seldom.
    func replace(_ doubted: Credentials) async -> Bool
}

/// Credentials that never change.
package struct StaticCredentials: CredentialsProvider {
    package let name: String
    private let value: Credentials

    /// `name`: where they were set.
    package init(_ credentials: Credentials, name: String = "the static settings") {
        self.name = name
        value = credentials
    }

    package func credentials() async throws -> Credentials { value }

    package func invalidate(_ refused: Credentials) {}

    package func replace(_ doubted: Credentials) async -> Bool { false }
}
