import ArgumentParser
import EventLoop
import Foundation
import Logging

/// `stowage serve`
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve the registry.",
        discussion: """
            Settings come from options, then STOWAGE_… environment variables, then the file, then defaults. SIGTERM \
            and SIGINT let running requests finish, a second one ends at once; SIGHUP reads the configuration again.
            """)

    @OptionGroup var storage: StorageOptions
    @Option(help: "ADDRESS:PORT to listen on; port 0 takes a free one. Default 127.0.0.1:5000. [STOWAGE_LISTEN]")
    var listen: String?
    @Option(help: "ADDRESS:PORT to listen on with TLS. [STOWAGE_TLS_LISTEN]")
    var tlsListen: String?
    @Option(help: "A PEM file with the certificate and its chain. [STOWAGE_TLS_CERTIFICATE]")
    var tlsCertificate: String?
    @Option(help: "A PEM file with the certificate's private key. [STOWAGE_TLS_KEY]")
    var tlsKey: String?
    @Option(help: "trace, debug, info, notice, warning, error or critical. Default info. [STOWAGE_LOG_LEVEL]")
    var logLevel: String?
    @Option(help: "text or json. Default text. [STOWAGE_LOG_FORMAT]")
    var logFormat: String?
    @Flag(help: "Let everybody who reaches a non-loopback address push and pull. [STOWAGE_ALLOW_ANONYMOUS]")
    var allowAnonymous = false

    @Option(help: "How blobs get from a bucket to clients: auto, redirect or proxy. Default auto. [STOWAGE_PULL_MODE]")
    var pullMode: String?
    @Option(help: "A directory for blobs of a bucket that passed through. [STOWAGE_PULL_CACHE_DIRECTORY]")
    var pullCache: String?
    @Option(help: "The size of all files in it together. Default 10GiB. [STOWAGE_PULL_CACHE_SIZE]")
    var pullCacheSize: String?

    func run() async throws {
        // Before anybody can see the server: who sees it may signal it.
        let signals = Signals()
        let application: Application
        let configuration: Configuration
        do {
            let load = loader
            let (loaded, unknownVariables) = try load()
            configuration = loaded
            OpenFileLimit.raise()
            LargeAllocations.giveBack()
            application = try await Application(configuration) { try load().configuration }
            for name in unknownVariables {
                application.logger.notice("environment variable \(name) is no setting and is ignored")
            }
        } catch {
            try StandardError.fail(Self.sentence(error))
        }
        signals.startServing()
        Announcement(application.addresses, application.storeSummary, configuration).write()
        let reloading = Task { [reloads = signals.reloads] in
            for await _ in reloads { await application.reloadConfiguration() }
        }
        for await _ in signals.stops {}
        reloading.cancel()
        await application.stop()
        withExtendedLifetime(signals) {}
    }

    /// Reads the configuration as this command line wants it, now or on SIGHUP.
    private var loader: @Sendable () throws -> (configuration: Configuration, unknownVariables: [String]) {
        let (storage, others) = (storage, others)
        return { try storage.load(others) }
    }

    /// What this command line says besides the file.
    var overrides: [ConfigurationLoader.Override] { storage.overrides + others }

    private var others: [ConfigurationLoader.Override] {
        let options: [(path: [String], value: String?, option: String)] = [
            (["listen"], listen, "--listen"),
            (["tls", "listen"], tlsListen, "--tls-listen"),
            (["tls", "certificate"], tlsCertificate, "--tls-certificate"),
            (["tls", "key"], tlsKey, "--tls-key"),
            (["log", "level"], logLevel, "--log-level"),
            (["log", "format"], logFormat, "--log-format"),
            (["pull", "mode"], pullMode, "--pull-mode"),
            (["pull", "cache", "directory"], pullCache, "--pull-cache"),
            (["pull", "cache", "size"], pullCacheSize, "--pull-cache-size"),
            (["allowAnonymous"], allowAnonymous ? "true" : nil, "--allow-anonymous"),
        ]
        return options.compactMap { path, value, option in
            value.map { ConfigurationLoader.Override(path: path, value: $0, option: option) }
        }
    }

    /// One line that says what went wrong, for errors of every floor.
    private static func sentence(_ error: any Error) -> String {
        switch error {
        case let error as SystemCallError where error.code == EADDRINUSE:
            "\(error.subject ?? "the address") is in use: stop what listens there, or choose another with --listen"
        default: "\(error)"
        }
    }
}
