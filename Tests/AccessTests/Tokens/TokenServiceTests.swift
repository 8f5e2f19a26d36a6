import OCI
import OpenSSL
import TestSupport
import Testing

@testable import Access

/// This registry's own tokens: what comes back, and nothing else.
struct TokenServiceTests {
    private static let key = SigningKey(secret: sampleBytes(32))
    private let now = 1_800_000_000
    private let service = TokenService(keys: [key], service: "registry.test")
    private let identity = Identity(
        .issuer, name: "gh:repo:octo/app", groups: ["gh:main", "builders"],
        claims: ["gh:ref": ["refs/heads/main", "ü \"\\\u{1}"]])

    private func sample(expiry: Int) throws -> AccessToken {
        let scopes = [
            TokenScope(.repository(try RepositoryName("team/app")), actions: ["pull", "push"]),
            TokenScope(.catalog, actions: ["*"]),
        ]
        return AccessToken(identity: identity, scopes: scopes, fingerprint: "f1", expiry: expiry)
    }

    private func claims(_ change: (inout TokenClaims) -> Void) -> [UInt8] {
        var claims = TokenClaims(
            iss: "registry.test", aud: "registry.test", sub: "alice", iat: now, nbf: now, exp: now + 60, jti: "1",
            access: [], method: .password, groups: [], claims: [:], fingerprint: "")
        change(&claims)
        return encodeJSON(claims)
    }

    /// Whether a token with this payload, rightly signed, is accepted.
    private func accepts(_ payload: [UInt8]) async -> Bool {
        let token = TokenKeyRing([Self.key]).sign(payload, as: .access, now: now)
        return (try? await service.verify(access: token, now: now)) != nil
    }

    @Test("what a token was made of comes back, also from another replica with the same keys")
    func roundTrip() async throws {
        let token = try sample(expiry: now + 300)
        let text = try await service.access(token, now: now)
        let replica = TokenService(keys: [Self.key], service: "registry.test")
        for service in [service, replica, service] {
            let seen = try await service.verify(access: text, now: now + 299)
            #expect(seen.identity == identity)
            #expect(seen.scopes == token.scopes)
            #expect((seen.fingerprint, seen.expiry) == ("f1", now + 300))
        }
        let refresh = try await service.refresh(identity, fingerprint: "f2", lifetime: 1000, now: now)
        let known = try await replica.verify(refresh: refresh, now: now + 999)
        #expect(known.identity == identity)
        #expect(known.fingerprint == "f2")
    }

    @Test("a token carries the claims of distribution's specification, and no two are alike")
    func shape() async throws {
        let texts = [
            try await service.access(sample(expiry: now + 300), now: now),
            try await service.access(sample(expiry: now + 300), now: now),
        ]
        #expect(texts[0] != texts[1])
        let parts = texts[0].split(separator: ".")
        let payload = try #require(Base64URL.decode(String(parts[1])))
        let claims = try decodeBoundedJSON(TokenClaims.self, from: payload)
        #expect((claims.iss, claims.aud, claims.sub) == ("registry.test", "registry.test", "gh:repo:octo/app"))
        #expect((claims.iat, claims.nbf, claims.exp) == (now, now, now + 300))
        #expect(claims.jti.utf8.count == 16)
        #expect(claims.access.map(\.type) == ["repository", "registry"])
        #expect(claims.access.map(\.name) == ["team/app", "catalog"])
        #expect(claims.access.map(\.actions) == [["pull", "push"], ["*"]])
    }

    @Test("an access token is no refresh token, and the other way round")
    func kinds() async throws {
        let access = try await service.access(sample(expiry: now + 300), now: now)
        let refresh = try await service.refresh(identity, fingerprint: "", lifetime: 1000, now: now)
        await #expect(throws: AuthenticationError.self) { try await service.verify(refresh: access, now: now) }
        await #expect(throws: AuthenticationError.self) { try await service.verify(access: refresh, now: now) }
    }

    @Test("a token ends when it says, remembered or not")
    func expiry() async throws {
        let text = try await service.access(sample(expiry: now + 300), now: now)
        let expired = AuthenticationError.rejected(reason: "the token has expired")
        await #expect(throws: expired) { try await service.verify(access: text, now: now + 300) }
        _ = try await service.verify(access: text, now: now + 299)
        await #expect(throws: expired) { try await service.verify(access: text, now: now + 300) }
        let refresh = try await service.refresh(identity, fingerprint: "", lifetime: 10, now: now)
        await #expect(throws: expired) { try await service.verify(refresh: refresh, now: now + 10) }
    }

    @Test("rightly signed and still wrong")
    func claims() async throws {
        #expect(await accepts(claims { _ in }))
        #expect(await accepts(claims { $0.nbf = now + 60 }))
        #expect(await !accepts(claims { $0.nbf = now + 61 }))
        #expect(await !accepts(claims { $0.iat = now + 61 }))
        #expect(await !accepts(claims { $0.exp = now }))
        #expect(await !accepts(claims { $0.aud = "other.test" }))
        #expect(await !accepts(claims { $0.aud = "registry.test/token" }))
        #expect(await !accepts(claims { $0.iss = "other.test" }))
        #expect(await !accepts(claims { $0.access = [.init(type: "repository", name: "../x", actions: [])] }))
        #expect(await !accepts(claims { $0.access = [.init(type: "plugin", name: "x", actions: ["*"])] }))
        let whole = String(decoding: claims { _ in }, as: UTF8.self)
        for (part, other) in [
            (#""sub":"alice""#, #""sub":"alice","sub":"bob""#), (#""sub":"alice""#, #""sub":"alice","\u0073ub":"bob""#),
            (#","sub":"alice""#, ""), (#""sub":"alice""#, #""sub":7"#), (#""aud":"registry.test""#, #""aud":null"#),
            (#""exp":1800000060"#, #""exp":"1800000060""#), ("}", ""), ("}", "}x"), ("}", "},"),
        ] {
            let changed = whole.replacing(part, with: other)
            #expect(changed != whole)
            #expect(await !accepts(Array(changed.utf8)), "\(changed)")
        }
        #expect(await !accepts(claims { _ in }.map { $0 == UInt8(ascii: "l") ? 0xff : $0 }))
    }

    @Test("no key but those of the ring signs, and a key that is gone takes its tokens with it")
    func keys() async throws {
        let other = SigningKey(secret: sampleBytes(33))
        let foreign = TokenService(keys: [other], service: "registry.test")
        let text = try await foreign.access(sample(expiry: now + 300), now: now)
        await #expect(throws: AuthenticationError.self) { try await service.verify(access: text, now: now) }
        service.use([Self.key, other])
        _ = try await service.verify(access: text, now: now)
        service.use([Self.key])
        await #expect(throws: AuthenticationError.self) { try await service.verify(access: text, now: now) }
    }

    @Test("an identity that does not fit in a token gets none")
    func size() async throws {
        let large = Identity(.issuer, name: "x", groups: Set((0..<2000).map { "group-\($0)" }))
        let token = AccessToken(identity: large, scopes: [], fingerprint: "", expiry: now + 60)
        await #expect(throws: AuthenticationError.self) { try await service.access(token, now: now) }
    }
}
