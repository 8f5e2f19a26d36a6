import Foundation
import Glibc
import TestSupport
import Testing

/// Accounts of tests, with the hashes of their passwords.
enum SampleAccount {
    static let alice = (
        name: "alice", password: "PASSWORD-of-alice",
        line: "alice:$2y$04$abcdefghijklmnopqrstuu2AKGN5cATKGkW0Ww/2Kd/IT1XIHmONy"
    )
    static let bob = (
        name: "bob", password: "PASSWORD-of-bob",
        line: "bob:$2y$05$abcdefghijklmnopqrstuunYHAFopo7wc2gNGZIFNh0YkRwnKxqwa"
    )

    /// Both, as a file.
    static let file = "\(alice.line)\n\(bob.line)\n"

    /// The `Authorization` of an account.
    static func basic(_ account: (name: String, password: String, line: String)) -> [(String, String)] {
        basic(account.name, account.password)
    }

    static func basic(_ name: String, _ password: String) -> [(String, String)] {
        [("Authorization", "Basic \(Data("\(name):\(password)".utf8).base64EncodedString())")]
    }
}

/// A directory with a configuration and the files it names.
final class ConfigurationFolder {
    let directory: TemporaryDirectory
    var path: String { "\(directory.path)/stowage.yaml" }

    /// In `text` and the contents of other files `@` stands for the directory.
    init(_ text: String, _ files: [String: String] = [:]) throws {
        directory = try TemporaryDirectory()
        for (name, content) in files { try write(content, to: name) }
        try write(text, to: "stowage.yaml")
    }

    /// Puts a file in the place of the one with that name, in one step.
    func write(_ text: String, to name: String) throws {
        let new = try TemporaryFile(text.replacing("@", with: directory.path))
        let (from, to) = (new.path, file(name))
        // Another directory of the same file system.
        guard rename(from, to) == 0 else { throw NeverCameTrue() }
    }

    /// Makes an account in the file of robots that the configuration names; returns its secret.
    func makeRobot(_ name: String) async throws -> String {
        let run = try await ProgramRun(["robot", "create", name, "--config", path, "--output", "json"])
        let object = try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any]
        return try #require(object?["secret"] as? String, "\(run)")
    }

    func file(_ name: String) -> String { "\(directory.path)/\(name)" }
}
