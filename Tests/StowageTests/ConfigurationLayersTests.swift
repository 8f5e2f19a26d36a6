import Registry
import TestSupport
import Testing

@testable import stowage

/// Where a setting comes from: option, environment, file, default.
@Suite struct ConfigurationLayersTests {
    @Test func withoutAnythingEverySettingHasItsDefault() throws {
        let (configuration, unknown) = try ConfigurationLoader.load(file: nil, environment: [:])
        #expect(configuration == Configuration())
        #expect(unknown.isEmpty)
    }

    /// Without a word of configuration the server must be what the documentation says.
    @Test func theDefaultsAreThoseOfTheDocumentation() {
        let defaults = Configuration()
        #expect(defaults.listen == "127.0.0.1:5000")
        #expect(defaults.storage.location == "./stowage-data")
        #expect(!defaults.allowAnonymous)
        #expect(!defaults.readOnly)
        #expect(defaults.manifests.missingReferences == .reject)
        #expect(defaults.log == Configuration.Log(level: .info, format: .text, access: true))
    }

    /// A setting, three values other than its default, and how to read it.
    struct Layered: Sendable, CustomTestStringConvertible {
        let path: [String]
        let values: [String]
        let read: @Sendable (Configuration) -> String

        var testDescription: String { path.joined(separator: ".") }
    }

    static let settings = [
        Layered(path: ["listen"], values: ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]) { $0.listen },
        Layered(path: ["storage", "location"], values: ["one", "two", "three"]) { $0.storage.location },
        Layered(path: ["storage", "cacheSize"], values: ["1MiB", "2MiB", "3MiB"]) { $0.storage.cacheSize.description },
        Layered(path: ["log", "level"], values: ["debug", "warning", "error"]) { $0.log.level.rawValue },
        Layered(path: ["log", "format"], values: ["json", "json", "json"]) { $0.log.format.rawValue },
        Layered(path: ["http", "idleTimeout"], values: ["1m", "2m", "3m"]) { $0.http.idleTimeout.description },
        Layered(path: ["http", "maximumConnections"], values: ["1", "2", "3"]) { "\($0.http.maximumConnections)" },
        Layered(path: ["manifests", "missingReferences"], values: ["accept", "accept", "accept"]) {
            $0.manifests.missingReferences.rawValue
        },
        Layered(path: ["readOnly"], values: ["true", "true", "true"]) { "\($0.readOnly)" },
    ]

    @Test(arguments: settings)
    func theFileYieldsToTheEnvironmentAndThatToOptions(_ setting: Layered) throws {
        let file = Self.yaml(setting.path, setting.values[0])
        let environment = [ConfigurationLoader.variable(setting.path): setting.values[1]]
        let options = [ConfigurationLoader.Override(path: setting.path, value: setting.values[2], option: "--x")]
        #expect(setting.read(try load(file)) == setting.values[0])
        #expect(setting.read(try load(nil, environment)) == setting.values[1])
        #expect(setting.read(try load(file, environment)) == setting.values[1])
        #expect(setting.read(try load(nil, [:], options)) == setting.values[2])
        #expect(setting.read(try load(file, [:], options)) == setting.values[2])
        #expect(setting.read(try load(file, environment, options)) == setting.values[2])
        // And nothing else has changed.
        #expect(try load(file) == (try load(nil, [ConfigurationLoader.variable(setting.path): setting.values[0]])))
    }

    @Test func aValueThatAHigherLayerReplacesNeedNotBeValid() throws {
        #expect(
            try load("http:\n  idleTimeout: never\n", ["STOWAGE_HTTP_IDLE_TIMEOUT": "7s"]).http.idleTimeout.seconds == 7
        )
    }

    @Test(arguments: [
        "", "# nothing but words\n", "---\n", "http:\nlog:\n", "http: ~\n", "http: {}\n",
        "http:\n  # idleTimeout: 5s\nlog:\n",
        "\u{feff}readOnly: false\n", "readOnly: false # words\r\nlog:\r\n  access: true\r\n",
        "\"readOnly\": \"false\"\n",
    ])
    func nothingOrTheDefaultsInAFileIsFine(_ text: String) throws {
        #expect(try load(text) == Configuration())
    }

    @Test func anchorsAndAliasesAreValues() throws {
        let configuration = try load("http:\n  headTimeout: &short 5s\n  idleTimeout: *short\n  stallTimeout: *short\n")
        let times = [configuration.http.headTimeout, configuration.http.idleTimeout, configuration.http.stallTimeout]
        #expect(times == [TimeSpan(5), TimeSpan(5), TimeSpan(5)])
    }

    private static func yaml(_ path: [String], _ value: String) -> String {
        let lines = path.enumerated().map { String(repeating: "  ", count: $0.offset) + $0.element + ":" }
        return lines.joined(separator: "\n") + " " + value + "\n"
    }

    private func load(
        _ text: String?, _ environment: [String: String] = [:], _ overrides: [ConfigurationLoader.Override] = []
    ) throws -> Configuration {
        let file = try text.map(TemporaryFile.init)
        return try ConfigurationLoader.load(file: file?.path, environment: environment, overrides: overrides)
            .configuration
    }
}
