/// What the S3 service answered, or that it did not, for one operation.
package struct S3Error: Error, Sendable {
    /// The operation's name in the S3 API, as `PutObject`.
    package let operation: String
    package let bucket: String
    /// The whole key, with the prefix; nil for operations on the bucket.
    package let key: String?
    /// The status of the answer; 0 if there was none.
    package let status: Int
    /// The service's error code, as `NoSuchKey`; empty if it gave none.
    package let code: String
    package let message: String
    /// The service's name for the request.
    package let requestID: String?
    /// What to do about it, where that is known.
    package let advice: String?
    /// Whether another attempt may succeed.
    package let isRetryable: Bool
    /// Whether an attempt of this operation may have been carried out although it looked failed: then a failed
    /// condition may be the operation's own doing.
    package var mayHaveSucceeded = false
    /// Whether this very attempt may have been carried out.
    var mayHaveBeenCarriedOut = false
    /// Whether the service refused without a reason, as it does with HEAD.
    var isUnexplained = false
    /// How many seconds the service asked to be left alone.
    var retryAfter: Int?
    /// The size of an object that was larger than the caller allowed.
    package var excessiveLength: Int?

    /// Whether the condition (`If-Match`, `If-None-Match`) did not hold.
    package var isPreconditionFailed: Bool { status == 412 }
    /// Whether another writer was at it at the same time.
    package var isConflict: Bool { status == 409 }
    package var isAccessDenied: Bool { status == 403 }
    package var isNoSuchBucket: Bool { code == "NoSuchBucket" }
    package var isNoSuchKey: Bool { status == 404 && !isNoSuchBucket && !isNoSuchUpload }
    package var isNoSuchUpload: Bool { code == "NoSuchUpload" }
    /// Whether the service lacks the operation or the condition.
    package var isNotImplemented: Bool { status == 501 || code == "NotImplemented" }
    /// Whether other credentials may help.
    var isAboutCredentials: Bool {
        ["ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "TokenRefreshRequired"].contains(code)
    }
    /// Whether this may be about the credentials: a refusal that does not say so. AWS has 400 for expired ones.
    var mayBeAboutCredentials: Bool { isUnexplained && [400, 401, 403].contains(status) }
    /// Whether the service did not answer.
    package var isUnreachable: Bool { status == 0 && excessiveLength == nil }
}

extension S3Error: CustomStringConvertible {
    /// One sentence for a person: operation, object, status, code and message, and what to do.
    package var description: String {
        var text = operation
        if let key { text += " of \(key)" }
        text += " in bucket \(bucket): "
        var parts: [String] = []
        if status != 0 { parts.append(String(status)) }
        if !code.isEmpty { parts.append(code) }
        text += parts.joined(separator: " ")
        if !message.isEmpty { text += parts.isEmpty ? message : ": \(message)" }
        if let requestID { text += " (request \(requestID))" }
        if let advice { text += "; \(advice)" }
        return text
    }
}
