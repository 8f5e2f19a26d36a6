import TestSupport
import Testing

@testable import stowage

/// What the program says of access settings that are wrong: file, line, and what to do.
@Suite struct AccessComplaintsTests {
    typealias Wrong = ConfigurationComplaintsTests.Wrong

    static let listeners = [
        Wrong(
            "tls:\n  certificate: a\n  key: b\n",
            "@:2: tls.certificate: not used without tls.listen; set it, for example to 0.0.0.0:443"),
        Wrong(
            "tls:\n  listen: 127.0.0.1:0\n",
            "@:2: tls.listen: needs tls.certificate, a PEM file with the certificate and its chain",
            "@:2: tls.listen: needs tls.key, a PEM file with the certificate's private key"),
        Wrong(
            "tls: {listen: 127.0.0.1:0, certificate: a, key: b, clientCertificates: sometimes}\n",
            "@:1: tls.clientCertificates: expected none, optional or required (found \"sometimes\")"),
        Wrong(
            "tls: {listen: 127.0.0.1:0, certificate: a, key: b, clientCertificates: required}\n",
            "@:1: tls.clientCertificates: needs tls.clientCA, a PEM file with the certificates that sign those of clients"
        ),
        Wrong(
            "tls: {listen: 127.0.0.1:0, certificate: a, key: b, clientCA: c}\n",
            "@:1: tls.clientCA: not used with clientCertificates: none; set optional or required"),
        Wrong(
            "listen: 127.0.0.1:7\ntls: {listen: 127.0.0.1:7, certificate: a, key: b}\n",
            "@:2: tls.listen: listen has the same address; give TLS a port of its own"),
        Wrong(
            "tls: {listen: 0.0.0.0:0, certificate: a, key: b}\n",
            """
            @:1: tls.listen: 0.0.0.0:0 can be reached from other machines and there are no access rules; set up logins \
            or rules (access), listen on 127.0.0.1, or let everybody in with --allow-anonymous
            """),
        Wrong(
            "allowAnonymous: true\naccess:\n  htpasswd:\n    file: x\n",
            """
            @:1: allowAnonymous: access has logins or rules, which say who gets in; leave this out, and let anonymous \
            callers in by a rule
            """),
    ]

    static let entries = [
        Wrong("proxies: 10.0.0.1\n", "@:1: proxies: expected a list"),
        Wrong(
            "proxies:\n  - 10.0.0.0/8\n  - 10.0.0.1/8\n",
            "@:3: proxies: expected an address or a network, such as 10.0.0.0/8 or ::1 (found \"10.0.0.1/8\")"),
        Wrong("proxies: [[a]]\n", "@:1: proxies: expected a text"),
        Wrong("access:\n  rules: {who: x}\n", "@:2: access.rules: expected a list"),
        Wrong("access:\n  groups: [a]\n", "@:2: access.groups: expected entries as NAME: VALUE"),
        Wrong(
            "access:\n  rules:\n    - pull\n",
            "@:3: access.rules: expected an entry with who, allow, deny, repositories, tags"),
        Wrong(
            "access:\n  rules:\n    - who: [anonymous]\n      allows: [pull]\n      allow: [pull]\n",
            "@:4: access.rules: allows: unknown; there are who, allow, deny, repositories, tags"),
        Wrong(
            "access:\n  rules:\n    - who: [anonymous]\n      allow: [pull]\n      deny: [push]\n",
            "@:5: access.rules: a rule either allows or denies; make two of it"),
        Wrong(
            "access:\n  rules:\n    - allow: [pull]\n",
            "@:3: access.rules: a rule needs who, such as [authenticated] or ['user:alice']"),
        Wrong(
            "access:\n  rules:\n    - who: anonymous\n",
            "@:3: access.rules: a rule needs allow or deny, such as allow: [pull]"),
        Wrong(
            "access:\n  rules:\n    - {who: [], allow: [pull]}\n",
            "@:3: access.rules: who: is an empty list, so that the rule never applies"),
        Wrong(
            "access:\n  issuers:\n    - {name: ci, issuer: 'https://x'}\n",
            "@:3: access.issuers: an issuer needs audience, such as registry.example.com"),
        Wrong(
            "access:\n  issuers:\n    - name: ci\n      uri: x\n      issuer: 'https://x'\n      audience: y\n",
            """
            @:4: access.issuers: uri: unknown; there are name, issuer, audience, algorithms, keysURL, keysFile, caFile, \
            tokenFile, nameClaim, groupsClaim, claims, requiredClaims, maximumAge
            """),
    ]

    static let issuers = [
        Wrong(
            "access:\n  issuers:\n    - name: ci\n      issuer: https://a\n      audience:\n",
            "@:5: access.issuers: audience: expected a text"),
        Wrong(
            "access:\n  issuers:\n    - {name: ci, issuer: 'http://ci.example', audience: x}\n",
            """
            @:3: access.issuers: issuer: "http://ci.example" is no https URL; http is for this machine's own addresses \
            only, and keysFile for keys that are not to be fetched
            """),
        Wrong(
            "access:\n  issuers:\n    - {name: ci, issuer: 'https://a', audience: x}\n    - {name: ci, issuer: 'https://b', audience: x}\n",
            "@:4: access.issuers: ci is the name of two issuers; give each its own"),
        Wrong(
            "access:\n  issuers:\n    - name: ci\n      issuer: https://a\n      audience: x\n      algorithms: [RS256, HS256]\n",
            """
            @:6: access.issuers: algorithms: HS256 is none of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, \
            ES512, EdDSA
            """),
        Wrong(
            "access:\n  issuers:\n    - name: c/i\n      issuer: https://a\n      audience: x\n",
            "@:3: access.issuers: name: \"c/i\" is not made of letters, digits, '-', '_' and '.'"),
    ]

