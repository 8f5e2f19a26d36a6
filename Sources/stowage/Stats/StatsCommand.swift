import ArgumentParser
import EventLoop
import Glibc
import ObjectStorage
import Registry

/// `stowage stats`
struct StatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "Say what the store holds, and what sharing layers saves.",
        discussion: """
            Lists the store and reads the manifest of every tag; nothing is written. A large bucket takes its time: how \
            far it is appears on standard error.
            """)

    /// Layers that are named.
    private static let namedLayers = 20

    @OptionGroup var storage: StorageOptions
    @Flag(help: "Also name the layers that most tags share, and who uses them.")
    var layers = false
    @Option(help: "text or json.")
    var output = OutputFormat.text

    func run() async throws {
        do {
            var configuration = try storage.load().configuration
            // A directory that is not there must not be made.
            configuration.readOnly = true
            let loop = try EventLoop(name: "stowage.stats")
            let store = try OpenedStore(configuration, loops: [loop], blockingWork: BlockingWork()).store
            let progress = ProgressText()
            let started = time(nil)
            let walk = StatisticsWalk(store, layers: layers ? Self.namedLayers : nil) { progress.show($0.words) }
            let statistics = try await walk.run()
            progress.clear()
            try show(StatisticsReport(statistics, prices: configuration.stats.prices, computedAt: started))
        } catch {
            try StandardError.fail("\(error)")
        }
    }

    private func show(_ report: StatisticsReport) throws {
        switch output {
        case .text: print(StatisticsText(report: report).text, terminator: "")
        case .json: print(String(decoding: try report.json, as: UTF8.self))
        }
    }
}

extension StatisticsWalk.Progress {
    /// For the person who waits.
    fileprivate var words: String {
        switch self {
        case .objects(let count): "\(count) objects listed"
        case .tags(let count): "\(count) tags read"
        }
    }
}
