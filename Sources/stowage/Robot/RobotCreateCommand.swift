import Access
import ArgumentParser
import Glibc

/// `stowage robot create NAME`
struct RobotCreateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make an account and print its secret, which nobody can read again.")

    @Argument(help: "Letters, digits, dots, hyphens and underscores; clients log in as robot+NAME.")
    var name: String
    @OptionGroup var file: RobotFileOptions
    @Option(help: "How long it lasts, for example 12h or 90d. Default: until it is revoked.")
    var expires: String?
    @Option(help: "What it is for.")
    var description = ""
    @Option(help: "HOST[:PORT] of the registry, for the commands that are printed.")
    var registry = "REGISTRY"
    @Option(help: "text or json.")
    var output = OutputFormat.text

    func run() throws {
        do {
            let (secret, now) = (RobotSecret(), time(nil))
            let robot = try Robot(
                name: Robot.name(typed: name), description: description, created: now,
                expires: try lifetime().map { now + $0 }, secret: secret)
            try RobotFile.add(robot, to: try file.path())
            show(robot, secret)
        } catch {
            try StandardError.fail("\(error)")
        }
    }

    /// In seconds.
    private func lifetime() throws -> Int? {
        guard let expires else { return nil }
        guard let span = TimeSpan(expires), span.seconds > 0 else {
            throw ConfigurationError("--expires: expected a time such as 12h or 90d")
        }
        return span.seconds
    }

    private func show(_ robot: Robot, _ secret: RobotSecret) {
        switch output {
        case .text: print(Self.text(robot, secret, registry: registry))
        case .json:
            var line = JSONLine()
            line.add("login", robot.login)
            line.add("secret", secret.text)
            if let expires = robot.expires { line.add("expires", UTCDate.text(expires)) }
            print(String(decoding: line.finished(), as: UTF8.self), terminator: "")
        }
    }

    /// What a person needs: the secret, and where it is put. The login reads it from standard input, so that it is in no
    /// list of processes.
    private static func text(_ robot: Robot, _ secret: RobotSecret, registry: String) -> String {
        """
        login    \(robot.login)
        secret   \(secret.text)
        expires  \(robot.expires.map(UTCDate.text) ?? "never")

        This is the only time the secret is shown. To log in, and to let Kubernetes pull:

        echo \(secret.text) | docker login --username \(robot.login) --password-stdin \(registry)

        kubectl create secret docker-registry stowage-\(robot.name.lowercased().replacing("_", with: "-")) \\
            --docker-server=\(registry) --docker-username=\(robot.login) \\
            --docker-password=\(secret.text)
        """
    }
}
