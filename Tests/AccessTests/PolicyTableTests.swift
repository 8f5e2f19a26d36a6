import Access
import OCI
import TestSupport
import Testing

/// Every identity, action, repository and tag against policies, fixed and random, compared with the rules told again.
struct PolicyTableTests {
    private static let identities = [
        .anonymous, Identity(.password, name: "alice"), Identity(.password, name: "bob", groups: ["dev"]),
        Identity(.robot, name: "robot+ci"), Identity(.certificate, name: "cert:node1"),
        Identity(
            .issuer, name: "github:repo:org/app:ref:refs/heads/main", groups: ["github:dev"],
            claims: ["github:ref": ["refs/heads/main"], "github:event": ["push", "tag"]]),
        Identity(.issuer, name: "github:repo:evil/app:ref:refs/heads/main", claims: ["github:ref": ["refs/heads/x"]]),
        Identity(.issuer, name: "gitlab:alice", groups: ["gitlab:dev"], claims: ["gitlab:ref": ["refs/heads/main"]]),
    ]
    private static let repositories = [
        "team", "team/app", "team/app/cache", "team/a/b/c", "team-evil/app", "infra/base", "app", "library/alpine",
        "a", "a/team/app", "secret", "team/secret",
    ]
    private static let tags = ["latest", "v1", "v1.0-rc1", "pr-7", "LATEST", "_x"]
    private static let groups = ["dev": ["alice", "robot+*"], "ops": ["cert:node1", "github:repo:org/*"], "none": []]
    private static let issuers: Set = ["github", "gitlab"]

    private static let sample = NaivePolicy(
        rules: [
            .init(subjects: ["everybody"], isAllow: false, actions: [.overwrite, .delete], tags: ["v*"]),
            .init(subjects: ["group:ops"], isAllow: true, actions: Action.allCases),
            .init(subjects: ["everybody"], isAllow: false, actions: [.pull], repositories: ["**/secret"]),
            .init(subjects: ["anonymous"], isAllow: true, actions: [.pull], repositories: ["library/*"]),
            .init(
                subjects: ["claim:github:ref=refs/heads/*"], isAllow: true, actions: [.pull, .push],
                repositories: ["app", "team/**"], tags: ["pr-*"]),
            .init(subjects: ["user:robot+ci"], isAllow: true, actions: [.push, .overwrite], repositories: ["team/*"]),
            .init(subjects: ["group:dev", "group:gitlab:dev"], isAllow: true, actions: [.pull], repositories: ["**"]),
            .init(subjects: ["user:al*"], isAllow: true, actions: [.delete, .push], tags: ["latest", "pr-*"]),
        ], groups: groups)

    @Test func everyRowOfTheSample() throws {
        let policy = try Self.sample.made(issuers: Self.issuers)
        var wrong: [String] = []
        var counts: [Int?: Int] = [:]
        for who in Self.identities {
            for action in Action.allCases {
                for repository in Self.repositories {
                    for tag in Self.tags + [nil] {
                        let (decision, expected) = try Self.compare(policy, Self.sample, who, action, repository, tag)
                        counts[decision.rule, default: 0] += 1
                        if let expected { wrong.append(expected) }
                    }
                }
            }
        }
        #expect(wrong == [])
        // Each rule, and none, decides some of the 3,360 rows.
        #expect(counts.count == Self.sample.rules.count + 1 && counts.values.reduce(0, +) == 3360)
    }

    /// The decision, and the row when it is not as the naive policy says.
    private static func compare(
        _ policy: Policy, _ naive: NaivePolicy, _ who: Identity, _ action: Action, _ repository: String, _ tag: String?
    ) throws -> (Policy.Decision, wrong: String?) {
        let decision = policy.decide(who, action, in: try RepositoryName(repository), tag: try tag.map { try Tag($0) })
        let (isAllowed, rule) = naive.decide(who, action, repository, tag)
        let isSame = decision.isAllowed == isAllowed && decision.rule == rule
        let row = "\(who.name) \(action) \(repository):\(tag ?? "") is \(decision), not \(isAllowed) by \(rule ?? -1)"
        return (decision, isSame ? nil : row)
    }

