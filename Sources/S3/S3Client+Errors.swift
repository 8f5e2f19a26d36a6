import HTTPClient

extension S3Client {
    /// The error that an answer is; nil if it is the operation's success or an answer it accepts.
    func error(in response: HTTPResponse, of call: S3Call) -> S3Error? {
        if (200..<300).contains(response.status) {
            guard let root = call.root else { return nil }
            let document = S3ErrorDocument(response.bytes)
            if document.root == root { return nil }
            return error(response, document, of: call)
        }
        let document = S3ErrorDocument(response.bytes)
        // Whatever lacks when the bucket lacks is not known to lack.
        if call.accepted.contains(response.status), document.code != "NoSuchBucket" { return nil }
        return error(response, document, of: call)
    }

    /// What a request that got no answer means.
    func error(_ failure: HTTPTransportError, of call: S3Call) -> S3Error {
        let message =
            failure.excessiveLength.map { "\($0) bytes, more than the \(call.limit) that are allowed" }
            ?? "\(settings.effectiveEndpoint): \(failure)"
        var error = S3Error(
            operation: call.operation, bucket: settings.bucket, key: call.key.map { settings.prefix + $0 }, status: 0,
            code: "", message: message, requestID: nil, advice: nil,
            isRetryable: !failure.isPermanent)
        error.excessiveLength = failure.excessiveLength
        error.mayHaveBeenCarriedOut = failure.phase != .connect
        return error
    }

    private func error(_ response: HTTPResponse, _ document: S3ErrorDocument, of call: S3Call) -> S3Error {
        let isHiddenError = response.status < 300
        let code = document.code ?? (isHiddenError ? "IncompleteBody" : Self.code(response.status, call))
        var error = S3Error(
            operation: call.operation, bucket: settings.bucket, key: call.key.map { settings.prefix + $0 },
            status: response.status, code: code,
            message: document.message ?? (isHiddenError ? "the answer is neither a result nor an error" : ""),
            requestID: response.fields["x-amz-request-id"], advice: advice(response, document, code),
            isRetryable: Self.isRetryable(status: response.status, code: code))
        let isServerFault = response.status >= 500 && response.status != 501 && code != "SlowDown"
        error.mayHaveBeenCarriedOut = isServerFault || isHiddenError
        return error
    }

    /// The code that a status without a document, as an answer to HEAD, stands for.
    private static func code(_ status: Int, _ call: S3Call) -> String {
        switch status {
        case 403: "AccessDenied"
        case 404: call.key == nil ? "NoSuchBucket" : "NoSuchKey"
        case 412: "PreconditionFailed"
        case 301: "PermanentRedirect"
        case 307: "TemporaryRedirect"
        case 503: "ServiceUnavailable"
        default: ""
        }
    }

    private static func isRetryable(status: Int, code: String) -> Bool {
        switch code {
        case "InternalError", "SlowDown", "ServiceUnavailable", "RequestTimeout", "ConditionalRequestConflict",
            "OperationAborted", "IncompleteBody", "Throttling", "ThrottlingException", "RequestLimitExceeded",
            "BandwidthLimitExceeded":
            true
        case "NotImplemented": false
        default: status == 429 || status == 408 || (status >= 500 && status != 501 && status != 505)
        }
    }
}
