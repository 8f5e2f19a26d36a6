import Access
import ArgumentParser

/// `stowage robot revoke NAME`
struct RobotRevokeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Remove an account: its secret, and every token made with it, open nothing more.")

    @Argument(help: "The name, with or without robot+.")
    var name: String
    @OptionGroup var file: RobotFileOptions

    func run() throws {
        do {
            let name = Robot.name(typed: name)
            try RobotFile.revoke(name, in: try file.path())
            print("\(RobotFile.prefix)\(name) is revoked")
        } catch {
            try StandardError.fail("\(error)")
        }
    }
}
