import ArgumentParser
import Foundation
import Testing
import Yams

@testable import stowage

/// Every file in config/ is what it claims to be, and is made for this version of the program.
@Suite struct ConfigurationFilesTests {
    /// The folder config/ at the top of the package.
    private static let folder = URL(filePath: #filePath).appending(path: "../../../config").standardized
        .resolvingSymlinksInPath().path

    /// Paths of all files in it, relative to it.
    static let files: [String] = {
        let found = FileManager.default.subpaths(atPath: folder) ?? []
        return found.sorted().filter { path in
            var isDirectory: ObjCBool = false
            return FileManager.default.fileExists(atPath: "\(folder)/\(path)", isDirectory: &isDirectory)
                && !isDirectory.boolValue
        }
    }()

    private static func text(_ file: String) throws -> String {
        try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
    }

    @Test func theFilesAreFound() {
        #expect(Self.files.contains("stowage.yaml"))
        #expect(Self.files.contains { $0.hasPrefix("kubernetes/") })
        #expect(Self.files.contains { $0.hasPrefix("systemd/") })
        #expect(Self.files.contains { $0.hasPrefix("aws/") })
    }

    @Test(arguments: files)
    func aFileDecodes(_ file: String) throws {
        switch (file.split(separator: "/").first, URL(filePath: file).pathExtension) {
        case ("kubernetes", "yaml"):
            let objects = try KubernetesObject.all(in: Self.text(file))
            #expect(!objects.isEmpty)
            let folder = file.split(separator: "/").dropLast().joined(separator: "/")
            for object in objects { try check(object, in: folder) }
        case ("aws", "json"): try checkDocument(file)
        case ("systemd", "service"): try checkUnit(Self.text(file))
        case (_, "yaml"): _ = try ConfigurationLoader.load(file: "\(Self.folder)/\(file)", environment: [:])
        default: Issue.record("no test knows what \(file) is")
        }
    }

    // MARK: stowage.yaml

    @Test func theCommentedFileHasTheDefaults() throws {
        let loaded = try ConfigurationLoader.load(file: "\(Self.folder)/stowage.yaml", environment: [:])
        #expect(loaded.configuration == Configuration())
    }

    @Test func theCommentedFileNamesEverySetting() throws {
        let tree = try #require(try Yams.compose(yaml: Self.text("stowage.yaml")))
        let named = EnvironmentNamesTests.leaves(of: tree).map { $0.joined(separator: ".") }
        #expect(named == EnvironmentNamesTests.paths.map { $0.joined(separator: ".") })
    }

    /// Every value as the program itself would write it, so that the file shows the units that fit.
    @Test func theCommentedFileSpellsValuesAsTheProgramDoes() throws {
        let written = try #require(try Yams.compose(yaml: YAMLEncoder().encode(Configuration())))
        let tree = try #require(try Yams.compose(yaml: Self.text("stowage.yaml")))
        for path in EnvironmentNamesTests.paths {
            let both = [tree, written].map { path.reduce($0) { node, key in node[key] ?? node }.string }
            // Yams writes 0.01 as 1e-2.
            let numbers = both.map {
                $0?.contains(".") == true || $0?.contains("e-") == true ? $0.flatMap(Double.init) : nil
            }
            let isSame = numbers[0] != nil && numbers[0] == numbers[1]
            #expect(isSame || both[0] == both[1], "\(path.joined(separator: "."))")
        }
    }

    @Test func everySettingIsCommented() throws {
        let lines = try Self.text("stowage.yaml").split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() where line.contains(": ") && !line.contains("#") {
            #expect(lines[index - 1].contains("#"), "line \(index + 1): \(line)")
        }
    }

    // MARK: Kubernetes

    /// A manifest's object: what every one has, and its own.
    private struct KubernetesObject {
        let kind: String
        let node: Node

        static func all(in text: String) throws -> [KubernetesObject] {
            try Yams.compose_all(yaml: text).map { node in
                #expect(node["apiVersion"]?.string?.isEmpty == false)
                #expect(node["metadata"]?["name"]?.string?.isEmpty == false)
                return KubernetesObject(kind: try #require(node["kind"]?.string), node: node)
            }
        }

        /// Containers of a pod or of a pod's template.
        var containers: [Node] {
            let pod = node["spec"]?["template"]?["spec"] ?? node["spec"]
            return pod?["containers"]?.sequence.map(Array.init) ?? []
        }
    }

    private func check(_ object: KubernetesObject, in folder: String) throws {
        if object.kind == "ConfigMap" { try checkSettings(in: object.node, of: folder) }
        for container in object.containers where container["image"]?.string?.hasPrefix("stowage:") == true {
            let arguments = container["args"]?.sequence?.compactMap(\.string) ?? []
            _ = try Self.options(arguments)
            for variable in container["env"]?.sequence ?? [] {
                let names = EnvironmentNamesTests.paths.map(ConfigurationLoader.variable)
                let name = try #require(variable["name"]?.string)
                #expect(names.contains(name) || !name.hasPrefix("STOWAGE_"))
            }
        }
    }

    /// The settings in a ConfigMap load with the options of the Deployment beside it.
    private func checkSettings(in map: Node, of folder: String) throws {
        let deployment = try KubernetesObject.all(in: Self.text("\(folder)/deployment.yaml"))[0]
        let arguments = deployment.containers.first?["args"]?.sequence?.compactMap(\.string) ?? []
        let overrides = try Self.options(arguments).overrides
        for (name, text) in map["data"]?.mapping ?? [:] {
            #expect(name.string?.hasSuffix(".yaml") == true)
            let file = try TemporaryFile(try #require(text.string))
            let loaded = try ConfigurationLoader.load(file: file.path, environment: [:], overrides: overrides)
            let configuration = loaded.configuration
            #expect(configuration.listen.isEmpty && configuration.tls.listen == "0.0.0.0:5000")
            #expect(configuration.access.hasLogins && configuration.access.hasRules)
            try checkMounts(configuration, deployment.node)
        }
    }

    /// The files that settings name are in directories that the Deployment mounts.
    private func checkMounts(_ configuration: Configuration, _ deployment: Node) throws {
        let pod = try #require(deployment["spec"]?["template"]?["spec"])
        let mounts = pod["containers"]?[0]?["volumeMounts"]?.sequence?.compactMap { $0["mountPath"]?.string } ?? []
        let files = [configuration.tls.certificate, configuration.tls.key, configuration.access.robots.file]
        for file in files {
            #expect(mounts.contains { file.hasPrefix("\($0)/") }, "\(file)")
        }
    }

    /// `serve` with its options, as the command line is read.
    private static func options(_ arguments: [String]) throws -> ServeCommand {
        try #require(try Stowage.parseAsRoot(arguments) as? ServeCommand, "\(arguments)")
    }

    // MARK: Dockerfile

    /// Each setting of the image once (of two the last one counts), the command line one that the program takes, and the
    /// build the README's.
    @Test func theDockerfileStartsTheServer() throws {
        let package = URL(filePath: Self.folder).deletingLastPathComponent().path
        let text = try String(contentsOfFile: "\(package)/Dockerfile", encoding: .utf8)
        let lines = text.split(separator: "\n")
        func words(of instruction: String) throws -> [String] {
            let all = lines.filter { $0.hasPrefix("\(instruction) [") }
            let line = try #require(all.count == 1 ? all.first : nil, "\(instruction): \(all)")
            return try YAMLDecoder().decode([String].self, from: String(line.dropFirst(instruction.count)))
        }
        #expect(try words(of: "ENTRYPOINT") == ["stowage"])
        let command = try Self.options(words(of: "CMD"))
        let settings = try ConfigurationLoader.load(file: nil, environment: [:], overrides: command.overrides)
        #expect(settings.configuration.allowAnonymous)
        let volume = try #require(lines.first { $0.hasPrefix("VOLUME ") }).dropFirst("VOLUME ".count)
        #expect(settings.configuration.storage.location == volume)
        // What the build needs is installed in the image, in CI and by the README's command.
        for file in ["README.md", "Tests/run"] {
            let installed = try String(contentsOfFile: "\(package)/\(file)", encoding: .utf8)
            for name in ["libssl-dev", "libcurl4-openssl-dev", "libcrypt-dev", "pkg-config"] {
                #expect(installed.contains(name) && text.contains(name), "\(name) in \(file)")
            }
        }
    }

    // MARK: AWS

    /// Every JSON document is one of YAML, too.
    private func checkDocument(_ file: String) throws {
        let document = try #require(try Yams.compose(yaml: Self.text(file)))
        if file == "aws/lifecycle.json" {
            let rules = try #require(document["Rules"]?.sequence)
            #expect(rules.count == 1 && rules.allSatisfy { $0["Status"]?.string == "Enabled" })
            for rule in rules {
                // Longer than uploads.maximumAge, or an upload that still may be continued would lose its parts.
                let days = try #require(rule["AbortIncompleteMultipartUpload"]?["DaysAfterInitiation"]?.int)
                #expect(days * 86_400 > Configuration().uploads.maximumAge.seconds)
            }
        } else {
            #expect(document["Version"]?.string == "2012-10-17")
            let statements = try #require(document["Statement"]?.sequence)
            #expect(!statements.isEmpty && statements.allSatisfy { $0["Effect"]?.string == "Allow" })
        }
    }

    // MARK: systemd

    private func checkUnit(_ text: String) throws {
        var section = ""
        var settings: [String: String] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            if line.hasPrefix("["), line.hasSuffix("]") {
                section = String(line)
                continue
            }
            let pair = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            try #require(pair.count == 2 && pair[0].allSatisfy { $0.isASCII && $0.isLetter }, "\(line)")
            settings["\(section)\(pair[0])"] = String(pair[1])
        }
        let start = try #require(settings["[Service]ExecStart"]).split(separator: " ").map(String.init)
        #expect(start[0].hasSuffix("/stowage"))
        _ = try Self.options(Array(start.dropFirst()))
        #expect(settings["[Unit]Description"] != nil)
        #expect(settings["[Install]WantedBy"] != nil)
        let patience = try #require(settings["[Service]TimeoutStopSec"].flatMap { Int($0) })
        #expect(patience > Configuration().http.drainTimeout.seconds)
    }
}
