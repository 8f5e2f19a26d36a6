import HTTPServer

/// One line for each request. Never a secret: no query, no credentials, no upload token.
enum AccessLog {
    private static let uploadPath = "/blobs/uploads/"

    static func line(_ exchange: Exchange, _ format: LogFormat) -> [UInt8] {
        let agent = exchange.head.value("User-Agent") ?? "-"
        let path = redacted(exchange.head.path)
        let microseconds = exchange.nanoseconds / 1000
        switch format {
        case .json:
            var line = JSONLine()
            line.add("time", Timestamp.now())
            line.add("method", exchange.head.method.name)
            line.add("path", path)
            line.add("status", exchange.status.code)
            line.add("bytesIn", exchange.bytesIn)
            line.add("bytesOut", exchange.bytesOut)
            line.add("durationMicroseconds", microseconds)
            line.add("client", exchange.peer)
            line.add("userAgent", agent)
            line.add("requestID", exchange.requestID)
            return line.finished()
        case .text:
            let duration = "\(microseconds / 1000).\(String(1000 + microseconds % 1000).dropFirst())ms"
            let text =
                "\(Timestamp.now()) \(exchange.head.method.name) \(path) \(exchange.status.code)"
                + " in=\(exchange.bytesIn) out=\(exchange.bytesOut) \(duration) \(exchange.peer)"
                + " \"\(String(agent.map { $0 == "\"" ? "'" : $0 }))\""
                + " id=\(exchange.requestID)\n"
            return Array(text.utf8)
        }
    }

    /// The path without an upload's token: whoever has it can go on with the upload.
    static func redacted(_ path: String) -> String {
        guard let range = path.firstRange(of: uploadPath), range.upperBound < path.endIndex else { return path }
        return path[..<range.upperBound] + "…"
    }
}
