import HTTPClient

extension S3Client {
    /// HeadBucket: throws unless the bucket exists and may be used.
    package func headBucket() async throws {
        _ = try await perform(S3Call("HeadBucket", "HEAD"))
    }

    /// GetBucketLocation: the bucket's region. An empty answer means `us-east-1`.
    package func getBucketLocation() async throws -> String {
        var call = S3Call("GetBucketLocation", "GET")
        call.query = [("location", "")]
        call.root = "LocationConstraint"
        let region = try await perform(call) { bytes throws(XMLError) in
            try S3Documents.text(of: "LocationConstraint", in: bytes) ?? ""
        }
        return region.isEmpty ? "us-east-1" : region
    }

    /// GetBucketLifecycleConfiguration: the rules as the service's XML; nil if there are none.
    package func getBucketLifecycle() async throws -> String? {
        var call = S3Call("GetBucketLifecycleConfiguration", "GET")
        call.query = [("lifecycle", "")]
        call.accepted = [404]
        let response = try await perform(call)
        return response.status == 404 ? nil : String(decoding: response.bytes, as: UTF8.self)
    }

    /// A URL that lets anybody send `method` for `key` without credentials for `validity` seconds (at most seven days)
    /// from `date` on, which the caller rounds so that the URL stays the same for a while.
    ///
    /// `answerFields` are the `response-…` parameters of GetObject. It names the public endpoint if there is one.
    package func presignedURL(
        _ key: String, method: String = "GET", validity: Int, at date: Int,
        answerFields: [(name: String, value: String)] = []
    ) async throws -> String {
        let address = S3Address(settings.publicEndpoint ?? settings.effectiveEndpoint, settings)
        let path = address.path(of: settings.prefix + key)
        let query = signer.presignedQuery(
            method: method, host: address.host, path: path, query: answerFields, validity: validity,
            credentials: try await credentials.credentials(), date: date)
        return "\(address.origin)\(path)?\(query)"
    }
}
