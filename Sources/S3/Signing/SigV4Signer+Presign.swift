extension SigV4Signer {
    /// The longest a presigned URL may be valid, in seconds: seven days.
    package static let maximumValidity = 604_800

    /// The query that lets anybody send this request without credentials from `date` on for `validity` seconds.
    ///
    /// Equal arguments give equal texts, so a caller that rounds `date` hands out URLs that caches can keep.
    ///
    /// - Parameters:
    ///   - host: the host, with the port unless it is the scheme's own, under which the URL will be used.
    ///   - path: encoded by `URIEncoding.path`.
    ///   - query: not yet encoded; parameters the request has besides, as `response-content-type`.
    ///   - validity: at most `maximumValidity`; never longer than the credentials themselves are valid.
    ///   - date: seconds since 1970.
    package func presignedQuery(
        method: String = "GET", host: String, path: String, query: [(name: String, value: String)] = [],
        validity: Int, credentials: Credentials, date: Int
    ) -> String {
        precondition(validity > 0 && validity <= Self.maximumValidity, "validity of a presigned URL")
        let scope = SigningScope(signer: self, date: date)
        var parameters = query
        parameters.append(("X-Amz-Algorithm", Self.algorithm))
        parameters.append(("X-Amz-Credential", "\(credentials.accessKeyID)/\(scope.text)"))
        parameters.append(("X-Amz-Date", scope.timestamp))
        parameters.append(("X-Amz-Expires", String(validity)))
        parameters.append(("X-Amz-SignedHeaders", "host"))
        if let token = credentials.sessionToken { parameters.append(("X-Amz-Security-Token", token)) }
        let encoded = URIEncoding.query(parameters)

        var canonical = CanonicalRequest(method: method, path: path)
        canonical.append(encoded)
        canonical.endLine()
        canonical.appendFields([(name: "host", value: host)])
        canonical.append(Self.unsignedPayload)
        let signature = signature(of: canonical.bytes, scope: scope, credentials: credentials)
        return "\(encoded)&X-Amz-Signature=\(signature)"
    }
}
