import Testing
import Yams

@testable import stowage

/// Every setting has an environment variable, whose name follows from its path.
@Suite struct EnvironmentNamesTests {
    /// The paths of all settings, from the tree itself.
    static let paths: [[String]] = {
        // Encoding the defaults cannot fail.
        let tree = try! Yams.compose(yaml: YAMLEncoder().encode(Configuration()))
        return tree.map { leaves(of: $0) } ?? []
    }()

    @Test func theTreeHasWhatTheTestsExpect() {
        #expect(Self.paths.count >= 17)
        #expect(Self.paths.contains(["http", "drainTimeout"]))
    }

    @Test(arguments: [
        ("STOWAGE_LISTEN", ["listen"]), ("STOWAGE_STORAGE", ["storage", "location"]),
        ("STOWAGE_STORAGE_CACHE_SIZE", ["storage", "cacheSize"]), ("STOWAGE_READ_ONLY", ["readOnly"]),
        ("STOWAGE_ALLOW_ANONYMOUS", ["allowAnonymous"]), ("STOWAGE_LOG_LEVEL", ["log", "level"]),
        ("STOWAGE_LOG_FORMAT", ["log", "format"]), ("STOWAGE_LOG_ACCESS", ["log", "access"]),
        ("STOWAGE_HTTP_MAXIMUM_BODY_SIZE", ["http", "maximumBodySize"]),
        ("STOWAGE_MANIFESTS_MISSING_REFERENCES", ["manifests", "missingReferences"]),
        ("STOWAGE_STORAGE_S3_PART_SIZE", ["storage", "s3", "partSize"]),
        ("STOWAGE_STORAGE_S3_CREDENTIALS_ACCESS_KEY_ID", ["storage", "s3", "credentials", "accessKeyID"]),
    ])
    func aNameIsThePathInCapitals(_ name: String, _ path: [String]) {
        #expect(ConfigurationLoader.variable(path) == name)
    }

    @Test func noTwoSettingsShareAName() {
        let names = Self.paths.map(ConfigurationLoader.variable)
        #expect(Set(names).count == names.count)
        #expect(!names.contains("STOWAGE_CONFIG"))
        #expect(names.allSatisfy { $0.allSatisfy { $0.isASCII && ($0.isUppercase || $0.isNumber || $0 == "_") } })
    }

    /// What is no value of any setting is refused under the very name: so the variable is read.
    @Test(arguments: paths)
    func theVariableIsRead(_ path: [String]) throws {
        let name = ConfigurationLoader.variable(path)
        let complaint = #expect(throws: ConfigurationError.self) {
            try ConfigurationLoader.load(file: nil, environment: [name: "s3://no such thing"])
        }
        #expect(complaint?.problems.first?.hasPrefix("\(name): \(path.joined(separator: ".")): ") == true)
    }

    /// What Kubernetes and docker links put into the environment of a container beside a service of this name.
    @Test(arguments: ["", "_HTTP", "_REGISTRY", "_STORAGE", "_LOG", "_UPLOADS", "_READ_ONLY", "_LISTEN"])
    func aServiceOfThatNameDoesNoHarm(_ suffix: String) throws {
        let service = "STOWAGE\(suffix)"
        let variables = [
            "\(service)_SERVICE_HOST": "10.0.0.1", "\(service)_SERVICE_PORT": "5000",
            "\(service)_SERVICE_PORT_HTTP": "5000", "\(service)_PORT": "tcp://10.0.0.1:5000",
            "\(service)_PORT_5000_TCP": "tcp://10.0.0.1:5000", "\(service)_PORT_5000_TCP_PROTO": "tcp",
            "\(service)_PORT_5000_TCP_PORT": "5000", "\(service)_PORT_5000_TCP_ADDR": "10.0.0.1",
            "\(service)_NAME": "/web/stowage",
        ]
        let (configuration, unknown) = try ConfigurationLoader.load(file: nil, environment: variables)
        #expect(configuration == Configuration())
        #expect(unknown == variables.keys.sorted())
    }

    @Test func othersVariablesAreNobodysBusiness() throws {
        let variables = ["PATH": "/bin", "LISTEN": "x", "stowage_listen": "x", "XSTOWAGE_LISTEN": "x", "STOWAGE": "x"]
        let (configuration, unknown) = try ConfigurationLoader.load(file: nil, environment: variables)
        #expect(configuration == Configuration())
        #expect(unknown.isEmpty)
    }

    static func leaves(of node: Node, at path: [String] = []) -> [[String]] {
        guard let mapping = node.mapping else { return [path] }
        return mapping.flatMap { key, value in leaves(of: value, at: path + [key.string ?? ""]) }
    }
}
