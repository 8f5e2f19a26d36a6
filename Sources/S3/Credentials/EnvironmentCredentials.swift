/// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
package struct EnvironmentCredentials: CredentialsLoader {
    package let name = "the environment"
    private let environment: [String: String]

    /// `environment`: the variables of the process.
    package init(_ environment: [String: String]) {
        self.environment = environment
    }

    package func load() async throws(CredentialsError) -> Credentials {
        let key = environment.nonEmpty("AWS_ACCESS_KEY_ID")
        let secret = environment.nonEmpty("AWS_SECRET_ACCESS_KEY")
        switch (key, secret) {
        case (nil, nil): throw notConfigured("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")
        case (_?, nil): throw failed("AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not")
        case (nil, _?): throw failed("AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not")
        case (let key?, let secret?):
            return Credentials(
                accessKeyID: key, secretAccessKey: secret, sessionToken: environment.nonEmpty("AWS_SESSION_TOKEN"))
        }
    }
}

extension [String: String] {
    /// The value of a variable, nil also when it is empty.
    func nonEmpty(_ name: String) -> String? {
        self[name].flatMap { $0.isEmpty ? nil : $0 }
    }
}
