package import HTTPClient

/// Which source of credentials is used; the raw values are what an operator writes.
package enum CredentialsSource: String, CaseIterable, Codable, Sendable {
    /// The first that is set up of: static settings, environment, web identity, profile, container, instance.
    case auto
    /// Keys in the settings themselves.
    case `static`
    /// `AWS_ACCESS_KEY_ID` and so on.
    case environment
    /// A profile of the files in `~/.aws`.
    case profile
    /// `AWS_WEB_IDENTITY_TOKEN_FILE` and `AWS_ROLE_ARN`.
    case webIdentity = "web-identity"
    /// `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or `AWS_CONTAINER_CREDENTIALS_FULL_URI`.
    case container
    /// The metadata service of an EC2 instance.
    case instance
}

/// How credentials are got: the operator's choice, and the surroundings it is looked for in.
package struct CredentialsSettings: Sendable {
    /// Which source to use.
    package var source = CredentialsSource.auto
    /// Keys in the settings; with `auto` they go before everything else.
    package var keys: Credentials?
    /// The profile; nil for that of `AWS_PROFILE`. With `auto` a name here goes before everything but `keys`.
    package var profile: String?
    /// Whose STS is asked; `AWS_REGION` and `AWS_DEFAULT_REGION` go before it.
    package var region: String
    /// The variables of the process.
    package var environment: [String: String]

    /// Settings that look everywhere in the usual order.
    package init(region: String, environment: [String: String]) {
        self.region = region
        self.environment = environment
    }

    /// What gives the credentials, without asking the source yet; `now` and `observer` are those of
    /// `RefreshingCredentials`. Throws when `static` is chosen and there are no keys.
    package func provider(
        http: HTTPClient, now: @escaping @Sendable () -> Int,
        observer: @escaping @Sendable (CredentialsError) -> Void = { _ in }
    ) throws(CredentialsError) -> any CredentialsProvider {
        if let keys, source == .auto || source == .static { return StaticCredentials(keys) }
        if source == .static {
            throw CredentialsError(
                .failed, source: "the static settings", reason: "access key id and secret access key are not set")
        }
        return RefreshingCredentials(loader(http: http, now: now), now: now, observer: observer)
    }

    private func loader(http: HTTPClient, now: @escaping @Sendable () -> Int) -> any CredentialsLoader {
        let region = environment.nonEmpty("AWS_REGION") ?? environment.nonEmpty("AWS_DEFAULT_REGION") ?? region
        let fromEnvironment = EnvironmentCredentials(environment)
        let webIdentity = WebIdentityCredentials(environment: environment, region: region, http: http, now: now)
        let shared = ProfileCredentials(
            profile: profile, environment: environment, region: region, http: http, now: now)
        let container = ContainerCredentials(environment: environment, http: http)
        let instance = InstanceCredentials(environment: environment, http: http)
        switch source {
        case .environment: return fromEnvironment
        case .webIdentity: return webIdentity
        case .profile: return shared
        case .container: return container
        case .instance: return instance
        case .auto, .static:
            // A profile that is named in the settings is meant, whatever else is around.
            if profile != nil { return shared }
            return CredentialsChain([fromEnvironment, webIdentity, shared, container, instance])
        }
    }
}
