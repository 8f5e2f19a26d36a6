import Access
import JWTKit
import OpenSSL
import TestSupport

/// A key pair of a test's issuer.
struct TestKey: Sendable {
    let id: String
    /// The public key as an element of a JWK Set.
    let jwk: String
    let algorithm: any JWTAlgorithm

    static func es256(_ id: String) async throws -> TestKey {
        let key = ES256PrivateKey()
        let (x, y) = key.parameters ?? ("", "")
        let jwk = #"{"kty":"EC","use":"sig","kid":"\#(id)","crv":"P-256","x":"\#(url(x))","y":"\#(url(y))"}"#
        return TestKey(id: id, jwk: jwk, algorithm: try await JWTKeyCollection().add(ecdsa: key).getKey())
    }

    static func edDSA(_ id: String) async throws -> TestKey {
        let key = try EdDSA.PrivateKey()
        let x = Base64URL.encode([UInt8](key.publicKey.rawRepresentation))
        let jwk = #"{"kty":"OKP","kid":"\#(id)","crv":"Ed25519","x":"\#(x)"}"#
        return TestKey(id: id, jwk: jwk, algorithm: try await JWTKeyCollection().add(eddsa: key).getKey())
    }

    /// The key of RFC 7515, appendix A.2.
    static func rs256(_ id: String) async throws -> TestKey {
        let key = try Insecure.RSA.PrivateKey(
            modulus: JWSVectors.rsaModulus, exponent: "AQAB", privateExponent: JWSVectors.rsaPrivateExponent,
            prime1: JWSVectors.rsaPrimes.0, prime2: JWSVectors.rsaPrimes.1)
        let jwk = #"{"kty":"RSA","alg":"RS256","kid":"\#(id)","n":"\#(JWSVectors.rsaModulus)","e":"AQAB"}"#
        let collection = await JWTKeyCollection().add(rsa: key, digestAlgorithm: .sha256)
        return TestKey(id: id, jwk: jwk, algorithm: try await collection.getKey())
    }

    /// A token with this payload; `header` are the members beside `alg` and `kid`, or the whole header.
    func token(_ payload: String, header: String? = nil) throws -> String {
        let header = header ?? #"{"alg":"\#(algorithm.name)","kid":"\#(id)","typ":"JWT"}"#
        let signed = Base64URL.encode(Array(header.utf8)) + "." + Base64URL.encode(Array(payload.utf8))
        return signed + "." + Base64URL.encode(try algorithm.sign(Array(signed.utf8)))
    }

    private static func url(_ base64: String) -> String {
        base64.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}

/// An issuer on a port of this machine: its discovery document and its keys.
final class TestIssuer: Sendable {
    /// What it does with requests.
    struct Behaviour: Sendable {
        var status = 200
        /// The `keys` of its set.
        var keys: [String] = []
        /// Instead of the set.
        var keysText: String?
        /// Instead of the discovery document; ORIGIN stands for its address.
        var discovery = #"{"issuer":"ORIGIN","jwks_uri":"ORIGIN/keys"}"#
        /// Takes requests and does not answer.
        var isSilent = false
    }

    let server: ScriptedServer
    let behaviour: Guarded<Behaviour>

    init(_ keys: TestKey...) throws {
        let behaviour = Guarded(Behaviour(keys: keys.map(\.jwk)))
        self.behaviour = behaviour
        server = try ScriptedServer { connection in
            while true {
                let request = try connection.request()
                let now = behaviour.value
                if now.isSilent { return connection.waitForHangUp() }
                let origin = "http://" + (request.field("Host") ?? "")
                switch (now.status, request.target) {
                case (200, "/.well-known/openid-configuration"):
                    try connection.answer(200, body: now.discovery.replacing("ORIGIN", with: origin))
                case (200, "/keys"):
                    let text = now.keysText ?? #"{"keys":[\#(now.keys.joined(separator: ","))]}"#
                    try connection.answer(200, body: text)
                case (200, _): try connection.answer(404)
                default: try connection.answer(now.status, ["Location: \(origin)/keys"])
                }
            }
        }
    }

    var url: String { server.origin }
    /// How often the keys were asked for.
    var fetches: Int { server.requests.count { $0.target == "/keys" } }

    func settings(_ change: (inout Issuer.Settings) -> Void = { _ in }) -> Issuer.Settings {
        var settings = Issuer.Settings(name: "ci", issuer: url, audience: "registry.test")
        settings.algorithms = [.rs256, .es256, .edDSA]
        change(&settings)
        return settings
    }

    func issuer(_ change: (inout Issuer.Settings) -> Void = { _ in }) throws -> Issuer {
        try Issuer(settings(change), http: try TestHTTP.client())
    }

    /// A payload that is accepted at 1,800,000,000; `more` begins with a comma.
    func payload(_ more: String = "", aud: String = #""registry.test""#, exp: Int = 1_800_000_300) -> String {
        #"{"iss":"\#(url)","aud":\#(aud),"sub":"repo:octo/app","iat":1800000000,"#
            + #""nbf":1800000000,"exp":\#(exp)\#(more)}"#
    }
}

/// The error of an issuer for a token; nil when it is accepted.
func refusal(_ issuer: Issuer, _ token: String, now: Int = 1_800_000_000) async -> AuthenticationError? {
    do throws(AuthenticationError) {
        _ = try await issuer.identity(of: token, now: now)
        return nil
    } catch {
        return error
    }
}
