import TestSupport
import Testing

@testable import stowage

/// `stowage access test`: which rule decides.
@Suite struct AccessCommandTests {
    private static let configuration = """
        access:
          htpasswd:
            file: /nowhere
          issuers:
            - {name: ci, issuer: 'https://ci.example', audience: registry}
          groups:
            dev: [alice, bob]
          rules:
            - {who: [anonymous], allow: [pull], repositories: [public/**]}
            - who: ['group:dev']
              deny: overwrite
              tags: ['v*']
            - who: ['group:dev']
              allow: [pull, push, overwrite]
              repositories: [team/**]
            - {who: ['claim:ci:ref=main'], allow: [push]}
            - {who: ['group:ci:admins'], allow: [admin]}
        """

    @Test(arguments: [
        (["anonymous", "public/app", "pull"], 0, "allowed by @:9: allow pull to anonymous in public/**"),
        (["anonymous", "public/app", "push"], 1, "denied: no rule applies"),
        (["alice", "team/app", "push"], 0, "allowed by @:13: allow pull, push, overwrite to group:dev in team/**"),
        (["alice", "team/app", "overwrite", "--tag", "v1"], 1, "denied by @:10: deny overwrite to group:dev tags v*"),
        (
            ["alice", "team/app", "overwrite", "--tag", "latest"], 0,
            "allowed by @:13: allow pull, push, overwrite to group:dev in team/**"
        ),
        (["carol", "team/app", "pull"], 1, "denied: no rule applies"),
        (["ci:job", "x/y", "push", "--claim", "ci:ref=main"], 0, "allowed by @:16: allow push to claim:ci:ref=main"),
        (["ci:job", "x/y", "push", "--claim", "ci:ref=other"], 1, "denied: no rule applies"),
        (["ci:root", "x", "admin", "--group", "ci:admins"], 0, "allowed by @:17: allow admin to group:ci:admins"),
    ])
    func itNamesTheRule(_ arguments: [String], _ status: Int, _ sentence: String) async throws {
        let file = try TemporaryFile(Self.configuration)
        let run = try await ProgramRun(["access", "test"] + arguments + ["--config", file.path])
        #expect(run.output == sentence.replacing("@", with: file.path) + "\n", "\(run)")
        #expect(run.ending == .status(CInt(status)) && run.errors.isEmpty)
    }

    @Test(arguments: [
        ("", "alice", 0, "allowed: there are no logins and no rules, and everybody may do everything"),
        (
            "access: {htpasswd: {file: /nowhere}}", "alice", 0,
            "allowed: there are no rules, and whoever has logged in may do everything"
        ),
        (
            "access: {htpasswd: {file: /nowhere}}", "anonymous", 1,
            "denied: there are no rules, and whoever has logged in may do everything"
        ),
    ])
    func withoutRules(_ text: String, _ user: String, _ status: Int, _ sentence: String) async throws {
        let file = try TemporaryFile(text)
        let run = try await ProgramRun(
            ["access", "test", user, "app", "delete"], environment: ["STOWAGE_CONFIG": file.path])
        #expect(run.output == sentence + "\n" && run.ending == .status(CInt(status)), "\(run)")
    }

    @Test(arguments: [
        (["alice", "team/app", "pulls"], "pulls: expected one of pull, push, overwrite, delete, admin"),
        (["other:job", "team/app", "pull"], "other:job: there is no issuer other"),
        (["ci:job", "app", "pull", "--claim", "ref"], "--claim: expected ISSUER:CLAIM=VALUE (found \"ref\")"),
    ])
    func aWrongQuestionHasAStatusOfItsOwn(_ arguments: [String], _ complaint: String) async throws {
        let file = try TemporaryFile(Self.configuration)
        let run = try await ProgramRun(["access", "test"] + arguments + ["--config", file.path])
        #expect(run.ending == .status(2) && run.output.isEmpty && run.errors == complaint + "\n", "\(run)")
    }

    @Test(arguments: [["alice", "Team", "pull"], ["alice", "app", "pull", "--tag", "a/b"], ["", "app", "pull"]])
    func whatIsNoNameIsRefused(_ arguments: [String]) async throws {
        let run = try await ProgramRun(["access", "test"] + arguments)
        #expect(run.ending == .status(2) && run.output.isEmpty && !run.errors.isEmpty, "\(run)")
    }
}
