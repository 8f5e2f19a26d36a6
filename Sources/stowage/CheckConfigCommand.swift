import ArgumentParser
import Glibc

/// `stowage check-config FILE`
struct CheckConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-config",
        abstract: "Say what is wrong with a configuration file, by key and line.",
        discussion: """
            Reads the file, and what it names of certificates, keys and accounts: the environment and a running server \
            do not matter. Exits with 1 if anything is wrong.
            """)

    @Argument(help: "The YAML file.")
    var file: String

    func run() async throws {
        do {
            let configuration = try ConfigurationLoader.load(file: file, environment: [:]).configuration
            for notice in try await configuration.checkAccessFiles() { print(notice) }
            print("\(file): ok")
        } catch {
            try StandardError.fail("\(error)")
        }
    }
}

/// Messages for the person who started the program.
enum StandardError {
    /// Writes `text` as it is and ends the command with `status`.
    static func fail(_ text: String, status: CInt = 1) throws -> Never {
        // Not through stderr's FILE: Swift does not let a global variable of C cross threads.
        let line = Array("\(text)\n".utf8)
        // Nobody to tell when even this fails.
        _ = write(STDERR_FILENO, line, line.count)
        throw ExitCode(status)
    }
}
