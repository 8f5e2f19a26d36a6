import OCI
import OpenSSL

@testable import Access

extension FuzzTarget {
    /// Tokens: what is taken apart is put together as it was, what is signed comes back, and whatever an issuer says
    /// makes a plain identity or none. The first byte says whether the rest is a token, a header or claims.
    static let tokens = FuzzTarget(name: "tokens") { bytes in
        let rest = Array(bytes.dropFirst())
        switch (bytes.first ?? 0) % 3 {
        case 0: if let text = text(rest) { checkToken(text) }
        case 1: checkToken(assembled(header: rest, claims: Array("{}".utf8)))
        default:
            checkToken(assembled(header: Array(#"{"alg":"ES256"}"#.utf8), claims: rest))
            checkOwn(rest)
        }
    }

    private static let ring = TokenKeyRing([SigningKey(secret: [UInt8](repeating: 7, count: 32))])
    private static let reader: IssuerClaimsReader = {
        var settings = Issuer.Settings(name: "ci", issuer: "https://i", audience: "a")
        settings.groupsClaim = "groups"
        settings.claims = ["x": "/k/x", "y": "y"]
        return IssuerClaimsReader(settings)
    }()

    private static func assembled(header: [UInt8], claims: [UInt8]) -> String {
        "\(Base64URL.encode(header)).\(Base64URL.encode(claims)).AAAA"
    }

    private static func checkToken(_ text: String) {
        precondition(ring.payload(of: text, as: .access) == nil, "a token nobody signed")
        guard let jws = CompactJWS(text) else { return }
        let signed = Array(jws.encodedHeader) + [CompactJWS.dot] + Array(jws.encodedPayload)
        let printed = String(decoding: signed, as: UTF8.self) + "." + Base64URL.encode(jws.signature)
        precondition(signed == Array(jws.signedBytes) && printed == text, "a token that changes")
        precondition(text.utf8.count <= CompactJWS.maximumLength, "a token without limit")
        if let header = jws.issuerHeader, let algorithm = Issuer.Algorithm(rawValue: header.algorithm) {
            precondition(!algorithm.rawValue.hasPrefix("HS"), "a shared secret")
        }
        guard let claims = jws.claims else { return }
        if let end = reader.end(claims, now: 1_800_000_000) {
            precondition(end.magnitude <= 1 << 54, "a time without limit")
        }
        guard let identity = reader.identity(claims) else { return }
        let values = identity.claims.values.flatMap { $0 }
        precondition(identity.method == .issuer && identity.name.hasPrefix("ci:"), "somebody else's name")
        precondition(identity.groups.allSatisfy { $0.hasPrefix("ci:") }, "somebody else's group")
        for text in [identity.name] + Array(identity.groups) + values {
            precondition(text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }, "a control character")
        }
    }

    private static func checkOwn(_ payload: [UInt8]) {
        guard !payload.isEmpty else { return }
        let token = ring.sign(payload, as: .access, now: 1_800_000_000)
        precondition(ring.payload(of: token, as: .access) == payload, "what was signed does not come back")
        precondition(ring.payload(of: token, as: .refresh) == nil, "a token of another kind")
        // What is no JSON object of these claims is refused, which is no finding.
        guard let claims = try? decodeBoundedJSON(TokenClaims.self, from: payload), let scopes = claims.scopes else {
            return
        }
        let again = scopes.map(TokenClaims.ResourceActions.init).compactMap(\.scope)
        precondition(again == scopes, "scopes that change")
    }
}
