import OCI
import Testing

@testable import Access

struct PolicyTests {
    private static let alice = Identity(.password, name: "alice")
    private static let team = ["team/app", "team/a/b"]

    private func allowed(
        _ policy: Policy, _ who: Identity, _ action: Action, _ repository: String, _ tag: String? = nil
    ) throws -> Bool {
        try policy.decide(who, action, in: RepositoryName(repository), tag: tag.map { try Tag($0) }).isAllowed
    }

    @Test func withoutRulesLoginsDecide() throws {
        for action in Action.allCases {
            for (policy, who, expected) in [
                (Policy.open, Identity.anonymous, true), (.open, Self.alice, true),
                (.authenticated, .anonymous, false), (.authenticated, Self.alice, true),
                (try Policy(rules: []), Self.alice, false), (try Policy(rules: []), .anonymous, false),
            ] {
                let name = try RepositoryName("a")
                #expect(policy.decide(who, action, in: name) == policy.decide(who, action, in: name, tag: try Tag("x")))
                #expect(policy.decide(who, action, in: name).isAllowed == expected)
                #expect(policy.decide(who, action, in: name).rule == nil)
                #expect(policy.mayEver(who, action, in: name) == expected)
                #expect(policy.allowsEverywhere(who, action) == expected)
                #expect(policy.allowsAnything(who) == expected)
                #expect(policy.decideAdmin(who).isAllowed == expected)
            }
        }
    }

    private static let subjects: [(subject: String, yes: [Identity], no: [Identity])] = [
        ("anonymous", [.anonymous], [alice]), ("authenticated", [alice], [.anonymous]),
        ("everybody", [alice, .anonymous], []),
        ("user:alice", [alice], [.anonymous, Identity(.password, name: "alice2"), Identity(.password, name: "Alice")]),
        ("user:al*", [alice], [Identity(.password, name: "bob"), Identity(.issuer, name: "al:x")]),
        ("user:*", [alice, Identity(.robot, name: "robot+ci")], [.anonymous, Identity(.issuer, name: "github:x")]),
        ("user:robot+*", [Identity(.robot, name: "robot+ci")], [alice]),
        // Swift takes the Kelvin sign for the same text as the letter.
        ("user:K", [Identity(.password, name: "K")], [Identity(.password, name: "\u{212A}")]),
        ("group:kelvin", [Identity(.password, name: "K")], [Identity(.password, name: "\u{212A}")]),
        (
            "user:github:repo:org/app:*", [Identity(.issuer, name: "github:repo:org/app:ref:refs/heads/main")],
            [Identity(.issuer, name: "github:repo:org/app2:x"), Identity(.issuer, name: "gitlab:repo:org/app:x")]
        ),
        ("user:cert:*", [Identity(.certificate, name: "cert:node")], [Identity(.password, name: "cert")]),
        (
            "group:dev", [alice, Identity(.issuer, name: "github:repo:org/x")],
            // A token may still say what the configuration no longer does.
            [Identity(.password, name: "bob", groups: ["dev"]), .anonymous]
        ),
        (
            "group:github:dev", [Identity(.issuer, name: "github:x", groups: ["github:dev"])],
            [alice, Identity(.issuer, name: "gitlab:x", groups: ["gitlab:dev", "dev"])]
        ),
        (
            "claim:github:ref=refs/heads/*",
            [Identity(.issuer, name: "github:x", claims: ["github:ref": ["a", "refs/heads/a/b"]])],
            [
                alice, Identity(.issuer, name: "github:x", claims: ["github:ref": ["refs/tags/v1"]]),
                Identity(.issuer, name: "gitlab:x", claims: ["gitlab:ref": ["refs/heads/a"]]),
                Identity(.anonymous, name: "", claims: ["github:ref": ["refs/heads/a"]]),
            ]
        ),
    ]

