import Yams

/// A text of the configuration file and where it stands, as `FILE:LINE`.
struct PlacedText: Equatable, Sendable {
    let text: String
    let place: String
}

/// Reads the entries of one list or group of the configuration file; every complaint names file, line and setting.
struct EntryReader {
    /// A key of an entry with its value.
    struct Pair {
        let key: Node
        let value: Node
    }

    let file: String
    /// For example `access.rules`.
    let setting: String
    private(set) var problems: [String] = []

    init(file: String, setting: String) {
        (self.file, self.setting) = (file, setting)
    }

    func place(_ node: Node) -> String { "\(file):\(node.mark?.line ?? 1)" }

    /// Keeps a complaint about what stands at `node`.
    mutating func complain(_ node: Node, _ text: String) { complain(place(node), text) }

    mutating func complain(_ place: String, _ text: String) {
        problems.append("\(place): \(setting): \(text)")
    }

    // MARK: Values

    /// The pairs of an entry, of which only those in `known` may be there.
    mutating func pairs(_ node: Node, known: [String]) -> [String: Pair] {
        guard let mapping = node.mapping else {
            complain(node, "expected an entry with \(known.joined(separator: ", "))")
            return [:]
        }
        var pairs: [String: Pair] = [:]
        for (key, value) in mapping {
            guard let name = key.scalar?.string, known.contains(name) else {
                let found = key.scalar?.string.onOneLine ?? "?"
                complain(key, "\(found): unknown; there are \(known.joined(separator: ", "))")
                continue
            }
            pairs[name] = Pair(key: key, value: value)
        }
        return pairs
    }

    /// A text or a number, as it is written; `key` is what a complaint calls it.
    mutating func text(_ node: Node, of key: String? = nil) -> PlacedText? {
        guard let scalar = node.scalar, node.tag != Tag(.null), !scalar.string.isEmpty else {
            complain(node, "\(key.map { "\($0): " } ?? "")expected a text")
            return nil
        }
        return PlacedText(text: scalar.string, place: place(node))
    }

    /// Texts by name, `NAME: TEXT`; in a list each text is its own name.
    mutating func textsByName(_ node: Node) -> [String: String] {
        guard let mapping = node.mapping else {
            return Dictionary(texts(node).map { ($0.text, $0.text) }) { first, _ in first }
        }
        var found: [String: String] = [:]
        for (key, value) in mapping {
            if let key = text(key), let value = text(value) { found[key.text] = value.text }
        }
        return found
    }

    /// A list of texts, or a single one.
    mutating func texts(_ node: Node) -> [PlacedText] {
        guard let sequence = node.sequence else { return text(node).map { [$0] } ?? [] }
        var texts: [PlacedText] = []
        for element in sequence {
            if let text = text(element) { texts.append(text) }
        }
        return texts
    }
}

/// What a list or a group of the configuration file has as often as one likes.
protocol Entry: Equatable, Sendable {
    /// Whether each has a name before its colon instead of a place in a list.
    static var isNamed: Bool { get }

    /// Nil after a complaint to the reader. `key` is the name of a named one.
    init?(_ node: Node, key: Node?, _ reader: inout EntryReader)
}

/// A setting with any number of entries; only the file can have some.
struct Entries<Element: Entry>: Equatable, Sendable {
    var all: [Element] = []

    /// Reads every entry below `node`.
    init(_ node: Node, _ reader: inout EntryReader) {
        if Element.isNamed, let mapping = node.mapping {
            for (key, value) in mapping {
                if let element = Element(value, key: key, &reader) { all.append(element) }
            }
        } else if !Element.isNamed, let sequence = node.sequence {
            for value in sequence {
                if let element = Element(value, key: nil, &reader) { all.append(element) }
            }
        } else {
            reader.complain(node, Element.isNamed ? "expected entries as NAME: VALUE" : "expected a list")
        }
    }

    init() {}
}

/// In the tree of settings there are never entries: they are read from the file with their lines.
extension Entries: Codable {
    private enum NoKey: CodingKey {}

    init(from decoder: any Decoder) throws {}

    func encode(to encoder: any Encoder) throws {
        if Element.isNamed {
            _ = encoder.container(keyedBy: NoKey.self)
        } else {
            _ = encoder.unkeyedContainer()
        }
    }
}

/// The settings that have entries.
enum EntrySettings {
    static let paths = [["access", "issuers"], ["access", "groups"], ["access", "rules"], ["proxies"]]

    /// Reads the entries of the setting at `path`; returns what is wrong with them.
    static func read(
        _ path: [String], _ node: Node, file: String, into configuration: inout Configuration
    ) -> [String] {
        var reader = EntryReader(file: file, setting: path.joined(separator: "."))
        switch path.last {
        case "issuers": configuration.access.issuers = Entries(node, &reader)
        case "groups": configuration.access.groups = Entries(node, &reader)
        case "rules": configuration.access.rules = Entries(node, &reader)
        default: configuration.proxies = Entries(node, &reader)
        }
        return reader.problems
    }
}
