import ArgumentParser
import EventLoop
import Glibc
import ObjectStorage
import Registry
import Synchronization

/// `stowage stats`
struct StatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "Say what the store holds, and what sharing layers saves.",
        discussion: """
            Lists the store and reads the manifest of every tag; nothing is written. A large bucket takes its time: how \
            far it is appears on standard error.
            """)

    /// How the result is written.
    enum Output: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    /// Layers that are named.
    private static let namedLayers = 20

    @OptionGroup var storage: StorageOptions
    @Flag(help: "Also name the layers that most tags share, and who uses them.")
    var layers = false
    @Option(help: "text or json.")
    var output = Output.text

    func run() async throws {
        do {
            var configuration = try storage.load().configuration
            // A directory that is not there must not be made.
            configuration.readOnly = true
            let loop = try EventLoop(name: "stowage.stats")
            let store = try OpenedStore(configuration, loops: [loop], blockingWork: BlockingWork()).store
            let progress = ProgressLine()
            let started = time(nil)
            let walk = StatisticsWalk(store, layers: layers ? Self.namedLayers : nil) { progress.show($0) }
            let statistics = try await walk.run()
            progress.end()
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

/// How far a walk is, on standard error: in one line on a terminal, else a line from time to time.
private final class ProgressLine: Sendable {
    /// Seconds between two lines that stay.
    private static let pause = 5

    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let shown = Atomic<Int>(EventLoop.now)

    func show(_ progress: StatisticsWalk.Progress) {
        let now = EventLoop.now
        guard now - shown.load(ordering: .relaxed) >= (isTerminal ? 1 : Self.pause) else { return }
        shown.store(now, ordering: .relaxed)
        let text =
            switch progress {
            case .objects(let count): "\(count) objects listed"
            case .tags(let count): "\(count) tags read"
            }
        write(isTerminal ? "\r\u{1B}[K\(text)" : "\(text)\n")
    }

    /// Makes room for the result.
    func end() {
        if isTerminal { write("\r\u{1B}[K") }
    }

    private func write(_ text: String) {
        let bytes = Array(text.utf8)
        // Nobody to tell when even this fails.
        _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
    }
}