    @Test(arguments: subjects)
    func whoIsMeant(subject: String, yes: [Identity], no: [Identity]) throws {
        let policy = try Policy(
            rules: [Rule(subjects: [subject], allow: ["pull"])],
            groups: ["dev": ["alice", "github:repo:org/*"], "kelvin": ["K"]], issuers: ["github", "gitlab"])
        for who in yes { #expect(try allowed(policy, who, .pull, "a"), "\(who)") }
        for who in no { #expect(try !allowed(policy, who, .pull, "a"), "\(who)") }
    }

    @Test func theFirstRuleThatAppliesDecides() throws {
        let policy = try Policy(rules: [
            Rule(subjects: ["user:alice"], allow: ["pull"], repositories: ["team/secret"]),
            Rule(subjects: ["everybody"], deny: ["pull"], repositories: ["team/secret", "team/hidden/**"]),
            Rule(subjects: ["authenticated"], allow: ["pull"], repositories: ["team/**"]),
        ])
        let bob = Identity(.password, name: "bob")
        for (who, repository, allowed, rule) in [
            (Self.alice, "team/secret", true, 0), (bob, "team/secret", false, 1),
            (Self.alice, "team/hidden/x", false, 1),
            (bob, "team/x", true, 2), (.anonymous, "team/x", false, nil), (bob, "team", false, nil),
            (bob, "team-evil/x", false, nil),
        ] as [(Identity, String, Bool, Int?)] {
            let decision = policy.decide(who, .pull, in: try RepositoryName(repository))
            #expect(decision.isAllowed == allowed && decision.rule == rule, "\(who.name) \(repository)")
        }
        #expect(try !allowed(policy, Self.alice, .push, "team/secret"))
        #expect(
            policy.summary(of: policy.decide(bob, .pull, in: try RepositoryName("team/x")))
                == "rule 3 (allow pull to authenticated in team/**)")
        #expect(policy.summary(of: policy.decide(bob, .pull, in: try RepositoryName("x"))) == "no rule allows it")
    }

    private static let tagged: [(String, [(action: Action, tag: String?, allowed: Bool)])] = [
        (
            "allow v*",
            [
                (.push, "v1", true), (.push, "x", false), (.push, nil, true), (.pull, "v1", true), (.pull, nil, true),
                (.overwrite, "v1", true), (.overwrite, "x", false), (.delete, "v1", true), (.delete, "x", false),
                // What one tag may, the others of the same manifest must not suffer from.
                (.delete, nil, false),
            ]
        ),
        (
            "deny v*, allow all",
            [
                (.push, "v1", false), (.push, "x", true), (.push, nil, true), (.pull, nil, true), (.pull, "v1", false),
                (.overwrite, "v1", false), (.delete, "v1", false), (.delete, "x", true), (.delete, nil, false),
            ]
        ),
    ]

    @Test(arguments: tagged)
    func tagsAndContent(rules: String, rows: [(action: Action, tag: String?, allowed: Bool)]) throws {
        let actions = ["pull", "push", "overwrite", "delete"]
        let policy =
            rules == "allow v*"
            ? try Policy(rules: [Rule(subjects: ["user:alice"], allow: actions, tags: ["v*"])])
            : try Policy(rules: [
                Rule(subjects: ["user:alice"], deny: actions, tags: ["v*"]),
                Rule(subjects: ["user:alice"], allow: actions),
            ])
        for row in rows {
            #expect(try allowed(policy, Self.alice, row.action, "a", row.tag) == row.allowed, "\(row)")
        }
    }

    @Test func adminIsAboutTheServer() throws {
        let policy = try Policy(rules: [
            Rule(subjects: ["user:alice"], allow: ["admin"]), Rule(subjects: ["authenticated"], allow: ["pull"]),
        ])
        #expect(policy.decideAdmin(Self.alice) == Policy.Decision(isAllowed: true, rule: 0))
        #expect(policy.decideAdmin(Identity(.password, name: "bob")) == Policy.Decision(isAllowed: false, rule: nil))
        #expect(try allowed(policy, Self.alice, .admin, "any/repository"))
        #expect(policy.allowsEverywhere(Self.alice, .admin) && !policy.allowsEverywhere(Self.alice, .push))
        let onlyAdmin = try Policy(rules: [Rule(subjects: ["everybody"], allow: ["admin"])])
        #expect(!onlyAdmin.allowsAnything(Self.alice) && !onlyAdmin.allowsAnything(.anonymous))
    }

    private static func rule(_ isAllow: Bool, _ repositories: [String]? = nil, tags: [String]? = nil) throws -> Rule {
        try Rule(
            subjects: ["user:alice"], allow: isAllow ? ["pull"] : nil, deny: isAllow ? nil : ["pull"],
            repositories: repositories, tags: tags)
    }

    @Test func everywhereIsEveryRepository() throws {
        let everywhere = try [
            [Self.rule(true)], [Self.rule(true, ["**"])], [Self.rule(true, ["a", "**"])],
            [Self.rule(true), Self.rule(false)], [Self.rule(true, ["a"]), Self.rule(true, ["**"])],
            // Tags do not matter for content.
            [Self.rule(false, tags: ["*"]), Self.rule(true)], [Self.rule(true, tags: ["v*"])],
            // Somebody else's rule.
            [Rule(subjects: ["user:bob"], deny: ["pull"]), Self.rule(true)],
            [Rule(subjects: ["user:alice"], deny: ["push"]), Self.rule(true)],
        ]
        for rules in everywhere {
            #expect(try Policy(rules: rules).allowsEverywhere(Self.alice, .pull), "\(rules)")
            #expect(try !Policy(rules: rules).allowsEverywhere(.anonymous, .pull), "\(rules)")
        }
        let notEverywhere = try [
            [], [Self.rule(true, ["*"])], [Self.rule(true, ["*/**"])], [Self.rule(true, ["*", "*/**"])],
            [Self.rule(false, ["one/repository"]), Self.rule(true)], [Self.rule(false)],
            [Rule(subjects: ["everybody"], deny: ["pull"], repositories: ["secret/**"]), Self.rule(true)],
        ]
        for rules in notEverywhere {
            #expect(try !Policy(rules: rules).allowsEverywhere(Self.alice, .pull), "\(rules)")
        }
    }

    @Test func anythingIsAnyRepository() throws {
        let anything = try [
            [Self.rule(true, ["a"], tags: ["v*"])], [Self.rule(false, ["a"]), Self.rule(true)],
            [Self.rule(false, tags: ["*"]), Self.rule(true)],
            [Rule(subjects: ["everybody"], deny: ["push"]), Self.rule(true, ["a"])],
        ]
        for rules in anything {
            #expect(try Policy(rules: rules).allowsAnything(Self.alice), "\(rules)")
            #expect(try !Policy(rules: rules).allowsAnything(.anonymous), "\(rules)")
        }
        for rules in try [
            [], [Self.rule(false), Self.rule(true)], [Self.rule(false, ["**"]), Self.rule(true, ["a"])],
        ] {
            #expect(try !Policy(rules: rules).allowsAnything(Self.alice), "\(rules)")
        }
    }
}
