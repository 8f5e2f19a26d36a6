import Foundation
import Yams

/// Lays a YAML file, the environment and the command line over the defaults, and remembers where each value came from,
/// so that every complaint names its place.
struct ConfigurationLoader {
    /// A value that wins over file and environment, from the command line.
    struct Override {
        /// As in the YAML file, for example `["log", "level"]`.
        let path: [String]
        let value: String
        /// As the person typed it, for example `--log-level`.
        let option: String
    }

    /// More than any configuration file has.
    private static let maximumFileSize = 1 << 20

    /// What the tree looks like after the layers so far; it starts as the defaults, which also say which keys exist.
    private var tree: Node
    private var origins: [[String]: String] = [:]
    private var problems: [String] = []
    /// Variables beginning with `STOWAGE_` that are no setting; they may be somebody's typing error.
    private(set) var unknownVariables: [String] = []

    init() throws {
        guard let tree = try Yams.compose(yaml: YAMLEncoder().encode(Configuration())) else {
            throw ConfigurationError("the default configuration is empty")
        }
        self.tree = tree
    }

    /// Reads the layers in order of precedence. Throws `ConfigurationError` with every problem found.
    static func load(
        file: String?, environment: [String: String], overrides: [Override] = []
    ) throws -> (configuration: Configuration, unknownVariables: [String]) {
        var loader = try ConfigurationLoader()
        if let file { try loader.add(file: file) }
        loader.add(environment: environment)
        for override in overrides { loader.set(override.path, to: override.value, origin: override.option) }
        return (try loader.finish(), loader.unknownVariables)
    }

    // MARK: Layers

    private mutating func add(file: String) throws {
        let text: String
        do {
            let data = try Data(contentsOf: URL(fileURLWithPath: file))
            guard data.count <= Self.maximumFileSize, let decoded = String(data: data, encoding: .utf8) else {
                throw ConfigurationError("\(file): not a UTF-8 text of at most \(Self.maximumFileSize) bytes")
            }
            text = decoded
        } catch let error as CocoaError {
            throw ConfigurationError("\(file): \(Self.reason(error))")
        }
        do {
            guard let node = try Yams.compose(yaml: text) else { return }
            overlay(node, at: [], file: file)
        } catch let error as YamlError {
            throw ConfigurationError("\(file): \(Self.oneLine("\(error)"))")
        }
    }

    private static func reason(_ error: CocoaError) -> String {
        switch error.code {
        case .fileReadNoSuchFile, .fileNoSuchFile: "no such file"
        case .fileReadNoPermission: "permission denied"
        default: "cannot be read (\(oneLine(error.localizedDescription)))"
        }
    }

    /// Takes over every value below `node` whose key exists.
    private mutating func overlay(_ node: Node, at path: [String], file: String) {
        let place = "\(file):\(node.mark?.line ?? 1)"
        // `key:` with nothing behind it means the default, as when a whole section is commented out.
        if node.tag == Tag(.null) || node.scalar?.string.isEmpty == true, Self.value(at: path, of: tree)?.mapping != nil {
            return
        }
        guard let mapping = node.mapping else {
            return path.isEmpty
                ? problems.append("\(place): expected settings as KEY: VALUE") : set(path, node, origin: place)
        }
        guard Self.value(at: path, of: tree)?.mapping != nil else {
            return problems.append("\(place): \(Self.name(path)): expected a value, not a group of settings")
        }
        for (key, value) in mapping {
            let keyPlace = "\(file):\(key.mark?.line ?? 1)"
            guard let name = key.scalar?.string, Self.value(at: path + [name], of: tree) != nil else {
                problems.append("\(keyPlace): \(Self.name(path + [key.scalar?.string ?? "?"])): unknown setting")
                continue
            }
            overlay(value, at: path + [name], file: file)
        }
    }

