import EventLoop
import Glibc
import HTTPClient
import Synchronization
import TestSupport
import Testing

@testable import Access

/// Where the keys come from, how long they are kept, and what an issuer that is down means.
struct IssuerKeysTests {
    private let now = 1_800_000_000
    private static let unavailable = AuthenticationError.unavailable(
        reason: "the keys of issuer ci cannot be had at the moment")

    @Test("one fetch for any number of tokens, also at once")
    func coalesced() async throws {
        let key = try await TestKey.es256("k")
        let server = try TestIssuer(key)
        let issuer = try server.issuer()
        let tokens = try (0..<50).map { try key.token(server.payload(#","n":\#($0)"#)) }
        await withTaskGroup { group in
            for token in tokens {
                group.addTask { #expect(await refusal(issuer, token) == nil) }
            }
        }
        #expect(server.fetches == 1)
        #expect(server.server.requests.count == 2)
    }

    @Test("a new key of the issuer is found at once, a flood of unknown ones costs one fetch in 30 seconds")
    func rotation() async throws {
        let (old, new) = (try await TestKey.es256("old"), try await TestKey.es256("new"))
        let server = try TestIssuer(old)
        let issuer = try server.issuer()
        #expect(await refusal(issuer, try old.token(server.payload())) == nil)
        server.behaviour.change { $0.keys = [old.jwk, new.jwk] }
        #expect(await refusal(issuer, try new.token(server.payload()), now: now + 30) == nil)
        #expect(server.fetches == 2)
        let forger = try await TestKey.es256("forged")
        for number in 0..<200 {
            let header = #"{"alg":"ES256","kid":"unknown-\#(number)"}"#
            let token = try forger.token(server.payload(), header: header)
            #expect(await refusal(issuer, token, now: now + 31 + number / 10) != nil)
        }
        #expect(server.fetches == 2)
        let token = try forger.token(server.payload())
        #expect(await refusal(issuer, token, now: now + 60) != nil)
        #expect(server.fetches == 3)
    }

    @Test("a key that the issuer withdraws is no longer believed, remembered tokens included")
    func withdrawn() async throws {
        let (old, new) = (try await TestKey.es256("old"), try await TestKey.es256("new"))
        let server = try TestIssuer(old)
        let issuer = try server.issuer()
        let token = try old.token(server.payload(exp: now + 9000))
        #expect(await refusal(issuer, token) == nil)
        server.behaviour.change { $0.keys = [new.jwk] }
        let later = now + IssuerKeys.lifetime
        // The first request after their lifetime has the old keys fetched anew, and does not wait for it.
        #expect(await refusal(issuer, token, now: later) == nil)
        try await eventually { server.fetches == 2 }
        let end = EventLoop.now + 20
        while await refusal(issuer, token, now: later) == nil {
            try #require(EventLoop.now < end)
            await Task.yield()
        }
    }

    @Test("while the issuer is down its keys are used for some hours, then its tokens are refused")
    func stale() async throws {
        let key = try await TestKey.es256("k")
        let server = try TestIssuer(key)
        let errors = Guarded<[IssuerError]>([])
        let issuer = try Issuer(server.settings(), http: try TestHTTP.client()) { error in
            errors.change { $0.append(error) }
        }
        let token = try key.token(server.payload(exp: now + 100_000))
        #expect(await refusal(issuer, token) == nil)
        server.behaviour.change { $0.status = 503 }
        for age in [IssuerKeys.lifetime, 3600, IssuerKeys.maximumAge - 1] {
            #expect(await refusal(issuer, token, now: now + age) == nil)
        }
        try await eventually { !errors.value.isEmpty }
        #expect(await refusal(issuer, token, now: now + IssuerKeys.maximumAge) == Self.unavailable)
        #expect(
            errors.value[0].description.contains(
                "issuer ci: \(server.url)/.well-known/openid-configuration answered 503"))
        server.behaviour.change { $0.status = 200 }
        #expect(await refusal(issuer, token, now: now + IssuerKeys.maximumAge + 30) == nil)
    }

    @Test("an issuer that is down from the beginning: refused, asked again after 5 seconds")
    func down() async throws {
        let key = try await TestKey.es256("k")
        let server = try TestIssuer(key)
        server.behaviour.change { $0.status = 500 }
        let issuer = try server.issuer()
        let token = try key.token(server.payload())
        for _ in 0..<20 { #expect(await refusal(issuer, token) == Self.unavailable) }
        #expect(server.server.requests.count == 1)
        server.behaviour.change { $0.status = 200 }
        #expect(await refusal(issuer, token, now: now + 4) == Self.unavailable)
        #expect(await refusal(issuer, token, now: now + 5) == nil)
    }

    @Test("a token that cannot be right costs the issuer no request")
    func cheap() async throws {
        let key = try await TestKey.es256("k")
        let server = try TestIssuer(key)
        let issuer = try server.issuer()
        #expect(await refusal(issuer, try key.token(server.payload(aud: #""other""#))) != nil)
        #expect(await refusal(issuer, try key.token(server.payload(exp: 1))) != nil)
        #expect(await refusal(issuer, try key.token(server.payload(), header: #"{"alg":"none","kid":"k"}"#)) != nil)
        #expect(server.server.requests.isEmpty)
    }

    @Test(
        "answers that are no keys",
        arguments: [
            ("{", "no JSON object with issuer"),
            (#"{"issuer":"https://evil.test","jwks_uri":"ORIGIN/keys"}"#, "another"),
            (#"{"issuer":"ORIGIN/","jwks_uri":"ORIGIN/keys"}"#, "another issuer"),
            (#"{"issuer":"ORIGIN"}"#, "no JSON object with issuer"),
            (#"{"issuer":"ORIGIN","jwks_uri":"file:///etc/passwd"}"#, "no https URL"),
            (#"{"issuer":"ORIGIN","jwks_uri":"http://192.168.1.1/keys"}"#, "no https URL"),
            (#"{"issuer":"ORIGIN","issuer":"ORIGIN","jwks_uri":"ORIGIN/keys"}"#, "no JSON object"),
            (#"{"issuer":"ORIGIN","jwks_uri":"ORIGIN/none"}"#, "answered 404"),
            (String(repeating: " ", count: 70_000), "longer"),
        ])
    func discovery(text: String, complaint: String) async throws {
        let server = try TestIssuer(try await TestKey.es256("k"))
        server.behaviour.change { $0.discovery = text }
        let error = await #expect(throws: IssuerError.self) {
            try await fetch(server.settings())
        }
        #expect(error?.description.contains(complaint) == true, "\(error?.description ?? "")")
    }

    @Test(
        "sets that are none, or have no key to use",
        arguments: [
            "", "[]", "{}", #"{"keys":{}}"#, #"{"keys":[]}"#, #"{"keys":[{"kty":"oct","k":"AAAA","kid":"k"}]}"#,
            #"{"keys":[7]}"#, #"{"keys":[],"keys":[]}"#, "{\"keys\":[]}\u{0}",
            #"{"keys":[{"kty":"EC","crv":"P-256","kid":"k","x":"AAAA","y":"AAAA"}]}"#,
            #"{"keys":[{"kty":"RSA","kid":"k","n":"AAAA","e":"AQAB"}]}"#,
            #"{"keys":["# + String(repeating: " ", count: 300_000) + "]}",
        ])
    func sets(text: String) async throws {
        let server = try TestIssuer(try await TestKey.es256("k"))
        server.behaviour.change { $0.keysText = text }
        await #expect(throws: IssuerError.self) {
            try await fetch(server.settings())
        }
    }

    @Test("redirects are not followed")
    func redirects() async throws {
        let server = try TestIssuer(try await TestKey.es256("k"))
        server.behaviour.change { $0.status = 302 }
        await #expect(throws: IssuerError.self) {
            try await fetch(server.settings())
        }
        #expect(server.server.requests.count == 1)
    }

    @Test("an issuer that does not answer is given up")
    func silent() async throws {
        let server = try TestIssuer(try await TestKey.es256("k"))
        server.behaviour.change { $0.isSilent = true }
        let source = IssuerKeySource(
            settings: server.settings(), http: try TestHTTP.client(), limits: TestHTTP.impatient)
        await #expect(throws: IssuerError.self) { try await source.fetch() }
    }

    @Test("keys by URL and from a file, which is read again")
    func sources() async throws {
        let (key, other) = (try await TestKey.es256("k"), try await TestKey.es256("other"))
        let server = try TestIssuer(key)
        let byURL = try server.issuer {
            $0.keysURL = server.url + "/keys"
            $0.issuer = "any text"
        }
        let payload = server.payload().replacing(server.url, with: "any text")
        #expect(await refusal(byURL, try key.token(payload)) == nil)
        #expect(server.server.requests.count == 1)

        let directory = try TemporaryDirectory()
        let path = directory.path + "/keys.json"
        try write(#"{"keys":[\#(key.jwk)]}"#, to: path)
        let byFile = try server.issuer {
            $0.keysFile = path
            $0.issuer = "any text"
        }
        #expect(await refusal(byFile, try key.token(payload)) == nil)
        try write(#"{"keys":[\#(other.jwk)]}"#, to: path)
        #expect(await refusal(byFile, try other.token(payload), now: now + 30) == nil)
        #expect(await refusal(byFile, try key.token(payload), now: now + 30) != nil)
        let missing = server.settings { $0.keysFile = directory.path + "/none" }
        let error = await #expect(throws: IssuerError.self) {
            try await fetch(missing)
        }
        #expect(error?.description.contains(directory.path + "/none") == true)
    }

    @Test("the token file goes to the configured address and nowhere else")
    func tokenFile() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/token"
        try write("secret-token\n", to: path)
        let key = try await TestKey.es256("k")
        let (server, foreign) = (try TestIssuer(key), try TestIssuer(key))
        try await fetch(server.settings { $0.tokenFile = path })
        #expect(
            server.server.requests.map { $0.field("Authorization") } == ["Bearer secret-token", "Bearer secret-token"])
        server.behaviour.change { $0.discovery = #"{"issuer":"ORIGIN","jwks_uri":"\#(foreign.url)/keys"}"# }
        try await fetch(server.settings { $0.tokenFile = path })
        #expect(foreign.server.requests.map { $0.field("Authorization") } == [nil])
    }

    private func fetch(_ settings: Issuer.Settings) async throws {
        _ = try await IssuerKeySource(settings: settings, http: try TestHTTP.client()).fetch()
    }

    private func write(_ text: String, to path: String) throws {
        let file = try #require(fopen(path, "w"))
        fputs(text, file)
        fclose(file)
    }
}
