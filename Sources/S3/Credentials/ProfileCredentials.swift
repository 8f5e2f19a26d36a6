package import HTTPClient

/// A profile of the shared files: keys, a role that another profile or source may assume, or one with a web identity.
package struct ProfileCredentials: CredentialsLoader {
    private let profile: String
    /// Whether somebody asked for this profile: then its absence is an error.
    private let isNamed: Bool
    private let environment: [String: String]
    private let http: HTTPClient
    private let deadline: Int
    private let service: SecurityTokenService

    package var name: String { "the profile \(profile)" }

    /// - Parameters:
    ///   - profile: nil for that of `AWS_PROFILE`, or else `default`.
    ///   - environment: the variables of the process; see `SharedConfiguration`.
    ///   - region: whose STS is asked when the profile assumes a role.
    ///   - deadline: how long one request may take, in milliseconds.
    ///   - now: seconds since 1970.
    package init(
        profile: String?, environment: [String: String], region: String, http: HTTPClient, deadline: Int = 5000,
        now: @escaping @Sendable () -> Int
    ) {
        self.profile = profile ?? SharedConfiguration.usualProfile(environment)
        isNamed = profile != nil || environment.nonEmpty("AWS_PROFILE") != nil
        self.environment = environment
        self.http = http
        self.deadline = deadline
        service = SecurityTokenService(
            region: region, environment: environment, http: http, deadline: deadline, now: now)
    }

    package func load() async throws(CredentialsError) -> Credentials {
        let shared: SharedConfiguration
        do throws(SharedConfiguration.Failure) {
            shared = try SharedConfiguration(environment: environment)
        } catch {
            throw failed(error.description)
        }
        let settings = shared.profiles[profile]
        if !isNamed, settings?.keys.contains(where: Self.names.contains) != true {
            throw notConfigured(Self.absence(settings, shared))
        }
        guard settings != nil else { throw failed(Self.absence(settings, shared)) }
        return try await resolve(profile, in: shared, by: [])
    }

    /// The settings that make a profile one with credentials.
    private static let names = [
        "aws_access_key_id", "aws_secret_access_key", "role_arn", "web_identity_token_file", "credential_process",
        "sso_session", "sso_start_url", "login_session",
    ]

    private static func absence(_ settings: [String: String]?, _ shared: SharedConfiguration) -> String {
        if settings != nil { return "it names no credentials" }
        if shared.paths.isEmpty { return "HOME is not set, so there is no ~/.aws/credentials" }
        return "it is not in \(shared.paths.joined(separator: " or "))"
    }

    /// Credentials of profile `name`, which the profiles of `users` refer to, one to the next.
    private func resolve(
        _ name: String, in shared: SharedConfiguration, by users: [String]
    ) async throws(CredentialsError) -> Credentials {
        guard let settings = shared.profiles[name] else {
            throw failed("its source_profile \(name) is not in \(shared.paths.joined(separator: " or "))")
        }
        // A profile may name itself as the source of its own role, and then means its keys.
        if let arn = settings.nonEmpty("role_arn"), !users.contains(name) {
            return try await assume(arn, name, settings, in: shared, by: users)
        }
        let key = settings.nonEmpty("aws_access_key_id")
        let secret = settings.nonEmpty("aws_secret_access_key")
        if let key, let secret {
            return Credentials(
                accessKeyID: key, secretAccessKey: secret, sessionToken: settings.nonEmpty("aws_session_token"))
        }
        throw failed(Self.refusal(name, settings, users: users))
    }

    /// Why a profile without a role and without both keys is of no use.
    private static func refusal(_ name: String, _ settings: [String: String], users: [String]) -> String {
        if users.contains(name), settings["role_arn"] != nil {
            return "its source_profile settings lead back to \(name), which has no keys of its own"
        }
        if settings["aws_access_key_id"] != nil || settings["aws_secret_access_key"] != nil {
            return "\(name) has only one of aws_access_key_id and aws_secret_access_key"
        }
        let unsupported = ["credential_process", "sso_session", "sso_start_url", "login_session"]
        if let found = unsupported.first(where: { settings[$0] != nil }) {
            return "\(name) uses \(found), which is not supported: give it keys, or a role_arn with source_profile,"
                + " credential_source or web_identity_token_file"
        }
        if settings["web_identity_token_file"] != nil { return "\(name) has web_identity_token_file, but no role_arn" }
        return "\(name) names no credentials"
    }

    // MARK: Roles

    private func assume(
        _ arn: String, _ name: String, _ settings: [String: String], in shared: SharedConfiguration, by users: [String]
    ) async throws(CredentialsError) -> Credentials {
        let role = try role(arn, name, settings)
        switch (
            settings.nonEmpty("source_profile"), settings.nonEmpty("credential_source"),
            settings.nonEmpty("web_identity_token_file")
        ) {
        case (let source?, nil, nil):
            return try await assume(role, with: try await resolve(source, in: shared, by: users + [name]))
        case (nil, let source?, nil):
            return try await assume(role, with: try await credentials(ofSource: source))
        case (nil, nil, let file?):
            let loader = WebIdentityCredentials(.init(tokenFile: file, role: role), service: service)
            return try await load(loader)
        default:
            throw failed(
                "\(name) has role_arn and not exactly one of source_profile, credential_source and"
                    + " web_identity_token_file")
        }
    }

    private func role(
        _ arn: String, _ name: String, _ settings: [String: String]
    ) throws(CredentialsError) -> SecurityTokenService.Role {
        if settings["mfa_serial"] != nil {
            throw failed("\(name) wants a code of mfa_serial, which a server cannot be asked for")
        }
        var duration: Int?
        if let text = settings.nonEmpty("duration_seconds") {
            guard let seconds = Int(text), (900...43_200).contains(seconds) else {
                throw failed("duration_seconds of \(name) is not a number from 900 to 43200")
            }
            duration = seconds
        }
        return SecurityTokenService.Role(
            arn: arn, sessionName: settings.nonEmpty("role_session_name") ?? WebIdentityCredentials.usualSessionName,
            externalID: settings.nonEmpty("external_id"), duration: duration)
    }

    private func credentials(ofSource source: String) async throws(CredentialsError) -> Credentials {
        switch source {
        case "Environment": return try await load(EnvironmentCredentials(environment))
        case "Ec2InstanceMetadata":
            return try await load(InstanceCredentials(environment: environment, http: http))
        case "EcsContainer": return try await load(ContainerCredentials(environment: environment, http: http))
        default:
            throw failed("credential_source is not Environment, Ec2InstanceMetadata or EcsContainer")
        }
    }

    private func load(_ loader: some CredentialsLoader) async throws(CredentialsError) -> Credentials {
        do throws(CredentialsError) {
            return try await loader.load()
        } catch {
            throw failed("\(error)")
        }
    }

    private func assume(
        _ role: SecurityTokenService.Role, with credentials: Credentials
    ) async throws(CredentialsError) -> Credentials {
        do throws(SecurityTokenService.Failure) {
            return try await service.assume(role, with: credentials)
        } catch {
            throw failed("\(role.arn) cannot be assumed: \(error.reason)")
        }
    }
}
