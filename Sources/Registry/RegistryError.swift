package import OCI

/// Something a client asked for that cannot be done: a code of the specification, a sentence, and what it is about.
package struct RegistryError: Error, Equatable, Sendable {
    package let code: ErrorCode
    package let message: String
    package let detail: ErrorDetail?

    package init(_ code: ErrorCode, _ message: String, detail: ErrorDetail? = nil) {
        self.code = code
        self.message = message
        self.detail = detail
    }

    static func blobUnknown(_ digest: Digest) -> RegistryError {
        RegistryError(.blobUnknown, "blob unknown to the repository", detail: .values(["digest": digest.string]))
    }

    static let uploadUnknown = RegistryError(
        .blobUploadUnknown, "the upload does not exist, has expired or belongs to another repository")
}

/// A piece of an upload that does not begin where the upload ends. The session lives on.
package struct UploadOffsetError: Error, Equatable, Sendable {
    /// Bytes the session has.
    package let offset: Int
    /// The session's state, for the client to go on with.
    package let token: String
    package let id: UploadID
}
