package import HTTPClient

/// The role of a container, from the credentials endpoint of ECS or of EKS Pod Identity.
package struct ContainerCredentials: CredentialsLoader {
    /// Where relative URIs of ECS lead.
    private static let taskEndpoint = "http://169.254.170.2"
    /// The hosts that may be asked in the clear: this machine's own, and the link-local ones of ECS and EKS.
    private static let clearHosts: Set<String> = [
        "localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]",
    ]
    /// No token file is larger, in bytes.
    private static let tokenLimit = 16 << 10

    package let name = "the container credentials endpoint"
    private let environment: [String: String]
    private let http: CredentialsHTTP

    /// - Parameters:
    ///   - environment: the variables of the process, of which `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`,
    ///     `AWS_CONTAINER_CREDENTIALS_FULL_URI`, `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE` and
    ///     `AWS_CONTAINER_AUTHORIZATION_TOKEN` count.
    ///   - deadline: how long one request may take, in milliseconds.
    package init(environment: [String: String], http: HTTPClient, deadline: Int = 2000) {
        self.environment = environment
        self.http = CredentialsHTTP(
            client: http, deadline: deadline, caFile: environment.nonEmpty("AWS_CA_BUNDLE"))
    }

    package func load() async throws(CredentialsError) -> Credentials {
        let url = try endpoint()
        var fields: [(name: String, value: String)] = []
        if let token = try authorization() { fields.append((name: "Authorization", value: token)) }
        let answer: HTTPResponse
        do throws(CredentialsHTTP.Unanswered) {
            answer = try await http.send(url, fields: fields)
        } catch {
            throw failed(error.description)
        }
        guard answer.status == 200 else {
            throw failed(
                "\(CredentialsHTTP.origin(url)) answered \(answer.status)\(CredentialsAnswer.complaint(answer.bytes))")
        }
        do throws(CredentialsAnswer.Failure) {
            return try CredentialsAnswer(answer.bytes).credentials
        } catch {
            throw failed("\(CredentialsHTTP.origin(url)): \(error.reason)")
        }
    }

    /// The URL to ask. Throws when there is none, or it would send the token in the clear to another machine.
    func endpoint() throws(CredentialsError) -> String {
        if let path = environment.nonEmpty("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            guard path.hasPrefix("/"), Self.isVisible(path) else {
                throw failed("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not a path that begins with a slash")
            }
            return Self.taskEndpoint + path
        }
        guard let url = environment.nonEmpty("AWS_CONTAINER_CREDENTIALS_FULL_URI") else {
            throw notConfigured(
                "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set")
        }
        if url.hasPrefix("https://"), Self.isVisible(url) { return url }
        guard url.hasPrefix("http://"), Self.isVisible(url) else {
            throw failed("AWS_CONTAINER_CREDENTIALS_FULL_URI is not an http or https URL")
        }
        let host = Self.host(url.dropFirst("http://".count))
        guard Self.clearHosts.contains(host) || Self.isLoopback(host) else {
            throw failed(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI is an http URL of another machine, \(host): only loopback,"
                    + " 169.254.170.2, 169.254.170.23 and [fd00:ec2::23] may be asked without TLS")
        }
        return url
    }

    /// The Authorization field; the file wins, and is read each time because it rotates.
    private func authorization() throws(CredentialsError) -> String? {
        var token = environment.nonEmpty("AWS_CONTAINER_AUTHORIZATION_TOKEN")
        var source = "AWS_CONTAINER_AUTHORIZATION_TOKEN"
        if let path = environment.nonEmpty("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            source = "the file of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
            do throws(SmallFile.Failure) {
                token = try SmallFile.read(path, limit: Self.tokenLimit).trimmed
            } catch {
                throw failed("\(source) cannot be read: \(error)")
            }
        }
        guard let token else { return nil }
        // A line break would begin another field.
        guard !token.isEmpty, token.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) else {
            throw failed("\(source) holds no token of one line")
        }
        return token
    }

    /// The host of what follows `http://`, in lower case and without the port.
    private static func host(_ rest: Substring) -> String {
        let authority = rest.prefix { !"/?#".contains($0) }.lowercased()
        // With user information the host is not where it seems to be; no host has an at sign.
        if authority.contains("@") { return authority }
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") { return String(authority[...end]) }
        return String(authority.prefix { $0 != ":" })
    }

    /// Whether it is an IPv4 address of 127.0.0.0/8.
    private static func isLoopback(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return parts.count == 4 && parts[0] == 127 && !parts.contains(nil)
    }

    private static func isVisible(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\\") }
    }
}

extension StringProtocol {
    /// Without white space of ASCII at the ends.
    var trimmed: String {
        let isSpace: (Unicode.Scalar) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\n" || $0 == "\r" }
        var scalars = Substring(self).unicodeScalars[...]
        while let first = scalars.first, isSpace(first) { scalars.removeFirst() }
        while let last = scalars.last, isSpace(last) { scalars.removeLast() }
        return String(scalars)
    }
}