    /// Names that would stand for something else, and issuers whose tokens could not be told apart.
    static let clashes =
        ["cert", "robot", "anonymous", "authenticated", "everybody", "user", "group", "claim"].map { name in
            Wrong(
                "access:\n  issuers:\n    - issuer: https://a\n      audience: x\n      name: \(name)\n",
                "@:5: access.issuers: name: \"\(name)\" has a meaning of its own in names and rules; choose another")
        } + [
            Wrong(
                """
                access:
                  issuers:
                    - {name: one, issuer: 'https://a', audience: x}
                    - name: two
                      issuer: https://a
                      audience: y

                """,
                """
                @:5: access.issuers: issuer: that of one is the same, so that tokens of the two cannot be told apart; \
                make one entry of them
                """)
        ]

    static let rules = [
        Wrong(
            "access:\n  groups:\n    dev: [alice]\n  rules:\n    - who:\n        - group:dev\n        - group:devs\n      allow: pull\n",
            "@:7: access.rules: who: names the unknown group \"devs\"; known are dev"),
        Wrong(
            "access:\n  rules:\n    - {who: ['claim:github:ref=main'], allow: [pull]}\n",
            "@:3: access.rules: who: names the unknown issuer \"github\"; none is known"),
        Wrong(
            "access:\n  rules:\n    - {who: [alice], allow: [pull]}\n",
            """
            @:3: access.rules: who: "alice" is nobody: expected user:NAME, group:NAME, claim:ISSUER:NAME=VALUE, \
            anonymous, authenticated or everybody
            """),
        Wrong(
            "access:\n  rules:\n    - {who: [anonymous], allow: [pull, write]}\n",
            """
            @:3: access.rules: allow: "write" is no action: expected one of pull, push, overwrite, delete, admin
            """),
        Wrong(
            "access:\n  rules:\n    - who: [anonymous]\n      allow: [pull]\n      repositories:\n        - team/**\n        - Team/*\n",
            "@:7: access.rules: repositories: \"Team/*\" can match no repository: names have no upper-case letters"),
        Wrong(
            "access:\n  rules:\n    - {who: [anonymous], allow: [pull], repositories: [a**]}\n",
            "@:3: access.rules: repositories: \"a**\" is no pattern: \"**\" stands alone between slashes"),
        Wrong(
            "access:\n  groups:\n    dev:\n      - alice\n      - gitlab:x\n",
            "@:5: access.groups: dev: names the unknown issuer \"gitlab\"; none is known"),
        // Each rule that is wrong is named.
        Wrong(
            "access:\n  rules:\n    - {who: [x], allow: [pull]}\n    - {who: [anonymous], deny: [x]}\n",
            """
            @:3: access.rules: who: "x" is nobody: expected user:NAME, group:NAME, claim:ISSUER:NAME=VALUE, anonymous, \
            authenticated or everybody
            """,
            "@:4: access.rules: deny: \"x\" is no action: expected one of pull, push, overwrite, delete, admin"),
    ]

    static let values = [
        Wrong(
            "access:\n  challenge: digest\n", "@:2: access.challenge: expected bearer or basic (found \"digest\")"),
        Wrong("access:\n  tokens:\n    lifetime: 5s\n", "@:3: access.tokens.lifetime: expected 1m to 1d"),
        Wrong(
            "access:\n  tokens:\n    externalURL: registry.example\n",
            """
            @:3: access.tokens.externalURL: expected http://HOST[:PORT] or https://HOST[:PORT], without a path \
            (found "registry.example")
            """),
        Wrong(
            "access:\n  tokens:\n    service: 'a\"b'\n",
            """
            @:3: access.tokens.service: expected a name without spaces and quotes, such as registry.example.com \
            (found "a\\"b")
            """),
        Wrong("limits:\n  burst: 5\n", "@:2: limits.burst: not used without limits.requestsPerSecond"),
        Wrong(
            "limits:\n  requestsPerSecond: -1\n",
            "@:2: limits.requestsPerSecond: expected 1 to 1000000, or 0 for no limit"),
        Wrong(
            "limits:\n  sentBytesPerSecond: 1KiB\n",
            "@:2: limits.sentBytesPerSecond: expected at least 64KiB, or 0 for no limit"),
        Wrong("audit: x\n", "@:1: audit: expected a group of settings, not a value"),
    ]

    @Test(arguments: listeners + entries + issuers + clashes + rules + values)
    func says(_ wrong: ConfigurationComplaintsTests.Wrong) throws {
        let file = try TemporaryFile(wrong.text)
        #expect(ConfigurationComplaintsTests.complaints(file.path) == wrong.complaints)
    }

    /// A list has no spelling as one text.
    @Test(arguments: [
        ("STOWAGE_PROXIES", "proxies"), ("STOWAGE_ACCESS_RULES", "access.rules"),
        ("STOWAGE_ACCESS_GROUPS", "access.groups"), ("STOWAGE_ACCESS_ISSUERS", "access.issuers"),
    ])
    func aListIsInTheFileOnly(_ variable: String, _ setting: String) {
        #expect(throws: ConfigurationError("\(variable): \(setting): can be set in the file only")) {
            try ConfigurationLoader.load(file: nil, environment: [variable: "x"])
        }
    }

    @Test func nothingBehindAListIsAnEmptyOne() throws {
        let file = try TemporaryFile("proxies:\naccess:\n  rules: ~\n  groups:\n  issuers: []\n")
        #expect(try ConfigurationLoader.load(file: file.path, environment: [:]).configuration == Configuration())
    }
}
