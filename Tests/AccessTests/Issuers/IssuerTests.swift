import TestSupport
import Testing

@testable import Access

/// Tokens of issuers, and who they make of whoever holds them.
struct IssuerTests {
    private let now = 1_800_000_000

    @Test("GitHub Actions: subject, and claims for rules")
    func gitHub() async throws {
        let key = try await TestKey.rs256("k1")
        let server = try TestIssuer(key)
        let issuer = try server.issuer {
            $0.name = "github"
            $0.claims = ["ref": "ref", "owner": "repository_owner", "absent": "nothing", "private": "is_private"]
            $0.groupsClaim = "repository_owner"
            $0.requiredClaims = ["repository_owner": "octo"]
        }
        let more =
            #","repository_owner":"octo","repository":"octo/app","ref":"refs/heads/main","is_private":true,"#
            + #""jti":"1","workflow":"CI","run_attempt":"2""#
        let token = try key.token(server.payload(more))
        #expect(issuer.isNamed(in: token))
        let identity = try await issuer.identity(of: token, now: now)
        #expect(identity.method == .issuer)
        #expect(identity.name == "github:repo:octo/app")
        #expect(identity.groups == ["github:octo"])
        #expect(
            identity.claims == [
                "github:ref": ["refs/heads/main"], "github:owner": ["octo"], "github:private": ["true"],
            ])
        let other = try key.token(server.payload(more.replacing(#""octo""#, with: #""evil""#)))
        #expect(await refusal(issuer, other) != nil)
    }

    @Test("a required value is that text, not one that looks the same")
    func requiredSpelling() async throws {
        let key = try await TestKey.es256("k")
        let server = try TestIssuer(key)
        let issuer = try server.issuer { $0.requiredClaims = ["team": "K"] }
        #expect(await refusal(issuer, try key.token(server.payload(#","team":["J","K"]"#))) == nil)
        #expect(await refusal(issuer, try key.token(server.payload(#","team":"\u212a""#))) != nil)
    }

    @Test("Kubernetes: an audience in a list, nested claims, no typ")
    func kubernetes() async throws {
        let key = try await TestKey.rs256("k8s")
        let server = try TestIssuer(key)
        let issuer = try server.issuer {
            $0.nameClaim = "/kubernetes.io/serviceaccount/name"
            $0.groupsClaim = "/kubernetes.io/namespace"
            $0.claims = ["node": "/kubernetes.io/node/name", "odd": "/a~1b/~0c"]
        }
        let more =
            #","a/b":{"~c":["x","y"]},"kubernetes.io":{"namespace":"build","node":{"name":"n1"},"#
            + #""serviceaccount":{"name":"pusher","uid":"u"},"warnafter":1800003607}"#
        let token = try key.token(
            server.payload(more, aud: #"["https://other","registry.test"]"#), header: #"{"alg":"RS256","kid":"k8s"}"#)
        let identity = try await issuer.identity(of: token, now: now)
        #expect(identity.name == "ci:pusher")
        #expect(identity.groups == ["ci:build"])
        #expect(identity.claims == ["ci:node": ["n1"], "ci:odd": ["x", "y"]])
    }

    @Test("GitLab and others: lists of groups, ES256 and EdDSA")
    func algorithms() async throws {
        for key in [try await TestKey.es256("a"), try await TestKey.edDSA("b")] {
            let server = try TestIssuer(key)
            let issuer = try server.issuer {
                $0.groupsClaim = "groups_direct"
                $0.nameClaim = "project_path"
            }
            let more = #","groups_direct":["team","team/sub"],"project_path":"team/app""#
            let identity = try await issuer.identity(of: key.token(server.payload(more)), now: now)
            #expect(identity.name == "ci:team/app")
            #expect(identity.groups == ["ci:team", "ci:team/sub"])
        }
    }

    @Test("times")
    func times() async throws {
        let key = try await TestKey.es256("k")
        let server = try TestIssuer(key)
        let issuer = try server.issuer()
        let limited = try server.issuer { $0.maximumAge = 100 }
        let expired = AuthenticationError.rejected(reason: "the token has expired")
        let token = try key.token(server.payload())
        #expect(await refusal(issuer, token, now: now - 60) == nil)
        #expect(await refusal(issuer, try key.token(server.payload(#","x":1"#)), now: now - 61) != nil)
        #expect(await refusal(issuer, token, now: now + 359) == nil)
        #expect(await refusal(issuer, token, now: now + 360) == expired)
        #expect(await refusal(issuer, try key.token(server.payload(#","x":2"#)), now: now + 360) == expired)
        #expect(await refusal(limited, token, now: now + 159) == nil)
        #expect(await refusal(limited, token, now: now + 160) == expired)
        #expect(await refusal(limited, try key.token(server.payload(#","x":3"#)), now: now + 160) == expired)
    }

    @Test(
        "claims that are missing, of the wrong type, or another's",
        arguments: [
            (#""iss":"ISSUER","#, ""), (#""iss":"ISSUER""#, #""iss":"ISSUER/""#),
            (#""iss":"ISSUER""#, #""iss":["ISSUER"]"#),
            (#""aud":"registry.test","#, ""), (#""aud":"registry.test""#, #""aud":"registry.test2""#),
            (#""aud":"registry.test""#, #""aud":[]"#), (#""aud":"registry.test""#, #""aud":["other"]"#),
            (#""aud":"registry.test""#, #""aud":["registry.test",7]"#), (#""aud":"registry.test""#, #""aud":null"#),
            (#""sub":"repo:octo/app","#, ""), (#""sub":"repo:octo/app""#, #""sub":"""#),
            (#""sub":"repo:octo/app""#, #""sub":["x"]"#), (#""sub":"repo:octo/app""#, #""sub":"a\nb""#),
            (#""sub":"repo:octo/app""#, #""sub":"\u0301x""#), (#""sub":"repo:octo/app""#, #""sub":"\u1715""#),
            (#""sub":"repo:octo/app""#, #""sub":"x","sub":"repo:octo/app""#),
            (#""sub":"repo:octo/app""#, #""sub":"x","\u0073ub":"repo:octo/app""#),
            (#","exp":1800000300"#, ""), (#""exp":1800000300"#, #""exp":"1800000300""#),
            (#""exp":1800000300"#, #""exp":1e300"#), (#""exp":1800000300"#, #""exp":-1"#),
            (#""iat":1800000000"#, #""iat":1800000061"#), (#""nbf":1800000000"#, #""nbf":1800000061"#),
            (#""nbf":1800000000"#, #""nbf":null"#), ("}", ""), ("}", "},"), ("}", "}}"),
        ])
    func wrongClaims(change: (String, String)) async throws {
        let key = try await TestKey.es256("k")
        let server = try TestIssuer(key)
        let right = server.payload()
        let wrong = right.replacing(
            change.0.replacing("ISSUER", with: server.url), with: change.1.replacing("ISSUER", with: server.url))
        #expect(right != wrong)
        let issuer = try server.issuer()
        #expect(await refusal(issuer, try key.token(right)) == nil)
        let error = await refusal(issuer, try key.token(wrong))
        #expect(
            error == .rejected(reason: "the token is not valid") || error == .rejected(reason: "the token has expired"))
    }

    @Test("a token that names another issuer is not this one's")
    func names() async throws {
        let key = try await TestKey.es256("k")
        let (one, other) = (try TestIssuer(key), try TestIssuer(key))
        let token = try key.token(one.payload())
        #expect(try one.issuer().isNamed(in: token))
        #expect(try !other.issuer().isNamed(in: token))
        for text in ["", ".", "..", "a.b.c", "e30.e30.AA", String(repeating: ".", count: 1 << 20)] {
            #expect(try !one.issuer().isNamed(in: text))
        }
    }
}
