import Access
import Testing

struct RuleTests {
    private struct Texts: CustomTestStringConvertible, Sendable {
        var subjects = ["authenticated"]
        var allow: [String]? = ["pull"]
        var deny: [String]?
        var repositories: [String]?
        var tags: [String]?

        var testDescription: String { "\(subjects) \(allow ?? []) \(deny ?? []) \(repositories ?? []) \(tags ?? [])" }

        func rule() throws(PolicyError) -> Rule {
            try Rule(subjects: subjects, allow: allow, deny: deny, repositories: repositories, tags: tags)
        }
    }

    private static let bad: [(Texts, field: PolicyError.Field?, index: Int?, reason: String)] = [
        (Texts(subjects: []), .subjects, nil, "is an empty list"),
        (Texts(subjects: ["authenticated", "alice"]), .subjects, 1, "\"alice\" is nobody: expected user:NAME"),
        (Texts(subjects: [""]), .subjects, 0, "is nobody"),
        (Texts(subjects: ["Anonymous"]), .subjects, 0, "is nobody"),
        (Texts(subjects: ["user"]), .subjects, 0, "is nobody"),
        (Texts(subjects: ["user:"]), .subjects, 0, "it is empty"),
        (Texts(subjects: ["user:a\nb"]), .subjects, 0, "control character"),
        (Texts(subjects: ["user:git*:repo"]), .subjects, 0, "wildcard before the first colon"),
        (Texts(subjects: ["group:"]), .subjects, 0, "names no group"),
        (Texts(subjects: ["group:dev*"]), .subjects, 0, "groups are written out"),
        (Texts(subjects: ["claim:github"]), .subjects, 0, "is no claim"),
        (Texts(subjects: ["claim:github=x"]), .subjects, 0, "is no claim"),
        (Texts(subjects: ["claim:github:ref"]), .subjects, 0, "is no claim"),
        (Texts(subjects: ["claim:github:ref="]), .subjects, 0, "it is empty"),
        (Texts(subjects: ["claim::ref=x"]), .subjects, 0, "is no claim"),
        (Texts(subjects: ["claim:"]), .subjects, 0, "is no claim"),
        (Texts(allow: nil), nil, nil, "neither allows nor denies"),
        (Texts(deny: ["push"]), nil, nil, "both allows and denies"),
        (Texts(allow: []), .allow, nil, "is an empty list"),
        (Texts(allow: nil, deny: []), .deny, nil, "is an empty list"),
        (Texts(allow: ["pull", "read"]), .allow, 1, "\"read\" is no action: expected one of pull, push, overwrite"),
        (Texts(allow: nil, deny: ["PULL"]), .deny, 0, "is no action"),
        (Texts(repositories: []), .repositories, nil, "is an empty list"),
        (Texts(repositories: ["a", "Team/*"]), .repositories, 1, "\"Team/*\" can match no repository"),
        (Texts(tags: []), .tags, nil, "is an empty list"),
        (Texts(tags: ["v*", ".x"]), .tags, 1, "\".x\" can match no tag"),
        (Texts(allow: ["admin"], repositories: ["**"]), .repositories, nil, "does not go with \"admin\""),
        (Texts(allow: ["pull", "admin"], tags: ["*"]), .tags, nil, "does not go with \"admin\""),
        (Texts(allow: nil, deny: ["admin"], repositories: ["a"]), .repositories, nil, "does not go with \"admin\""),
    ]

    @Test(arguments: bad)
    private func saysWhatIsWrongAndWhere(
        texts: Texts, field: PolicyError.Field?, index: Int?, reason: String
    ) throws {
        let error = try #require(throws: PolicyError.self) { try texts.rule() }
        #expect(error.field == field && error.index == index && error.group == nil && error.rule == nil)
        #expect(error.reason.contains(reason), "\(error)")
        #expect(error.description.utf8.allSatisfy { $0 >= 0x20 } && error.description.hasSuffix(error.reason))
    }

