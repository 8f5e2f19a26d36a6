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

    private let defaults: Node
    /// What the tree looks like after the layers so far; it starts as the defaults, which also say which keys exist.
    private var tree: Node
    private var origins: [[String]: String] = [:]
    private var problems: [String] = []
    /// Lists and groups of entries, with the file each is in.
    private var entries: [(path: [String], node: Node, file: String)] = []
    /// Variables beginning with `STOWAGE_` that are no setting; they may be somebody's typing error.
    private(set) var unknownVariables: [String] = []

    init() throws {
        guard let tree = try Yams.compose(yaml: YAMLEncoder().encode(Configuration())) else {
            throw ConfigurationError("the default configuration is empty")
        }
        defaults = tree
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
        loader.addWhatAWSToolsUse(environment)
        return (try loader.finish(), loader.unknownVariables)
    }

    // MARK: Layers

    private mutating func add(file: String) throws {
        guard let node = try ConfigurationFile.settings(at: file) else { return }
        overlay(node, at: [], of: file, line: node.mark?.line)
    }

    /// Takes over every value below `node` whose key exists; `line` is that of the node's key.
    private mutating func overlay(_ node: Node, at path: [String], of file: String, line: Int?) {
        let place = "\(file):\(line ?? 1)"
        // `key:` with nothing behind it means the default, as when a whole section is commented out.
        let isGroup = Self.value(at: path, of: tree)?.mapping != nil
        let isEntries = EntrySettings.paths.contains(path)
        if isGroup || isEntries, node.tag == Tag(.null) || node.scalar?.string.isEmpty == true { return }
        if isEntries { return entries.append((path, node, file)) }
        guard let mapping = node.mapping else {
            return path.isEmpty
                ? problems.append("\(place): expected settings as KEY: VALUE") : set(path, node, origin: place)
        }
        guard isGroup else {
            return problems.append("\(place): \(Self.name(path)): expected a value, not a group of settings")
        }
        for (key, value) in mapping {
            let line = key.mark?.line
            guard let name = key.scalar?.string, Self.value(at: path + [name], of: tree) != nil else {
                let unknown = Self.name(path + [key.scalar?.string.onOneLine ?? "?"])
                problems.append("\(file):\(line ?? 1): \(unknown): unknown setting")
                continue
            }
            overlay(value, at: path + [name], of: file, line: line)
        }
    }

    private mutating func add(environment: [String: String]) {
        var paths: [String: [String]] = [:]
        for path in Self.leaves(of: tree) + EntrySettings.paths { paths[Self.variable(path)] = path }
        for (name, value) in environment.sorted(by: { $0.key < $1.key }) where name.hasPrefix("STOWAGE_") {
            if let path = paths[name] {
                set(path, to: value, origin: name)
            } else if name != "STOWAGE_CONFIG" {
                unknownVariables.append(name)
            }
        }
    }

    /// What nobody has set is taken from the variables that AWS's own tools read, if the bytes are in a bucket.
    private mutating func addWhatAWSToolsUse(_ environment: [String: String]) {
        guard isOnBucket else { return }
        for (path, names) in AWSEnvironment.variables where origins[path] == nil {
            let found = names.lazy.compactMap { name in environment[name].map { (name, $0) } }.first { !$0.1.isEmpty }
            if let (name, value) = found { set(path, to: value, origin: name) }
        }
    }

    private var isOnBucket: Bool {
        StorageLocation.isBucket(Self.value(at: ["storage", "location"], of: tree)?.string ?? "")
    }

    private mutating func set(_ path: [String], to text: String, origin: String) {
        set(path, Node(text), origin: origin)
    }

    private mutating func set(_ path: [String], _ value: Node, origin: String) {
        guard !EntrySettings.paths.contains(path) else {
            return problems.append("\(origin): \(Self.name(path)): can be set in the file only")
        }
        guard Self.value(at: path, of: tree)?.mapping == nil else {
            return problems.append("\(origin): \(Self.name(path)): expected a group of settings, not a value")
        }
        origins[path] = origin
        // A quoted `"true"` is as good as a plain one, as in the other layers.
        Self.replace(value.scalar.map { Node($0.string) } ?? value, at: path[...], in: &tree)
    }

    // MARK: Result

    private mutating func finish() throws -> Configuration {
        while true {
            do {
                var configuration = try YAMLDecoder().decode(Configuration.self, from: tree)
                var found = problems
                for (path, node, file) in entries {
                    found += EntrySettings.read(path, node, file: file, into: &configuration)
                }
                found += configuration.problems { place($0) } + uselessOptions
                guard found.isEmpty else { throw ConfigurationError(found) }
                configuration.places = Places(origins)
                return configuration
            } catch let error as DecodingError {
                try note(error)
            }
        }
    }

    /// Complaints about options for buckets on a command line that names a directory.
    private var uselessOptions: [String] {
        guard !isOnBucket else { return [] }
        return origins.filter { $0.key.starts(with: ["storage", "s3"]) && $0.value.hasPrefix("--") }
            .map { "\(place($0.key)): only for a bucket, and storage.location is a directory" }.sorted()
    }

    /// Keeps the complaint, and puts the default in the value's place, so that what else is wrong can be said too.
    private mutating func note(_ error: DecodingError) throws {
        let context = Self.context(of: error)
        let path = context.codingPath.map(\.stringValue)
        problems.append(complaint(path, context.debugDescription))
        guard origins.removeValue(forKey: path) != nil, let value = Self.value(at: path, of: defaults) else {
            throw ConfigurationError(problems)
        }
        Self.replace(value, at: path[...], in: &tree)
    }

    /// Where a setting got its value, followed by its name.
    private func place(_ path: [String]) -> String { Places(origins).place(path) }

    private func complaint(_ path: [String], _ reason: String) -> String {
        let value = Self.value(at: path, of: tree)
        let found = value?.scalar.map { " (found \($0.string.debugDescription))" } ?? ""
        let wanted = value?.sequence == nil ? Self.expectation(path) ?? reason : "expected a value, not a list"
        return "\(place(path)): \(wanted)\(found)"
    }

    private static func context(of error: DecodingError) -> DecodingError.Context {
        switch error {
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context),
            .dataCorrupted(let context):
            context
        @unknown default: DecodingError.Context(codingPath: [], debugDescription: "\(error)")
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
        var name = ""
        for character in path.joined(separator: "_") {
            // `accessKeyID` is three words.
            if character.isUppercase, name.last?.isLowercase == true { name += "_" }
            name.append(character)
        }
        return "STOWAGE_" + name.uppercased()
    }
}
