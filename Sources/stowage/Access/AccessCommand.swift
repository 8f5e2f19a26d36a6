import Access
import ArgumentParser
import Foundation
import OCI

/// `stowage access`
struct AccessCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "access", abstract: "Look into who may do what.", subcommands: [AccessTestCommand.self])
}

/// `stowage access test`
struct AccessTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Say whether somebody may do something, and which rule decides.",
        discussion: """
            Reads the configuration only: whether there is such a user does not matter. Exits with 0 if it is allowed, \
            with 1 if it is denied, and with 2 if the question or the configuration is wrong.
            """)

    @Argument(help: "A user, robot+NAME, ISSUER:SUBJECT, cert:NAME, or anonymous.")
    var user: String
    @Argument(help: "The repository, such as team/app.")
    var repository: String
    @Argument(help: "pull, push, overwrite, delete or admin.")
    var action: String
    @Option(help: "The tag it is about; without one it is about content: blobs, manifests by digest, lists.")
    var tag: String?
    @Option(help: "A group of an issuer that its token names, as ISSUER:GROUP; repeat it for more.")
    var group: [String] = []
    @Option(help: "What an issuer's token says, as ISSUER:CLAIM=VALUE; repeat it for more.")
    var claim: [String] = []
    @Option(help: "The YAML file with the rules. [STOWAGE_CONFIG]")
    var config: String?

    func run() throws {
        let decision: (isAllowed: Bool, sentence: String)
        do {
            decision = try decide()
        } catch {
            try StandardError.fail("\(error)", status: 2)
        }
        print(decision.sentence)
        if !decision.isAllowed { throw ExitCode(1) }
    }

    private func decide() throws -> (isAllowed: Bool, sentence: String) {
        let environment = ProcessInfo.processInfo.environment
        let configuration = try ConfigurationLoader.load(
            file: config ?? environment["STOWAGE_CONFIG"], environment: environment
        ).configuration
        guard let action = Action(rawValue: action) else {
            let known = Action.allCases.map(\.rawValue).joined(separator: ", ")
            throw ConfigurationError("\(self.action.onOneLine): expected one of \(known)")
        }
        let policy = try configuration.policy()
        let decision = policy.decide(
            try identity(configuration), action, in: try RepositoryName(repository), tag: try tag.map { try Tag($0) })
        let verdict = decision.isAllowed ? "allowed" : "denied"
        guard configuration.access.hasRules else {
            let reason =
                configuration.isControlled
                ? "there are no rules, and whoever has logged in may do everything"
                : "there are no logins and no rules, and everybody may do everything"
            return (decision.isAllowed, "\(verdict): \(reason)")
        }
        guard let index = decision.rule else { return (decision.isAllowed, "\(verdict): no rule applies") }
        return (
            decision.isAllowed, "\(verdict) by \(configuration.access.rules.all[index].place): \(policy.rules[index])"
        )
    }

    /// Whom `user` names; the part before a colon says who vouches for it.
    private func identity(_ configuration: Configuration) throws -> Identity {
        if user == "anonymous" { return .anonymous }
        guard !user.isEmpty else { throw ConfigurationError("the user has no name; expected one, or anonymous") }
        var claims: [String: Set<String>] = [:]
        for text in claim {
            let sides = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2, sides[0].contains(":") else {
                throw ConfigurationError("--claim: expected ISSUER:CLAIM=VALUE (found \(text.debugDescription))")
            }
            claims[String(sides[0]), default: []].insert(String(sides[1]))
        }
        let authority = user.contains(":") ? user.prefix { $0 != ":" } : ""
        let method: Identity.Method =
            authority == "cert"
            ? .certificate : !authority.isEmpty ? .issuer : user.hasPrefix(RobotFile.prefix) ? .robot : .password
        if method == .issuer, !configuration.access.issuers.all.contains(where: { $0.name == authority }) {
            throw ConfigurationError("\(user.onOneLine): there is no issuer \(String(authority).onOneLine)")
        }
        return Identity(method, name: user, groups: Set(group), claims: claims)
    }
}
