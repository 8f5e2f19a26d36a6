import TestSupport
import Testing

@testable import Access

/// Settings of issuers, and the sentences for what is wrong with them.
struct IssuerSettingsTests {
    @Test("what is right has no problems")
    func right() {
        for url in [
            "https://token.actions.githubusercontent.com", "https://gitlab.example.com/", "https://a:8443/realms/x",
            "http://127.0.0.1:8080", "http://localhost/x", "http://[::1]:80",
        ] {
            #expect(Issuer.Settings(name: "git-hub.1_x", issuer: url, audience: "a").problems == [])
        }
        var settings = Issuer.Settings(name: "k", issuer: "kubernetes/serviceaccount", audience: "a")
        settings.keysFile = "/etc/keys"
        #expect(settings.problems == [])
        settings.claims = ["x": "/a/b", "y": "https://claims.test/groups", "z": "/a~1b"]
        #expect(settings.problems == [])
    }

    @Test(
        "an address keys are not fetched from",
        arguments: [
            "token.actions.githubusercontent.com", "http://example.com", "http://127.0.0.1.example.com",
            "http://127.1", "http://localhost.example.com", "https://", "https://user@host", "https://a b", "ftp://a",
            "https://a/#x", "http://10.0.0.1", "http://169.254.169.254/latest", "https://a\\@b",
        ])
    func addresses(url: String) throws {
        let problems = Issuer.Settings(name: "x", issuer: url, audience: "a").problems
        #expect(problems.count == 1 && problems[0].hasPrefix("issuer: \"\(url)\" is no https URL"))
        #expect(throws: IssuerError.self) {
            try Issuer(.init(name: "x", issuer: url, audience: "a"), http: try TestHTTP.client())
        }
    }

    @Test("other mistakes")
    func mistakes() {
        for (prefix, change) in [
            ("name:", { $0.name = "a:b" }), ("name:", { $0.name = "" }), ("issuer:", { $0.issuer = "" }),
            ("audience:", { $0.audience = "" }), ("algorithms:", { $0.algorithms = [] }),
            ("maximumAge:", { $0.maximumAge = -1 }), ("nameClaim:", { $0.nameClaim = "" }),
            ("groupsClaim:", { $0.groupsClaim = "/a~b" }), ("claims:", { $0.claims = ["x": ""] }),
            ("requiredClaims:", { $0.requiredClaims = ["/~~01": "v"] }), ("keysURL:", { $0.keysURL = "http://a" }),
            ("keysURL and keysFile:", { ($0.keysURL, $0.keysFile) = ("https://a", "b") }),
        ] as [(String, (inout Issuer.Settings) -> Void)] {
            var settings = Issuer.Settings(name: "x", issuer: "https://a", audience: "a")
            change(&settings)
            #expect(settings.problems.count == 1 && settings.problems[0].hasPrefix(prefix), "\(settings.problems)")
        }
    }

    @Test("no shared secret can be allowed")
    func algorithms() {
        #expect(!Issuer.Algorithm.allCases.contains { $0.rawValue.hasPrefix("HS") || $0.rawValue == "none" })
    }
}
