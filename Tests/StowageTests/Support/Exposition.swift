import Testing

/// Metrics as they were exposed, read by the strict rules of Prometheus's text format, version 0.0.4.
struct Exposition {
    /// One line: a series and its value.
    struct Sample {
        let name: String
        let labels: [String: String]
        let value: Double
    }

    struct Malformed: Error, CustomStringConvertible {
        let description: String
    }

    private(set) var types: [String: String] = [:]
    private var helps: Set<String> = []
    private(set) var samples: [Sample] = []

    init(_ text: String) throws {
        guard text.hasSuffix("\n") else { throw Malformed(description: "the last line does not end") }
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            if line.hasPrefix("#") { try readComment(line) } else { samples.append(try Self.sample(line)) }
        }
        try checkFamilies()
        try checkSeries()
        try checkHistograms()
    }

    /// The sum of all series of a name whose labels include `labels`; 0 when there are none.
    func value(_ name: String, _ labels: [String: String] = [:]) -> Double {
        samples.filter { sample in
            sample.name == name && labels.allSatisfy { sample.labels[$0.key] == $0.value }
        }.reduce(0) { $0 + $1.value }
    }

    // MARK: Lines

    private mutating func readComment(_ line: Substring) throws {
        let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
        guard words.count == 4, words[0] == "#", Self.isName(words[2]), !words[3].isEmpty else {
            throw Malformed(description: "comment: \(line)")
        }
        switch words[1] {
        case "HELP":
            guard helps.insert(words[2]).inserted else { throw Malformed(description: "a second HELP: \(line)") }
        case "TYPE":
            guard ["counter", "gauge", "histogram"].contains(words[3]), types[words[2]] == nil else {
                throw Malformed(description: "TYPE: \(line)")
            }
            types[words[2]] = words[3]
        default: throw Malformed(description: "comment: \(line)")
        }
    }

    private static func sample(_ line: Substring) throws -> Sample {
        guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else {
            throw Malformed(description: "no value: \(line)")
        }
        var series = line[..<space]
        var labels: [String: String] = [:]
        if let brace = series.firstIndex(of: "{") {
            guard series.last == "}" else { throw Malformed(description: "labels: \(line)") }
            labels = try Self.labels(series[series.index(after: brace)...].dropLast())
            series = series[..<brace]
        }
        guard isName(String(series)), value.isFinite, value >= 0 else {
            throw Malformed(description: "sample: \(line)")
        }
        return Sample(name: String(series), labels: labels, value: value)
    }

    private static func labels(_ text: Substring) throws -> [String: String] {
        var labels: [String: String] = [:]
        var rest = text
        while !rest.isEmpty {
            guard let quote = rest.firstRange(of: "=\""),
                let end = rest[quote.upperBound...].firstIndex(of: "\"")
            else { throw Malformed(description: "labels: \(text)") }
            let name = String(rest[..<quote.lowerBound])
            let value = String(rest[quote.upperBound..<end])
            guard isName(name), labels[name] == nil, !value.contains("\\") else {
                throw Malformed(description: "label: \(text)")
            }
            labels[name] = value
            rest = rest[rest.index(after: end)...]
            if rest.isEmpty { break }
            guard rest.first == ",", rest.count > 1 else { throw Malformed(description: "labels: \(text)") }
            rest = rest.dropFirst()
        }
        return labels
    }

    private static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return text.utf8.allSatisfy { byte in
            byte == 0x5f || (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
        }
    }

    // MARK: Rules

    /// The family a sample belongs to: a histogram's samples have suffixes.
    private func family(_ name: String) -> String {
        for suffix in ["_bucket", "_sum", "_count"] where name.hasSuffix(suffix) {
            let base = String(name.dropLast(suffix.count))
            if types[base] == "histogram" { return base }
        }
        return name
    }

    private func checkFamilies() throws {
        guard helps == Set(types.keys) else { throw Malformed(description: "HELP and TYPE do not fit together") }
        var finished: Set<String> = []
        var current = ""
        for sample in samples {
            let name = family(sample.name)
            guard types[name] != nil else { throw Malformed(description: "no TYPE: \(sample.name)") }
            if name != current {
                guard finished.insert(name).inserted else { throw Malformed(description: "\(name) in two places") }
                current = name
            }
            if types[name] == "counter", !name.hasSuffix("_total") {
                throw Malformed(description: "a counter that is not called _total: \(name)")
            }
        }
    }

    private func checkSeries() throws {
        let series = samples.map { "\($0.name) \($0.labels.sorted { $0.key < $1.key })" }
        guard Set(series).count == series.count else { throw Malformed(description: "a series comes twice") }
    }

    private func checkHistograms() throws {
        for (name, type) in types where type == "histogram" {
            let buckets = Dictionary(grouping: samples.filter { $0.name == "\(name)_bucket" }) { sample in
                sample.labels.filter { $0.key != "le" }
            }
            for (labels, samples) in buckets {
                let bounds = samples.map { Double($0.labels["le"] == "+Inf" ? "inf" : $0.labels["le"] ?? "") ?? -1 }
                guard bounds == bounds.sorted(), Set(bounds).count == bounds.count, bounds.last == .infinity,
                    bounds.allSatisfy({ $0 > 0 })
                else { throw Malformed(description: "bounds of \(name) \(labels): \(bounds)") }
                let counts = samples.map(\.value)
                guard counts == counts.sorted(), counts.last == value("\(name)_count", labels) else {
                    throw Malformed(description: "counts of \(name) \(labels): \(counts)")
                }
                guard self.samples.contains(where: { $0.name == "\(name)_sum" && $0.labels == labels }) else {
                    throw Malformed(description: "no sum of \(name) \(labels)")
                }
            }
        }
    }
}
