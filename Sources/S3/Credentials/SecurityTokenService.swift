import HTTPClient
import OpenSSL

/// The two operations of AWS STS that give temporary credentials for a role.
struct SecurityTokenService: Sendable {
    /// Why STS gave no credentials, for a person to read.
    struct Failure: Error {
        let reason: String
    }

    /// A role and how to ask for it.
    struct Role: Equatable, Sendable {
        let arn: String
        /// Appears in the account's audit log.
        var sessionName: String
        var externalID: String?
        /// How long the credentials are to be valid, in seconds; nil leaves it to STS, which gives an hour.
        var duration: Int?
    }

    private let region: String
    /// Nil when the environment names one that is no URL.
    private let endpoint: S3Endpoint?
    private let http: CredentialsHTTP
    private let now: @Sendable () -> Int

    /// - Parameters:
    ///   - region: whose STS is asked.
    ///   - environment: `AWS_ENDPOINT_URL_STS` or `AWS_ENDPOINT_URL` name another server, `AWS_CA_BUNDLE` its CA.
    ///   - deadline: how long one request may take, in milliseconds.
    ///   - now: seconds since 1970.
    init(
        region: String, environment: [String: String], http: HTTPClient, deadline: Int,
        now: @escaping @Sendable () -> Int
    ) {
        self.region = region
        let custom = environment.nonEmpty("AWS_ENDPOINT_URL_STS") ?? environment.nonEmpty("AWS_ENDPOINT_URL")
        endpoint = S3Endpoint(custom ?? Self.endpoint(of: region))
        self.http = CredentialsHTTP(client: http, deadline: deadline, caFile: environment.nonEmpty("AWS_CA_BUNDLE"))
        self.now = now
    }

    /// The regional endpoint of AWS; each partition has its own domain.
    static func endpoint(of region: String) -> String {
        let domains = [
            ("cn-", "amazonaws.com.cn"), ("us-isob-", "sc2s.sgov.gov"), ("us-iso-", "c2s.ic.gov"),
            ("eusc-", "amazonaws.eu"),
        ]
        let domain = domains.first { region.hasPrefix($0.0) }?.1 ?? "amazonaws.com"
        return "https://sts.\(region).\(domain)"
    }

    /// `AssumeRoleWithWebIdentity`: the token is all the proof there is, so nothing is signed.
    func assume(_ role: Role, webIdentityToken: String) async throws(Failure) -> Credentials {
        let form = form("AssumeRoleWithWebIdentity", role) + [(name: "WebIdentityToken", value: webIdentityToken)]
        return try await send(form, signedWith: nil)
    }

    /// `AssumeRole`, signed with other credentials.
    func assume(_ role: Role, with credentials: Credentials) async throws(Failure) -> Credentials {
        try await send(form("AssumeRole", role), signedWith: credentials)
    }

    private func form(_ action: String, _ role: Role) -> [(name: String, value: String)] {
        var form = [
            (name: "Action", value: action), (name: "Version", value: "2011-06-15"),
            (name: "RoleArn", value: role.arn), (name: "RoleSessionName", value: role.sessionName),
        ]
        if let externalID = role.externalID { form.append(("ExternalId", externalID)) }
        if let duration = role.duration { form.append(("DurationSeconds", String(duration))) }
        return form
    }

    private func send(
        _ form: [(name: String, value: String)], signedWith credentials: Credentials?
    ) async throws(Failure) -> Credentials {
        guard let endpoint else {
            throw Failure(reason: "AWS_ENDPOINT_URL_STS or AWS_ENDPOINT_URL is not http[s]://HOST[:PORT]")
        }
        let body = URIEncoding.query(form)
        var fields = [(name: "Content-Type", value: "application/x-www-form-urlencoded")]
        if let credentials {
            fields += SigV4Signer(region: region, service: "sts").signedFields(
                method: "POST", host: endpoint.authority, path: "/", query: [], fields: fields,
                payloadHash: Hexadecimal.string(SHA256.hash(Array(body.utf8))), credentials: credentials, date: now())
        }
        let answer: HTTPResponse
        do throws(CredentialsHTTP.Unanswered) {
            answer = try await http.send("\(endpoint)/", method: "POST", fields: fields, body: body)
        } catch {
            throw Failure(reason: error.description)
        }
        return try Self.credentials(of: answer, endpoint)
    }

    private static func credentials(of answer: HTTPResponse, _ endpoint: S3Endpoint) throws(Failure) -> Credentials {
        let texts = texts(in: answer.bytes)
        guard answer.status == 200 else {
            let code = texts["Code"].map { " \(CredentialsAnswer.excerpt($0))" } ?? ""
            let message = texts["Message"].map { ": \(CredentialsAnswer.excerpt($0))" } ?? ""
            throw Failure(reason: "\(endpoint) answered \(answer.status)\(code)\(message)")
        }
        guard let key = texts.nonEmpty("AccessKeyId"), let secret = texts.nonEmpty("SecretAccessKey"),
            let token = texts.nonEmpty("SessionToken"),
            let expiration = texts["Expiration"].flatMap({ UTCTime(iso8601: $0) })
        else {
            throw Failure(reason: "the answer of \(endpoint) holds no credentials that can be read")
        }
        return Credentials(
            accessKeyID: key, secretAccessKey: secret, sessionToken: token, expiration: expiration.seconds)
    }

    /// The texts of the elements of an answer by name, of repeated ones the first; none when it cannot be read.
    private static func texts(in bytes: [UInt8]) -> [String: String] {
        var texts: [String: String] = [:]
        var reader = XMLReader(bytes)
        do throws(XMLError) {
            while let event = try reader.next() {
                if case .end(let name, let text) = event, texts[name] == nil { texts[name] = text }
            }
            return texts
        } catch {
            return [:]
        }
    }
}
