import OCI
import OpenSSL
import TestSupport
import Testing

@testable import Access

/// Tokens nobody signed, and spellings of signed ones that are not theirs.
struct TokenForgeryTests {
    private static let key = SigningKey(secret: sampleBytes(32))
    private let now = 1_800_000_000
    private let service = TokenService(keys: [key], service: "registry.test")
    private let payload = Array(
        (#"{"access":[],"aud":"registry.test","claims":{},"exp":1900000000,"fingerprint":"","groups":[],"iat":1,"#
            + #""iss":"registry.test","jti":"1","method":"password","nbf":1,"sub":"alice"}"#).utf8)

    private func error(_ token: String) async -> AuthenticationError? {
        do throws(AuthenticationError) {
            _ = try await service.verify(access: token, now: now)
            return nil
        } catch {
            return error
        }
    }

    /// A token with any header, signed with `secret`.
    private func token(_ header: String, secret: [UInt8] = key.secret) -> String {
        let signed = Base64URL.encode(Array(header.utf8)) + "." + Base64URL.encode(payload)
        return signed + "." + Base64URL.encode(HMAC.sha256(key: secret, Array(signed.utf8)))
    }

    @Test("the one header that is right")
    func right() async {
        #expect(await error(token(#"{"alg":"HS256","kid":"\#(Self.key.id)","typ":"at+jwt"}"#)) == nil)
    }

    @Test(
        "any other header is refused, even with the right signature",
        arguments: [
            #"{"alg":"none","kid":"KID","typ":"at+jwt"}"#, #"{"alg":"None","kid":"KID","typ":"at+jwt"}"#,
            #"{"alg":"NONE","kid":"KID","typ":"at+jwt"}"#, #"{"alg":"nOnE","kid":"KID","typ":"at+jwt"}"#,
            #"{"alg":"","kid":"KID","typ":"at+jwt"}"#, #"{"kid":"KID","typ":"at+jwt"}"#,
            #"{"alg":"HS384","kid":"KID","typ":"at+jwt"}"#, #"{"alg":"RS256","kid":"KID","typ":"at+jwt"}"#,
            #"{"alg":"HS256","kid":"KID","typ":"rt+jwt"}"#, #"{"alg":"HS256","kid":"KID","typ":"JWT"}"#,
            #"{"alg":"HS256","kid":"KID"}"#, #"{"alg":"HS256","typ":"at+jwt"}"#,
            #"{"alg":"HS256","kid":"other","typ":"at+jwt"}"#, #"{"alg":"HS256","kid":"../KID","typ":"at+jwt"}"#,
            #"{"alg":"HS256","kid":"KID","typ":"at+jwt","crit":["exp"]}"#,
            #"{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"},"kid":"KID","typ":"at+jwt"}"#,
            #"{"alg":"HS256","jku":"http://127.0.0.1/","kid":"KID","typ":"at+jwt"}"#,
            #"{"alg":"HS256","x5u":"http://127.0.0.1/","kid":"KID","typ":"at+jwt"}"#,
            #"{"alg":"HS256","x5c":["AAAA"],"kid":"KID","typ":"at+jwt"}"#,
            #"{"\u0061lg":"HS256","kid":"KID","typ":"at+jwt"}"#, #"{"alg":"none","alg":"HS256","kid":"KID"}"#,
            #" {"alg":"HS256","kid":"KID","typ":"at+jwt"}"#, "", "{}", "[]", "null",
        ])
    func headers(header: String) async {
        #expect(await error(token(header.replacing("KID", with: Self.key.id))) != nil)
    }

    @Test("another secret, and none")
    func secrets() async {
        let header = #"{"alg":"HS256","kid":"\#(Self.key.id)","typ":"at+jwt"}"#
        #expect(await error(token(header, secret: sampleBytes(31))) != nil)
        #expect(await error(token(header, secret: [])) != nil)
        #expect(await error(token(header, secret: Array(Self.key.id.utf8))) != nil)
        let signed = token(header).split(separator: ".").dropLast().joined(separator: ".")
        for end in ["", ".", ".AA", ".A", "..", ".AAAA.AAAA"] { #expect(await error(signed + end) != nil) }
    }

    @Test("every change of a character is noticed, and every other spelling")
    func spelling() async {
        let right = Array(token(#"{"alg":"HS256","kid":"\#(Self.key.id)","typ":"at+jwt"}"#).utf8)
        for index in right.indices {
            for other in Array("AB_.= \n+".utf8) where other != right[index] {
                var wrong = right
                wrong[index] = other
                #expect(await error(String(decoding: wrong, as: UTF8.self)) != nil, "\(index)")
            }
        }
        let text = String(decoding: right, as: UTF8.self)
        for wrong in [text + "=", text + "A", text + ".", " " + text, text + "\n", text + "\0", "Bearer " + text] {
            #expect(await error(wrong) != nil)
        }
        // 32 bytes leave two bits in the last digit, which have to be zero.
        let last = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        let place = last.firstIndex(of: right[right.count - 1]) ?? 0
        for bits in 1..<4 {
            #expect(await error(String(text.dropLast()) + String(UnicodeScalar(last[place | bits]))) != nil)
        }
    }

    @Test("a megabyte of anything costs nothing", arguments: [".", "a", "a.", "{", "\u{e9}", "=", "A.A."])
    func large(unit: String) async {
        let text = String(repeating: unit, count: 1 << 20)
        let elapsed = await ContinuousClock().measure { #expect(await error(text) == .malformed) }
        #expect(elapsed < .milliseconds(200))
    }

    @Test("random text is refused and nothing traps")
    func random() async {
        var generator = SeededGenerator(for: "forged tokens")
        let alphabet = Array("AZaz09-_.={}\"\\ \u{e9}".unicodeScalars)
        for _ in 0..<2000 {
            var text = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0..<80, using: &generator) {
                text.append(alphabet.randomElement(using: &generator) ?? ".")
            }
            #expect(await error(String(text)) != nil, "\(text)")
        }
    }
}
