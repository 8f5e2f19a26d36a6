package import HTTPClient

/// A role assumed with a token that the platform keeps in a file: IAM roles for service accounts on EKS, and whatever
/// else is an OpenID Connect provider for the account.
package struct WebIdentityCredentials: CredentialsLoader {
    /// No token file is larger, in bytes; STS takes 20,000.
    private static let tokenLimit = 32 << 10
    /// The role session's name where none is set.
    static let usualSessionName = "stowage"

    package let name = "the web identity"
    private let setting: Setting?
    private let service: SecurityTokenService

    /// The role and the file, from the environment or from a profile.
    struct Setting: Sendable {
        let tokenFile: String
        let role: SecurityTokenService.Role?
    }

    /// - Parameters:
    ///   - environment: the variables of the process, of which `AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ROLE_ARN` and
    ///     `AWS_ROLE_SESSION_NAME` count, and those that name another STS.
    ///   - region: whose STS is asked.
    ///   - deadline: how long one request may take, in milliseconds.
    ///   - now: seconds since 1970.
    package init(
        environment: [String: String], region: String, http: HTTPClient, deadline: Int = 5000,
        now: @escaping @Sendable () -> Int
    ) {
        let session = environment.nonEmpty("AWS_ROLE_SESSION_NAME") ?? Self.usualSessionName
        let role = environment.nonEmpty("AWS_ROLE_ARN")
            .map { SecurityTokenService.Role(arn: $0, sessionName: session) }
        setting = environment.nonEmpty("AWS_WEB_IDENTITY_TOKEN_FILE").map { Setting(tokenFile: $0, role: role) }
        service = SecurityTokenService(
            region: region, environment: environment, http: http, deadline: deadline, now: now)
    }

    init(_ setting: Setting, service: SecurityTokenService) {
        self.setting = setting
        self.service = service
    }

    package func load() async throws(CredentialsError) -> Credentials {
        guard let setting else { throw notConfigured("AWS_WEB_IDENTITY_TOKEN_FILE is not set") }
        guard let role = setting.role else {
            throw failed("AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not")
        }
        let token: String
        do throws(SmallFile.Failure) {
            // Read each time: the platform replaces the token long before the credentials expire.
            token = try SmallFile.read(setting.tokenFile, limit: Self.tokenLimit).trimmed
        } catch {
            throw failed("its token cannot be read: \(error)")
        }
        guard !token.isEmpty else { throw failed("the token file \(setting.tokenFile) is empty") }
        do throws(SecurityTokenService.Failure) {
            return try await service.assume(role, webIdentityToken: token)
        } catch {
            throw failed("\(role.arn) cannot be assumed: \(error.reason)")
        }
    }
}
