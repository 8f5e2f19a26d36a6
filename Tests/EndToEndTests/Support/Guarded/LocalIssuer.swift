import Foundation
import TestSupport
import Testing

/// An issuer of tokens for machines: a key, its public half as a file or where issuers publish it, and tokens that it
/// signs with `RS256`.
struct LocalIssuer {
    /// The `iss` of its tokens.
    let url: String
    /// Its keys as a file (RFC 7517).
    let keysFile: String
    private let scratch: Scratch
    private let key: String
    private let server: Daemon?

    /// `authority`: signs the certificate under which its keys are published; nil to publish nothing.
    init(_ scratch: Scratch, publishedWith authority: CertificateAuthority? = nil) async throws {
        self.scratch = scratch
        let directory = scratch.file("issuer")
        try FileManager.default.createDirectory(
            atPath: directory + "/.well-known", withIntermediateDirectories: true)
        key = scratch.file("issuer.key")
        keysFile = directory + "/keys.json"
        try Self.makeKey(key, scratch).write(toFile: keysFile, atomically: true, encoding: .utf8)
        guard let authority else {
            url = "https://issuer.example"
            server = nil
            return
        }
        let pair = try await authority.issue("issuer", names: "IP:127.0.0.1")
        let command = ["python3", Locations.tool("serve-https.py"), directory, pair.certificate, pair.key]
        let server = try Daemon(command, readyWhen: "listens on ")
        self.server = server
        url = "https://" + server.readyLine.dropFirst("listens on ".count)
        let document = "{\"issuer\":\"\(url)\",\"jwks_uri\":\"\(url)/keys.json\"}"
        try document.write(
            toFile: directory + "/.well-known/openid-configuration", atomically: true, encoding: .utf8)
    }

    /// Publishes nothing any more.
    func stop() throws { try server?.stop(with: SIGKILL) }

    /// Makes a key in a file, and returns its public half as a set of keys.
    private static func makeKey(_ key: String, _ scratch: Scratch) throws -> String {
        try scratch.run(["openssl", "genrsa", "-out", key, "2048"])
        let text = try scratch.run(["openssl", "rsa", "-in", key, "-noout", "-modulus"]).lastLine
        let digits = Array(try #require(text.split(separator: "=").last).utf8)
        let modulus = stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
        }
        return """
            {"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":"1","e":"AQAB","n":"\(base64URL(modulus))"}]}
            """
    }

    /// A token of `ci:build` for the registry. `lifetime`: seconds from now, negative for one that has ended.
    func token(subject: String = "build", lifetime: Int = 600) throws -> String {
        let now = Int(Date().timeIntervalSince1970)
        let claims = """
            {"iss":"\(url)","aud":"registry","sub":"\(subject)","iat":\(now - 900),"exp":\(now + lifetime)}
            """
        let head = Self.base64URL(Array(#"{"alg":"RS256","typ":"JWT","kid":"1"}"#.utf8))
        let signed = head + "." + Self.base64URL(Array(claims.utf8))
        let (input, output) = (scratch.file("issuer.input"), scratch.file("issuer.signature"))
        try signed.write(toFile: input, atomically: true, encoding: .utf8)
        try scratch.run(["openssl", "dgst", "-sha256", "-sign", key, "-out", output, input])
        return signed + "." + Self.base64URL(Array(try Data(contentsOf: URL(filePath: output))))
    }

    private static func base64URL(_ bytes: [UInt8]) -> String {
        let text = Data(bytes).base64EncodedString()
        return text.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}
