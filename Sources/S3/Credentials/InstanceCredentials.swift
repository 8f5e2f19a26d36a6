package import HTTPClient

/// The role of an EC2 instance, from its metadata service, version 2 only: version 1 answers whoever can make the
/// server fetch a URL.
package struct InstanceCredentials: CredentialsLoader {
    /// How long the session token of one load is good for, in seconds.
    private static let tokenLifetime = 300
    private static let rolePath = "/latest/meta-data/iam/security-credentials/"

    package let name = "the instance metadata service"
    private let environment: [String: String]
    private let http: CredentialsHTTP

    /// - Parameters:
    ///   - environment: the variables of the process, of which `AWS_EC2_METADATA_DISABLED`,
    ///     `AWS_EC2_METADATA_SERVICE_ENDPOINT` and `AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE` count.
    ///   - deadline: how long one request may take, in milliseconds.
    package init(environment: [String: String], http: HTTPClient, deadline: Int = 1000) {
        self.environment = environment
        self.http = CredentialsHTTP(client: http, deadline: deadline)
    }

    /// The service's address without a slash at the end.
    private var endpoint: String {
        let isIPv6 = environment["AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"]?.lowercased() == "ipv6"
        let usual = isIPv6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254"
        let endpoint = environment.nonEmpty("AWS_EC2_METADATA_SERVICE_ENDPOINT") ?? usual
        return endpoint.hasSuffix("/") ? String(endpoint.dropLast()) : endpoint
    }

    package func load() async throws(CredentialsError) -> Credentials {
        if environment["AWS_EC2_METADATA_DISABLED"]?.lowercased() == "true" {
            throw notConfigured("AWS_EC2_METADATA_DISABLED is true")
        }
        let token = try await sessionToken()
        let role = try await role(token)
        let answer = try await get(Self.rolePath + URIEncoding.component(role), token)
        guard answer.status == 200 else {
            throw failed("\(endpoint) answered \(answer.status) to the request for the credentials of \(role)")
        }
        do throws(CredentialsAnswer.Failure) {
            return try CredentialsAnswer(answer.bytes).credentials
        } catch {
            throw failed("\(endpoint), asked for the credentials of \(role): \(error.reason)")
        }
    }

    private func sessionToken() async throws(CredentialsError) -> String {
        let lifetime = (name: "X-aws-ec2-metadata-token-ttl-seconds", value: String(Self.tokenLifetime))
        let answer: HTTPResponse
        do throws(CredentialsHTTP.Unanswered) {
            answer = try await http.send(endpoint + "/latest/api/token", method: "PUT", fields: [lifetime])
        } catch {
            throw failed(
                "\(error) (this is no EC2 instance, or in a container its metadata hop limit is below 2)")
        }
        guard answer.status == 200 else {
            throw failed(
                "\(endpoint) answered \(answer.status) to the request for a session token: it is switched off or knows"
                    + " version 1 only, and only version 2 is used")
        }
        guard let token = answer.token else { throw failed("the session token \(endpoint) gave is not one") }
        return token
    }

    private func role(_ token: String) async throws(CredentialsError) -> String {
        let answer = try await get(Self.rolePath, token)
        if answer.status == 404 { throw failed("no role is attached to this instance") }
        guard answer.status == 200 else {
            throw failed("\(endpoint) answered \(answer.status) to the request for the name of the instance's role")
        }
        guard let role = answer.token else { throw failed("the name of the role \(endpoint) gave is not one") }
        return role
    }

    private func get(_ path: String, _ token: String) async throws(CredentialsError) -> HTTPResponse {
        do throws(CredentialsHTTP.Unanswered) {
            return try await http.send(
                endpoint + path, fields: [(name: "X-aws-ec2-metadata-token", value: token)])
        } catch {
            throw failed(error.description)
        }
    }
}
