import Glibc
import OpenSSL
import TestSupport
import Testing

@testable import Access

/// Tokens that only pretend to be an issuer's.
struct IssuerForgeryTests {
    private static let invalid = AuthenticationError.rejected(reason: "the token is not valid")

    @Test(
        "headers that would choose the algorithm or bring a key, with the right key's signature",
        arguments: [
            #""alg":"none""#, #""alg":"None""#, #""alg":"NONE""#, #""alg":"nOnE""#, #""alg":"""#, #""alg":null"#,
            #""alg":"HS256""#, #""alg":"HS384""#, #""alg":"RS256""#, #""alg":"ES384""#, #""alg":"es256""#,
            #""alg":"ES256","alg":"none""#, #""alg":"ES256","\u0061lg":"none""#, #""alg":["ES256"]"#,
            #""alg":"ES256","jwk":JWK"#, #""alg":"ES256","jku":"http://127.0.0.1:1/keys""#,
            #""alg":"ES256","x5u":"http://127.0.0.1:1/keys""#, #""alg":"ES256","x5c":["AAAA"]"#,
            #""alg":"ES256","crit":["exp"]"#, #""alg":"ES256","crit":[]"#, #""alg":"ES256","crit":["b64"],"b64":false"#,
            #""alg":"ES256","b64":false"#, #""alg":"ES256","zip":"DEF""#, #""alg":"ES256","enc":"A256GCM""#,
            #""alg":"ES256","jw\u006b":null"#, #""alg":"ES256","typ":"logout+jwt""#, #""alg":"ES256","typ":7"#,
            #""alg":"ES256","kid":"k""#, "",
        ])
    func headers(members: String) async throws {
        let key = try await TestKey.es256("k")
        let server = try TestIssuer(key)
        let issuer = try server.issuer()
        let header = "{" + members.replacing("JWK", with: key.jwk) + #","kid":"k"}"#
        #expect(await refusal(issuer, try key.token(server.payload(), header: header)) == Self.invalid)
        #expect(await refusal(issuer, try key.token(server.payload())) == nil)
    }

    @Test("an attacker's key with the same kid, also brought along in the header")
    func ownKey() async throws {
        let (key, attacker) = (try await TestKey.es256("k"), try await TestKey.es256("k"))
        let server = try TestIssuer(key)
        let issuer = try server.issuer()
        #expect(await refusal(issuer, try attacker.token(server.payload())) == Self.invalid)
        for member in [#""jwk":\#(attacker.jwk)"#, #""jku":"\#(server.url)/attacker""#, #""x5c":["AAAA"]"#] {
            let header = #"{"alg":"ES256","kid":"k",\#(member)}"#
            #expect(await refusal(issuer, try attacker.token(server.payload(), header: header)) == Self.invalid)
        }
        #expect(!server.server.requests.contains { $0.target == "/attacker" })
    }

