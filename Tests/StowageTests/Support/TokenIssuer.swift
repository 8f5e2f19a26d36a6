import Foundation
import OpenSSL
import TestSupport
import Testing

/// An issuer of tokens for machines: an RSA key, its public half as a set of keys, and tokens that it signs with `RS256`.
final class TokenIssuer: Sendable {
    /// Names its key.
    private let name: String
    private let directory: TemporaryDirectory
    private let modulus: String

    init(_ name: String = "one") async throws {
        self.name = name
        directory = try TemporaryDirectory()
        let key = "\(directory.path)/key"
        let made = try await ProcessRun(["openssl", "genrsa", "-out", key, "2048"])
        try #require(made.ending == .status(0), "\(made)")
        let text = try await ProcessRun(["openssl", "rsa", "-in", key, "-noout", "-modulus"]).output
        let digits = Array(try #require(text.split(separator: "=").last).utf8.filter { $0 != 0x0a })
        let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
        }
        modulus = Base64URL.encode(bytes)
    }

    /// Its public key as a set (RFC 7517).
    var keys: String { #"{"keys":[{"kty":"RSA","use":"sig","kid":"\#(name)","e":"AQAB","n":"\#(modulus)"}]}"# }

    /// A token of `issuer` for the audience `registry`; `more` claims begin with a comma. `lifetime`: seconds from now,
    /// negative for one that has ended.
    func token(
        of issuer: String, subject: String = "build", _ more: String = "", lifetime: Int = 600
    ) async throws -> String {
        let now = Int(Date().timeIntervalSince1970)
        let claims = """
            {"iss":"\(issuer)","aud":"registry","sub":"\(subject)","iat":\(now - 900),"exp":\(now + lifetime)\(more)}
            """
        let head = #"{"alg":"RS256","typ":"JWT","kid":"\#(name)"}"#
        let signed = Base64URL.encode(Array(head.utf8)) + "." + Base64URL.encode(Array(claims.utf8))
        let folder = try TemporaryDirectory()
        let (input, output) = ("\(folder.path)/input", "\(folder.path)/output")
        try Data(signed.utf8).write(to: URL(filePath: input))
        let run = try await ProcessRun(
            ["openssl", "dgst", "-sha256", "-sign", "\(directory.path)/key", "-out", output, input])
        try #require(run.ending == .status(0), "\(run)")
        return signed + "." + Base64URL.encode(Array(try Data(contentsOf: URL(filePath: output))))
    }
}
