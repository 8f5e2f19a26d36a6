import Foundation
import TestSupport
import Testing

extension GuardedRegistry {
    private struct TokenAnswer: Decodable {
        let token: String
    }

    /// A token for requests, as clients get it.
    func accessToken(_ credentials: Credentials, scope: String) throws -> String {
        let head = ["Host: \(server.host)", "Connection: close", "Authorization: \(credentials.basic)"]
        let answer = try server.connect().send("GET", "/token?service=stowage&scope=\(scope)", headers: head)
        try #require(answer.status == 200)
        return try JSONDecoder().decode(TokenAnswer.self, from: Data(answer.body)).token
    }

    /// The status of a request with a token.
    func status(_ method: String, _ target: String, bearer token: String) throws -> Int {
        let accept = Layout.manifestTypes.map { "Accept: \($0)" }
        let head = ["Host: \(server.host)", "Connection: close", "Authorization: Bearer \(token)"]
        return try server.connect().send(method, target, headers: head + accept).status
    }

    /// The certificate the server shows, as text.
    func shownCertificate() throws -> String {
        let address = "127.0.0.1:\(host.split(separator: ":")[1])"
        let output = try scratch.run([
            "openssl", "s_client", "-connect", address, "-CAfile", authority.certificate, "-verify_return_error",
        ])
        let begin = try #require(output.stdout.range(of: "-----BEGIN CERTIFICATE-----"))
        let end = try #require(output.stdout.range(of: "-----END CERTIFICATE-----"))
        return String(output.stdout[begin.lowerBound..<end.upperBound])
    }
}

/// What docker has stored for the registry; nil when that is nothing.
struct DockerLogin: Decodable, Equatable {
    private struct File: Decodable {
        let auths: [String: DockerLogin]
    }

    let auth: String?
    let identityToken: String?

    enum CodingKeys: String, CodingKey {
        case auth
        case identityToken = "identitytoken"
    }

    init?(_ registry: GuardedRegistry) throws {
        let data = try Data(contentsOf: URL(filePath: registry.scratch.file(".docker/config.json")))
        guard let login = try JSONDecoder().decode(File.self, from: data).auths[registry.host] else { return nil }
        self = login
    }
}