    private mutating func add(environment: [String: String]) {
        var paths: [String: [String]] = [:]
        for path in Self.leaves(of: tree) { paths[Self.variable(path)] = path }
        for (name, value) in environment.sorted(by: { $0.key < $1.key }) where name.hasPrefix("STOWAGE_") {
            if let path = paths[name] {
                set(path, to: value, origin: name)
            } else if name != "STOWAGE_CONFIG" {
                unknownVariables.append(name)
            }
        }
    }

    private mutating func set(_ path: [String], to text: String, origin: String) {
        set(path, Node(text), origin: origin)
    }

    private mutating func set(_ path: [String], _ value: Node, origin: String) {
        guard Self.value(at: path, of: tree)?.mapping == nil else {
            return problems.append("\(origin): \(Self.name(path)): expected a group of settings, not a value")
        }
        origins[path] = origin
        Self.replace(value, at: path[...], in: &tree)
    }

    // MARK: Result

    private func finish() throws -> Configuration {
        do {
            let configuration = try YAMLDecoder().decode(Configuration.self, from: tree)
            let found = problems + configuration.problems { place($0) }
            guard found.isEmpty else { throw ConfigurationError(found) }
            return configuration
        } catch let error as DecodingError {
            throw ConfigurationError(problems + [complaint(error)])
        }
    }

    /// Where a setting got its value, followed by its name.
    private func place(_ path: [String]) -> String {
        origins[path].map { "\($0): \(Self.name(path))" } ?? Self.name(path)
    }

    private func complaint(_ error: DecodingError) -> String {
        let context: DecodingError.Context =
            switch error {
            case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context),
                .dataCorrupted(let context):
                context
            @unknown default: DecodingError.Context(codingPath: [], debugDescription: "\(error)")
            }
        let path = context.codingPath.map(\.stringValue)
        let text = Self.value(at: path, of: tree)?.scalar?.string
        let found = text.map { " (found \"\(Self.oneLine($0))\")" } ?? ""
        return "\(place(path)): \(Self.expectation(path) ?? Self.oneLine(context.debugDescription))\(found)"
    }

    /// What a setting with a fixed set of values, a number or a switch wants.
    private static func expectation(_ path: [String]) -> String? {
        switch path {
        case ["manifests", "missingReferences"]: "expected reject or accept"
        case ["log", "level"]: "expected one of \(LogLevel.allCases.map(\.rawValue).joined(separator: ", "))"
        case ["log", "format"]: "expected text or json"
        case ["allowAnonymous"], ["readOnly"], ["log", "access"]: "expected true or false"
        case ["http", "eventLoops"], ["http", "maximumConnections"]: "expected a whole number"
        default: nil
        }
    }

    // MARK: Trees and names

    private static func value(at path: [String], of node: Node) -> Node? {
        path.reduce(node) { node, key in node?.mapping?[key] }
    }

    private static func replace(_ value: Node, at path: ArraySlice<String>, in node: inout Node) {
        guard let first = path.first, var mapping = node.mapping else {
            node = value
            return
        }
        var child = mapping[first] ?? value
        replace(value, at: path.dropFirst(), in: &child)
        mapping[first] = child
        node = .mapping(mapping)
    }

    private static func leaves(of node: Node, at path: [String] = []) -> [[String]] {
        guard let mapping = node.mapping else { return [path] }
        return mapping.flatMap { key, value in leaves(of: value, at: path + [key.scalar?.string ?? ""]) }
    }

    private static func name(_ path: [String]) -> String { path.joined(separator: ".") }

    /// `http.idleTimeout` is `STOWAGE_HTTP_IDLE_TIMEOUT`; `storage.location` is short for people: `STOWAGE_STORAGE`.
    static func variable(_ path: [String]) -> String {
        if path == ["storage", "location"] { return "STOWAGE_STORAGE" }
        let words = path.joined(separator: "_").map { $0.isUppercase ? "_\($0)" : $0.uppercased() }
        return "STOWAGE_" + words.joined()
    }

    private static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: " ")
    }
}
