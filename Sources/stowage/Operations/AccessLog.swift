import HTTPServer

/// One line for each request. Never a secret: no query, no credentials, no upload token.
enum AccessLog {
    /// `client`: its numeric address.
    static func line(_ exchange: Exchange, client: String, _ format: LogFormat) -> [UInt8] {
        let agent = exchange.head.value("User-Agent") ?? "-"
        let path = redacted(exchange.head.path)
        let microseconds = exchange.nanoseconds / 1000
        // A client that reset its connection early has no address any more.
        let client = client.isEmpty ? "-" : client
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
            line.add("client", client)
            line.add("userAgent", agent)
            line.add("requestID", exchange.requestID)
            return line.finished()
        case .text:
            let duration = "\(microseconds / 1000).\(String(1000 + microseconds % 1000).dropFirst())ms"
            let text =
                "\(Timestamp.now()) \(exchange.head.method.name) \(path) \(exchange.status.code)"
                + " in=\(exchange.bytesIn) out=\(exchange.bytesOut) \(duration) \(client)"
                + " \"\(printable(agent))\""
                + " id=\(exchange.requestID)\n"
            return Array(text.utf8)
        }
    }

    /// The path without an upload's token: whoever has it can go on with the upload.
    static func redacted(_ path: String) -> String {
        let slash = UInt8(ascii: "/")
        var pieces = path.utf8.split(separator: slash, omittingEmptySubsequences: false).map(Substring.init)
        let uploads = pieces.indices.dropFirst().first { index in
            spells(pieces[index], "uploads") && spells(pieces[index - 1], "blobs")
        }
        guard let uploads, pieces[(uploads + 1)...].contains(where: { !$0.isEmpty }) else { return path }
        pieces.removeSubrange((uploads + 2)...)
        pieces[uploads + 1] = "…"
        return pieces.joined(separator: "/")
    }

    /// Whether the registry would take `piece` for `name`: an escape spells the same component.
    private static func spells(_ piece: Substring, _ name: String) -> Bool {
        piece == name || (piece.utf8.contains(UInt8(ascii: "%")) && PercentCoding.decode(piece) == name)
    }

    /// Text from a client that can neither end its quotes nor its line, nor move a terminal's cursor.
    private static func printable(_ text: String) -> String {
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") }) { return text }
        var out = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: out.append(" ")
            default: out.append(scalar == "\"" ? "'" : scalar)
            }
        }
        return String(out)
    }
}
