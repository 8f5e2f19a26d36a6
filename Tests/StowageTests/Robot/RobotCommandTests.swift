import Access
import CoreFoundation
import Foundation
import Glibc
import TestSupport
import Testing

@testable import stowage

/// `stowage robot create|list|revoke` of the built program, on a file of a test.
@Suite struct RobotCommandTests {
    private let directory: TemporaryDirectory
    private var path: String { "\(directory.path)/robots.json" }

    init() throws { directory = try TemporaryDirectory() }

    private func robot(_ arguments: String...) async throws -> ProgramRun {
        try await ProgramRun(["robot"] + arguments + ["--file", path])
    }

    private struct Created: Codable {
        let login: String
        let secret: String
        let expires: String?
    }

    private func create(_ arguments: String...) async throws -> Created {
        let run = try await ProgramRun(["robot", "create", "--output", "json", "--file", path] + arguments)
        try #require(run.ending == .status(0), "\(run.errors)")
        return try JSONDecoder().decode(Created.self, from: Data(run.output.utf8))
    }

    private func list() async throws -> [RobotList.Account] {
        let run = try await robot("list", "--output", "json")
        try #require(run.ending == .status(0), "\(run.errors)")
        return try JSONDecoder().decode(RobotList.self, from: Data(run.output.utf8)).robots
    }

