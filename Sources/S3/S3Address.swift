/// How the bucket and its keys are spelled under one endpoint.
struct S3Address: Sendable {
    /// Scheme and authority.
    let origin: String
    /// The Host field.
    let host: String
    /// With path style, a slash and the bucket.
    private let bucketPath: String

    init(_ endpoint: S3Endpoint, _ settings: S3Settings) {
        host = settings.pathStyle ? endpoint.authority : "\(settings.bucket).\(endpoint.authority)"
        origin = "\(endpoint.isSecure ? "https" : "http")://\(host)"
        bucketPath = settings.pathStyle ? URIEncoding.path(settings.bucket) : ""
    }

    /// The encoded path of a whole key, or of the bucket.
    func path(of key: String?) -> String {
        guard let key else { return bucketPath.isEmpty ? "/" : bucketPath }
        return bucketPath + URIEncoding.path(key)
    }
}
