import Foundation
import Testing

/// An issuer of tokens for machines: a key, its public half as a file, and tokens that it signs with `RS256`.
struct LocalIssuer {
    /// The `iss` of its tokens.
    let url: String
    /// Its keys as a file (RFC 7517).
    let keysFile: String
    private let scratch: Scratch
    private let key: String

    init(_ scratch: Scratch, url: String = "https://issuer.example") throws {
        self.scratch = scratch
        self.url = url
        key = scratch.file("issuer.key")
        keysFile = scratch.file("issuer.json")
        try scratch.run(["openssl", "genrsa", "-out", key, "2048"])
        let text = try scratch.run(["openssl", "rsa", "-in", key, "-noout", "-modulus"]).lastLine
        let digits = Array(try #require(text.split(separator: "=").last).utf8)
        let modulus = stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
        }
        let keys = """
            {"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":"1","e":"AQAB","n":"\(Self.base64URL(modulus))"}]}
            """
        try keys.write(toFile: keysFile, atomically: true, encoding: .utf8)
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