    @Test("HS256 with the public key as the secret, in every form it may have")
    func confusion() async throws {
        let key = try await TestKey.rs256("k")
        let server = try TestIssuer(key)
        let issuer = try server.issuer()
        let modulus = try #require(Base64URL.decode(JWSVectors.rsaModulus))
        let secrets = [
            modulus, Array(JWSVectors.rsaModulus.utf8), Array(key.jwk.utf8), Array("k".utf8), [],
            Array(#"{"keys":[\#(key.jwk)]}"#.utf8),
        ]
        for algorithm in ["HS256", "RS256"] {
            let header = Base64URL.encode(Array(#"{"alg":"\#(algorithm)","kid":"k"}"#.utf8))
            let signed = header + "." + Base64URL.encode(Array(server.payload().utf8))
            for secret in secrets {
                let code = HMAC.sha256(key: secret, Array(signed.utf8))
                #expect(await refusal(issuer, signed + "." + Base64URL.encode(code)) == Self.invalid)
            }
        }
    }

    @Test("a key counts only for the algorithm and purpose it is for")
    func purposes() async throws {
        let rsa = try await TestKey.rs256("k")
        let server = try TestIssuer()
        let token = try rsa.token(server.payload())
        for (old, new, isAccepted) in [
            ("", "", true), (#""alg":"RS256","#, "", true), (#""alg":"RS256""#, #""alg":"RS512""#, false),
            (#""alg":"RS256""#, #""alg":"PS256""#, false), (#""alg":"RS256""#, #""alg":"RSA-OAEP""#, false),
            (#""kty":"RSA""#, #""kty":"RSA","use":"enc""#, false), (#""kty":"RSA""#, #""kty":"EC""#, false),
            (#""kty":"RSA""#, #""kty":"RSA","key_ops":["sign"]"#, false),
            (#""kty":"RSA""#, #""kty":"RSA","key_ops":["verify"]"#, true), (#""kid":"k""#, #""kid":"K""#, false),
            (#""kty":"RSA","#, #""kty":"oct","k":"AAAA","#, false),
        ] {
            server.behaviour.change { $0.keys = [old.isEmpty ? rsa.jwk : rsa.jwk.replacing(old, with: new)] }
            #expect(await (refusal(try server.issuer(), token) == nil) == isAccepted, "\(new)")
        }
    }

    @Test("algorithms that are not configured are refused though there is a key for them")
    func allowList() async throws {
        let key = try await TestKey.es256("k")
        let server = try TestIssuer(key)
        let token = try key.token(server.payload())
        #expect(await refusal(try server.issuer { $0.algorithms = [.rs256, .edDSA] }, token) == Self.invalid)
    }

    /// Who an issuer is anybody knows, so anybody can send text that says it is from there.
    @Test("text that is no token takes no time, whatever values it is full of")
    func hostileValues() async throws {
        let server = try TestIssuer(try await TestKey.es256("k"))
        let issuer = try server.issuer()
        let header = Base64URL.encode(Array(#"{"alg":"ES256","kid":"k"}"#.utf8))
        var durations: [Int] = []
        for value in [#""a""#, "null", "1", "true", "[]", "{}", "[[[[[[[[]]]]]]]]"] {
            let values = Array(repeating: value, count: 11_500 / (value.utf8.count + 1)).joined(separator: ",")
            let payload = server.payload(",\"x\":[\(values)],\"groups\":[1]")
            let token = "\(header).\(Base64URL.encode(Array(payload.utf8))).\(Base64URL.encode(pattern))"
            #expect(token.utf8.count < CompactJWS.maximumLength)
            #expect(await refusal(issuer, token) != nil)
            let tries = (0..<10).map { _ in
                let start = threadNanoseconds()
                #expect(issuer.isNamed(in: token))
                return threadNanoseconds() - start
            }
            durations.append(tries.min() ?? 0)
        }
        // Strings are what a decoder that tries one type after the other would try first.
        #expect(durations.allSatisfy { $0 < durations[0] * 5 }, "\(durations)")
    }

    /// Processor time of this thread.
    private func threadNanoseconds() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }

    private let pattern = [UInt8](repeating: 7, count: 64)

    @Test("other spellings, trailing bytes and great sizes")
    func spelling() async throws {
        let key = try await TestKey.es256("k")
        let server = try TestIssuer(key)
        let issuer = try server.issuer()
        let token = try key.token(server.payload())
        let parts = token.split(separator: ".").map(String.init)
        #expect(await refusal(issuer, token) == nil)
        for wrong in [
            token + "=", token + ".", token + ".AAAA", token + "A", " " + token, token + "\n", token + "\0",
            parts[0] + "=." + parts[1] + "." + parts[2], parts[0] + "." + parts[1] + "=." + parts[2],
            parts[0] + "." + parts[1], parts[0] + "." + parts[1] + ".", "." + parts[1] + "." + parts[2],
            parts[0] + ".." + parts[2], token.uppercased(),
        ] {
            #expect(await refusal(issuer, wrong) != nil)
        }
        let large = #"{"alg":"ES256","kid":"k","x":"\#(String(repeating: "x", count: 17 << 10))"}"#
        #expect(await refusal(issuer, try key.token(server.payload(), header: large)) == .malformed)
        let deep = String(repeating: "[", count: 3000) + String(repeating: "]", count: 3000)
        #expect(await refusal(issuer, try key.token(server.payload(#","x":\#(deep)"#))) == Self.invalid)
        for unit in [".", "a.", "\u{e9}"] {
            let text = String(repeating: unit, count: 1 << 20)
            let elapsed = await ContinuousClock().measure { #expect(await refusal(issuer, text) == .malformed) }
            #expect(elapsed < .milliseconds(200))
        }
    }
}
