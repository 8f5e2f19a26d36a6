import ArgumentParser

/// The command line.
@main
struct Stowage: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stowage",
        abstract: "An OCI registry whose only state is a bucket or a directory.",
        subcommands: [
            ServeCommand.self, AccessCommand.self, RobotCommand.self, StatsCommand.self, DoctorCommand.self,
            CheckConfigCommand.self, HealthCheckCommand.self, VersionCommand.self,
        ])
}

/// `stowage version`
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

    func run() {
        print("stowage \(Version.current)")
    }
}
