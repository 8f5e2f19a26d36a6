import Logging

/// Writes swift-log's messages as lines of text or JSON.
struct ServerLogHandler: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    let format: LogFormat
    let writer: LineWriter

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let facts = metadata.merging(event.metadata ?? [:]) { $1 }
        writer.write(Self.line(event.level, "\(event.message)", format, facts))
    }

    /// One message as a line of the log.
    static func line(
        _ level: Logger.Level, _ message: String, _ format: LogFormat, _ facts: Logger.Metadata = [:]
    ) -> [UInt8] {
        let facts = facts.sorted { $0.key < $1.key }
        switch format {
        case .text:
            let tail = facts.map { " \($0.key)=\($0.value)" }.joined()
            return Array(oneLine("\(Timestamp.now()) \(level.rawValue) \(message)\(tail)").utf8) + [0x0a]
        case .json:
            var line = JSONLine()
            line.add("time", Timestamp.now())
            line.add("level", level.rawValue)
            line.add("message", message)
            for (key, value) in facts { line.add(key: key, "\(value)") }
            return line.finished()
        }
    }

    /// A message may quote text from outside: it must not be able to fake another line.
    private static func oneLine(_ text: String) -> String {
        String(text.map { $0.isNewline ? " " : $0 })
    }
}

extension Logger.Level {
    init(_ level: LogLevel) {
        self =
            switch level {
            case .trace: .trace
            case .debug: .debug
            case .info: .info
            case .notice: .notice
            case .warning: .warning
            case .error: .error
            case .critical: .critical
            }
    }
}
