import OpenSSL

/// Signs requests with AWS Signature Version 4 by the rules of S3: the path is encoded once and its dots stay, and the
/// hash of the payload is a field of its own.
///
/// A pure function of request, credentials and date; it only keeps the signing key of the day.
package struct SigV4Signer: Sendable {
    /// For `payloadHash`: the body is not part of the signature. S3 takes that over https only.
    package static let unsignedPayload = "UNSIGNED-PAYLOAD"
    /// For `payloadHash`: the SHA-256 of no body.
    package static let emptyPayloadHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    static let algorithm = "AWS4-HMAC-SHA256"
    /// Fields that proxies and libraries change on the way.
    private static let unsignedFields: Set<String> = [
        "authorization", "connection", "expect", "transfer-encoding", "user-agent", "x-amzn-trace-id",
    ]

    let region: String
    let service: String
    private let signingKeys = SigningKeyCache()

    /// A signer for one region; `service` is `s3`, or `sts` for the security token service.
    package init(region: String, service: String = "s3") {
        self.region = region
        self.service = service
    }

    /// The fields to add to a request: `x-amz-date`, `x-amz-content-sha256`, with temporary credentials
    /// `x-amz-security-token`, and `Authorization`.
    ///
    /// - Parameters:
    ///   - host: the Host field, with the port unless it is the scheme's own.
    ///   - path: as it is sent, encoded by `URIEncoding.path`.
    ///   - query: not yet encoded; to be sent as `URIEncoding.query` spells it.
    ///   - fields: what is sent besides. Every field is signed but those that change on the way.
    ///   - payloadHash: lower-case hexadecimal SHA-256 of the body, or `unsignedPayload`.
    ///   - date: seconds since 1970.
    package func signedFields(
        method: String, host: String, path: String, query: [(name: String, value: String)],
        fields: [(name: String, value: String)], payloadHash: String, credentials: Credentials, date: Int
    ) -> [(name: String, value: String)] {
        let scope = SigningScope(signer: self, date: date)
        var added = [(name: "x-amz-content-sha256", value: payloadHash), (name: "x-amz-date", value: scope.timestamp)]
        if let token = credentials.sessionToken { added.append((name: "x-amz-security-token", value: token)) }
        let signed = Self.canonicalFields(host: host, fields: fields, added: added)

        var canonical = CanonicalRequest(method: method, path: path)
        canonical.appendQuery(query)
        canonical.appendFields(signed)
        canonical.append(payloadHash)
        let signature = signature(of: canonical.bytes, scope: scope, credentials: credentials)

        var names = ""
        for field in signed { names += names.isEmpty ? field.name : ";\(field.name)" }
        let authorization =
            "\(Self.algorithm) Credential=\(credentials.accessKeyID)/\(scope.text), "
            + "SignedHeaders=\(names), Signature=\(signature)"
        added.append((name: "Authorization", value: authorization))
        return added
    }

    /// Names in lower case and sorted; the values of fields of one name joined by commas, in order.
    private static func canonicalFields(
        host: String, fields: [(name: String, value: String)], added: [(name: String, value: String)]
    ) -> [(name: String, value: String)] {
        var signed = added
        signed.append((name: "host", value: host))
        for field in fields {
            let name = field.name.lowercased()
            if name == "host" || unsignedFields.contains(name) { continue }
            if let same = signed.firstIndex(where: { $0.name == name }) {
                signed[same].value += ",\(field.value)"
            } else {
                signed.append((name, field.value))
            }
        }
        signed.sort { $0.name < $1.name }
        return signed
    }

    /// The signature of a canonical request, in lower-case hexadecimal.
    func signature(of canonicalRequest: [UInt8], scope: SigningScope, credentials: Credentials) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(160)
        text.append(contentsOf: Self.algorithm.utf8)
        text.append(UInt8(ascii: "\n"))
        text.append(contentsOf: scope.timestamp.utf8)
        text.append(UInt8(ascii: "\n"))
        text.append(contentsOf: scope.text.utf8)
        text.append(UInt8(ascii: "\n"))
        Hexadecimal.append(SHA256.hash(canonicalRequest), to: &text)
        let key = signingKeys.key(secret: credentials.secretAccessKey, day: scope.day, signer: self)
        return Hexadecimal.string(key.sha256(text))
    }
}
