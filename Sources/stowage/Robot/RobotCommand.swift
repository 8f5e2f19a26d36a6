import Access
import ArgumentParser
import Foundation

/// `stowage robot`
struct RobotCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "robot", abstract: "Make, list and revoke accounts for machines.",
        discussion: """
            The accounts are in a file, which has only hashes of their secrets. Running servers that read this file take \
            up a change by themselves, without a restart.
            """,
        subcommands: [RobotCreateCommand.self, RobotListCommand.self, RobotRevokeCommand.self])
}

/// Which file the accounts are in.
struct RobotFileOptions: ParsableArguments {
    @Option(help: "The file with the accounts. Default: access.robots.file of the configuration.")
    var file: String?
    @Option(help: "A YAML file with settings, where --file is not given. [STOWAGE_CONFIG]")
    var config: String?

    /// The path; throws a sentence when nothing says it.
    func path() throws -> String {
        if let file { return file }
        let environment = ProcessInfo.processInfo.environment
        let configuration = try ConfigurationLoader.load(
            file: config ?? environment["STOWAGE_CONFIG"], environment: environment
        ).configuration
        let path = configuration.access.robots.file
        guard !path.isEmpty else {
            throw ConfigurationError("say where the accounts are: --file PATH, or access.robots.file and --config FILE")
        }
        return path
    }
}

extension Robot {
    /// A name as people type it, with or without the prefix of the login.
    static func name(typed text: String) -> String {
        text.hasPrefix(RobotFile.prefix) ? String(text.dropFirst(RobotFile.prefix.count)) : text
    }
}