    @Test func randomPolicies() throws {
        var random = SeededGenerator(for: "randomPolicies")
        var wrong: [String] = []
        var (rows, allowed) = (0, 0)
        for _ in 0..<300 {
            let naive = Self.randomPolicy(using: &random)
            let policy = try naive.made(issuers: Self.issuers)
            for _ in 0..<60 {
                guard let who = Self.identities.randomElement(using: &random),
                    let action = Action.allCases.randomElement(using: &random),
                    let repository = Self.repositories.randomElement(using: &random),
                    let tag = (Self.tags + [nil, nil]).randomElement(using: &random)
                else { continue }
                let (decision, row) = try Self.compare(policy, naive, who, action, repository, tag)
                rows += 1
                allowed += decision.isAllowed ? 1 : 0
                if let row { wrong.append("\(row): \(policy.rules)") }
            }
        }
        #expect(wrong == [])
        #expect(rows == 18_000 && allowed > 1000 && allowed < 17_000, "the test tests nothing")
    }

    /// What the functions about more than one row say agrees with the rows.
    @Test func questionsAboutManyRows() throws {
        var random = SeededGenerator(for: "questionsAboutManyRows")
        var (everywhere, notEver, nothing) = (0, 0, 0)
        for _ in 0..<120 {
            let policy = try Self.randomPolicy(using: &random).made(issuers: Self.issuers)
            for who in Self.identities {
                var isAnythingAllowed = false
                for action in Action.allCases {
                    let isEverywhere = policy.allowsEverywhere(who, action)
                    everywhere += isEverywhere ? 1 : 0
                    for repository in try Self.repositories.map({ try RepositoryName($0) }) {
                        let content = policy.decide(who, action, in: repository).isAllowed
                        let isTagAllowed = try Self.tags.contains {
                            policy.decide(who, action, in: repository, tag: try Tag($0)).isAllowed
                        }
                        let mayEver = policy.mayEver(who, action, in: repository)
                        notEver += mayEver ? 0 : 1
                        if isEverywhere { #expect(content, "\(who.name) \(action) \(repository): \(policy.rules)") }
                        if content || isTagAllowed {
                            #expect(mayEver, "\(who.name) \(action) \(repository): \(policy.rules)")
                            isAnythingAllowed = isAnythingAllowed || action != .admin
                        } else if action != .delete {
                            #expect(!mayEver, "\(who.name) \(action) \(repository): \(policy.rules)")
                        }
                    }
                }
                nothing += policy.allowsAnything(who) ? 0 : 1
                if isAnythingAllowed { #expect(policy.allowsAnything(who), "\(who.name): \(policy.rules)") }
            }
        }
        #expect(everywhere > 50 && notEver > 1000 && nothing > 20, "the test tests nothing")
    }

    private static func randomPolicy(using random: inout SeededGenerator) -> NaivePolicy {
        let count = Int.random(in: 0...8, using: &random)
        return NaivePolicy(rules: (0..<count).map { _ in randomRule(using: &random) }, groups: groups)
    }

    private static func randomRule(using random: inout SeededGenerator) -> NaivePolicy.Rule {
        let subjects = some(
            of: [
                "everybody", "everybody", "anonymous", "authenticated", "user:alice", "user:*", "user:*o*",
                "user:robot+ci", "user:github:repo:org/*", "user:gitlab:*", "user:cert:*", "group:dev", "group:ops",
                "group:none", "group:github:dev", "group:gitlab:x", "claim:github:ref=refs/heads/*",
                "claim:github:event=*a*", "claim:gitlab:ref=refs/heads/main",
            ], using: &random)
        let repositories = some(
            of: [
                "**", "**", "*", "*/*", "*/**", "team/**", "team/*", "team*/**", "**/app", "**/*app*/**", "team/**/c",
                "t*m/*/**", "secret", "**/secret", "library/alpine",
            ], using: &random)
        let tags = some(of: ["*", "v*", "latest", "*-*", "v1", "*1*", "_*", "nothing"], using: &random)
        let actions = some(of: Action.allCases, using: &random)
        let isServerWide = actions.contains(.admin)
        return NaivePolicy.Rule(
            subjects: subjects, isAllow: Int.random(in: 0..<3, using: &random) > 0, actions: actions,
            repositories: isServerWide || Bool.random(using: &random) ? nil : repositories,
            tags: isServerWide || Int.random(in: 0..<3, using: &random) > 0 ? nil : tags)
    }

    /// One to three of them.
    private static func some<Value>(of values: [Value], using random: inout SeededGenerator) -> [Value] {
        (0..<Int.random(in: 1...3, using: &random)).compactMap { _ in values.randomElement(using: &random) }
    }
}
