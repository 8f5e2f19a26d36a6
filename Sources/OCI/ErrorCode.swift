/// The error codes of the Distribution specification, section "Error Codes"; the raw value is what goes over the wire.
package enum ErrorCode: String, Sendable, CaseIterable {
    case blobUnknown = "BLOB_UNKNOWN"
    case blobUploadInvalid = "BLOB_UPLOAD_INVALID"
    case blobUploadUnknown = "BLOB_UPLOAD_UNKNOWN"
    case digestInvalid = "DIGEST_INVALID"
    case manifestBlobUnknown = "MANIFEST_BLOB_UNKNOWN"
    case manifestInvalid = "MANIFEST_INVALID"
    case manifestUnknown = "MANIFEST_UNKNOWN"
    case nameInvalid = "NAME_INVALID"
    case nameUnknown = "NAME_UNKNOWN"
    case sizeInvalid = "SIZE_INVALID"
    case unauthorized = "UNAUTHORIZED"
    case denied = "DENIED"
    case unsupported = "UNSUPPORTED"
    case tooManyRequests = "TOOMANYREQUESTS"
    /// Not in the table of the specification, but what distribution answers and clients print.
    case tagInvalid = "TAG_INVALID"
    /// distribution's code for a list parameter (`n`) that is no number.
    case paginationNumberInvalid = "PAGINATION_NUMBER_INVALID"
    /// distribution's code for a failure of the server itself.
    case unknown = "UNKNOWN"
    /// distribution's code for a store that cannot be reached.
    case unavailable = "UNAVAILABLE"
}