    /// An attribute of the file.
    private func attribute(_ key: FileAttributeKey) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[key] as? Int
    }

    private var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: directory.path) } }

    // MARK: Accounts

    @Test func aNewAccountOpensWithTheSecretThatWasPrinted() async throws {
        let created = try await create("ci", "--expires", "90d", "--description", "builds")
        #expect(created.login == "robot+ci" && created.secret.hasPrefix("stowage_robot_"))
        let file = try RobotFile(path: path)
        let now = time(nil)
        #expect(file.verify(name: created.login, secret: created.secret, now: now))
        #expect(file.verify(name: created.login, secret: created.secret, now: now + 89 * 86_400))
        #expect(!file.verify(name: created.login, secret: created.secret, now: now + 90 * 86_400))
        #expect(try !String(contentsOfFile: path, encoding: .utf8).contains(created.secret))
        let account = try #require(try await list().first)
        #expect(account.login == "robot+ci" && account.description == "builds" && !account.isExpired)
        #expect(account.expires == created.expires)
    }

    @Test func aPersonIsToldWhatToTypeNext() async throws {
        let run = try await robot("create", "robot+CI_main", "--registry", "registry.example.com:5443")
        #expect(run.ending == .status(0) && run.errors.isEmpty)
        let secret = try #require(run.output.firstMatch(of: /secret   (stowage_robot_[0-9a-f]{64})\n/)).1
        let login = "docker login --username robot+CI_main --password-stdin registry.example.com:5443"
        #expect(run.output.contains("echo \(secret) | \(login)\n"))
        #expect(run.output.contains("kubectl create secret docker-registry stowage-ci-main \\\n"))
        #expect(run.output.contains("--docker-username=robot+CI_main \\\n    --docker-password=\(secret)\n"))
        #expect(run.output.contains("expires  never\n"))
        let file = try RobotFile(path: path)
        #expect(file.verify(name: "robot+CI_main", secret: String(secret), now: time(nil)))
    }

    @Test func aRevokedAccountIsGone() async throws {
        let kept = try await create("kept")
        let gone = try await create("gone")
        let file = try RobotFile(path: path)
        let run = try await robot("revoke", "robot+gone")
        #expect(run.ending == .status(0) && run.output == "robot+gone is revoked\n")
        #expect(try file.reload())
        #expect(!file.verify(name: gone.login, secret: gone.secret, now: time(nil)))
        #expect(file.verify(name: kept.login, secret: kept.secret, now: time(nil)))
        #expect(try await list().map(\.login) == ["robot+kept"])
        // Its name is free again, for another secret.
        let again = try await create("gone")
        #expect(again.secret != gone.secret)
        _ = try await robot("revoke", "kept")
        _ = try await robot("revoke", "gone")
        #expect(try await list().isEmpty)
    }

    @Test func theListIsATable() async throws {
        let old = #"{"name": "old", "created": "2020-01-01T00:00:00Z", "expires": "2020-02-01T00:00:00Z", "#
        let hash = #""secretHash": "sha256:\#(String(repeating: "0", count: 64))"}"#
        let ci = #"{"name": "ci-main", "description": "builds", "created": "2026-01-01T00:00:00Z", "#
        try Data(#"{"robots": [\#(old)\#(hash), \#(ci)\#(hash)]}"#.utf8).write(to: URL(filePath: path))
        let run = try await robot("list")
        #expect(
            run.output == """
                LOGIN          CREATED               EXPIRES                         DESCRIPTION
                robot+ci-main  2026-01-01T00:00:00Z  never                           builds
                robot+old      2020-01-01T00:00:00Z  2020-02-01T00:00:00Z (expired)

                """)
        #expect(try await list().map(\.isExpired) == [false, true])
    }

    // MARK: The file

    @Test func twoAtOnceKeepBoth() async throws {
        let names = (0..<8).map { "robot\($0)" }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for name in names { group.addTask { _ = try await create(name) } }
            try await group.waitForAll()
        }
        #expect(try await list().map(\.login) == names.map { "robot+\($0)" })
        #expect(try self.names == ["robots.json"])
    }

    @Test func aNewFileIsItsOwnersAndAnOldOneKeepsItsMode() async throws {
        _ = try await create("one")
        #expect(try attribute(.posixPermissions) == 0o600)
        let before = try #require(try attribute(.systemFileNumber))
        try #require(chmod(path, 0o640) == 0)
        _ = try await create("two")
        #expect(try attribute(.posixPermissions) == 0o640)
        #expect(try attribute(.systemFileNumber) != before)
    }

    /// Root makes accounts, and a server of another user reads them.
    @Test(.enabled(if: geteuid() == 0)) func theOwnerStays() async throws {
        _ = try await create("one")
        try #require(chown(path, 12_345, 23_456) == 0)
        _ = try await create("two")
        #expect(try attribute(.ownerAccountID) == 12_345)
        #expect(try attribute(.groupOwnerAccountID) == 23_456)
        #expect(try attribute(.posixPermissions) == 0o600)
    }

    @Test func whatAKilledRunLeftIsNoObstacle() async throws {
        try Data("half".utf8).write(to: URL(filePath: "\(directory.path)/.robots.json.new"))
        _ = try await create("one")
        #expect(try names == ["robots.json"])
    }

    @Test func aLinkStaysALink() async throws {
        try #require(mkdir("\(directory.path)/real", 0o700) == 0)
        try Data(#"{"robots": []}"#.utf8).write(to: URL(filePath: "\(directory.path)/real/file"))
        try #require(symlink("real/file", path) == 0)
        _ = try await create("one")
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: path) == "real/file")
        #expect(try RobotFile(path: "\(directory.path)/real/file").count == 1)
    }

    @Test func theConfigurationSaysWhereTheFileIs() async throws {
        let config = try TemporaryFile("access:\n  robots:\n    file: \(path)\n")
        let run = try await ProgramRun(["robot", "create", "ci", "--config", config.path])
        #expect(run.ending == .status(0), "\(run.errors)")
        #expect(try RobotFile(path: path).count == 1)
        let list = try await ProgramRun(["robot", "list"], environment: ["STOWAGE_CONFIG": config.path])
        #expect(list.output.contains("robot+ci "))
        let none = try await ProgramRun(["robot", "list"])
        #expect(
            none.failed(saying: "say where the accounts are: --file PATH, or access.robots.file and --config FILE"))
    }

    // MARK: Complaints

    @Test func whatCannotBeDoneIsASentenceAndChangesNothing() async throws {
        let first = try await create("ci")
        let before = try Data(contentsOf: URL(filePath: path))
        let name = "expected up to 64 letters, digits, dots, hyphens and underscores, the first a letter or a digit"
        for (arguments, complaint) in [
            (["create", "ci"], "\(path) has an account ci already; choose another name, or revoke it first"),
            (["create", "c/i"], "\"c/i\" is no name for a robot: \(name)"),
            (["create", "x", "--expires", "soon"], "--expires: expected a time such as 12h or 90d"),
            (["create", "x", "--expires", "0"], "--expires: expected a time such as 12h or 90d"),
            (
                ["create", "x", "--expires", "9999999d"],
                "the times of x are not between the years 1970 and 9999"
            ),
            (
                ["create", "x", "--description", "a\nb"],
                "the description of x is longer than 256 bytes or has invisible characters"
            ),
            (["revoke", "other"], "\(path) has no account \"other\"; `stowage robot list` shows them"),
        ] {
            let run = try await ProgramRun(["robot"] + arguments + ["--file", path])
            #expect(run.failed(saying: complaint), "\(run.errors)")
        }
        #expect(try Data(contentsOf: URL(filePath: path)) == before)
        #expect(try RobotFile(path: path).verify(name: first.login, secret: first.secret, now: time(nil)))
    }

    @Test func aDamagedFileIsNotOverwritten() async throws {
        let damaged = Data(#"{"robots": [{"name""#.utf8)
        try damaged.write(to: URL(filePath: path))
        for arguments in [["create", "x"], ["revoke", "x"], ["list"]] {
            let run = try await ProgramRun(["robot"] + arguments + ["--file", path])
            #expect(run.ending == .status(1) && run.errors.hasPrefix("\(path) is no JSON: "), "\(run.errors)")
        }
        #expect(try Data(contentsOf: URL(filePath: path)) == damaged)
        #expect(try names == ["robots.json"])
    }

    @Test func aFileOrDirectoryThatIsNotThereIsNamed() async throws {
        #expect(
            try await robot("list").failed(
                saying: "\(path): cannot be read (No such file or directory): check path and permissions"))
        #expect(try await robot("revoke", "x").failed(saying: "\(path) is not there"))
        let run = try await ProgramRun(["robot", "create", "x", "--file", "\(directory.path)/none/robots.json"])
        #expect(run.failed(saying: "\(directory.path)/none: No such file or directory (open)"))
    }
}