    private static let good: [(Texts, String)] = [
        (Texts(), "allow pull to authenticated"),
        (
            Texts(
                subjects: ["group:dev"], allow: ["push", "pull"], repositories: ["team/**", "infra/*"], tags: ["v*"]),
            "allow pull, push to group:dev in team/**, infra/* tags v*"
        ),
        (
            Texts(subjects: ["everybody"], allow: nil, deny: ["delete", "delete"], tags: ["v*", "latest"]),
            "deny delete to everybody tags v*, latest"
        ),
        (
            Texts(subjects: ["claim:gitlab:https://x.example/ref=refs/heads/*", "user:robot+ci", "anonymous"]),
            "allow pull to claim:gitlab:https://x.example/ref=refs/heads/*, user:robot+ci, anonymous"
        ),
        (Texts(allow: ["admin", "pull"]), "allow pull, admin to authenticated"),
    ]

    @Test(arguments: good)
    private func describesItself(texts: Texts, description: String) throws {
        #expect(try texts.rule().description == description)
    }
}

struct PolicyNamesTests {
    private func error(_ subject: String, groups: [String: [String]] = [:]) throws -> PolicyError {
        let first = try Rule(subjects: ["everybody"], allow: ["pull"])
        let second = try Rule(subjects: ["anonymous", subject], deny: ["pull"])
        return try #require(throws: PolicyError.self) {
            try Policy(rules: [first, second], groups: groups, issuers: ["gitlab", "github"])
        }
    }

    @Test(arguments: [
        ("group:dev", "names the unknown group \"dev\"; known are ops, qa, github:…, gitlab:…"),
        ("group:github", "names the unknown group \"github\"; known are ops, qa, github:…, gitlab:…"),
        ("group:github:", "names the unknown group \"github:\"; known are ops, qa, github:…, gitlab:…"),
        ("group:azure:dev", "names the unknown group \"azure:dev\"; known are ops, qa, github:…, gitlab:…"),
        ("user:azure:x", "names the unknown issuer \"azure\"; known are github, gitlab"),
        ("claim:azure:ref=x", "names the unknown issuer \"azure\"; known are github, gitlab"),
    ])
    func unknownNames(subject: String, reason: String) throws {
        let error = try error(subject, groups: ["qa": [], "ops": ["alice"]])
        #expect(error.rule == 1 && error.field == .subjects && error.index == 1)
        #expect(error.reason == reason)
        #expect(error.description == "rule 2, subjects, entry 2: \(reason)")
    }

    @Test func theListOfKnownNamesIsShort() throws {
        let groups = Dictionary(uniqueKeysWithValues: (0..<1000).map { ("group\($0)", [String]()) })
        #expect(try error("group:x", groups: groups).reason.utf8.count < 300)
        let rule = try Rule(subjects: ["group:x"], allow: ["pull"])
        let error = try #require(throws: PolicyError.self) { try Policy(rules: [rule]) }
        #expect(error.reason == "names the unknown group \"x\"; none is known")
    }

    @Test(
        arguments: [
            (["": []], "", nil, "is no name of a group"),
            (["a:b": []], "a:b", nil, "is no name of a group"),
            (["a*": []], "a*", nil, "is no name of a group"),
            (["a\n": []], "a\n", nil, "is no name of a group"),
            (["dev": ["alice", ""]], "dev", 1, "it is empty"),
            (["dev": ["user:alice"]], "dev", 0, "names the unknown issuer \"user\""),
            (["b": ["*:x"], "a": ["alice", "*:x"]], "a", 1, "wildcard before the first colon"),
        ] as [([String: [String]], String, Int?, String)])
    func badGroups(groups: [String: [String]], group: String, index: Int?, reason: String) throws {
        let error = try #require(throws: PolicyError.self) { try Policy(rules: [], groups: groups) }
        #expect(error.group == group && error.index == index && error.rule == nil && error.field == nil)
        #expect(error.reason.contains(reason), "\(error)")
        #expect(error.description.utf8.allSatisfy { $0 >= 0x20 })
    }

    @Test func knownNamesAreAccepted() throws {
        let subjects = [
            "user:alice", "user:robot+*", "user:*", "user:github:repo:*", "user:cert:*", "group:dev",
            "group:github:dev",
            "claim:gitlab:ref=refs/heads/*",
        ]
        let rule = try Rule(subjects: subjects, allow: ["pull"])
        _ = try Policy(
            rules: [rule], groups: ["dev": ["alice", "robot+ci", "github:repo:org/*", "cert:node"]],
            issuers: ["github", "gitlab"])
    }
}
