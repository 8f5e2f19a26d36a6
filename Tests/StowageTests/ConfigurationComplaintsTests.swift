import TestSupport
import Testing

@testable import stowage

/// What the program says of a configuration that is wrong: place, setting, and what it wants instead.
@Suite struct ConfigurationComplaintsTests {
    /// A file and what is said of it; in the complaints `@` stands for the file's path.
    struct Wrong: Sendable, CustomTestStringConvertible {
        let text: String
        let complaints: [String]

        init(_ text: String, _ complaints: String...) {
            (self.text, self.complaints) = (text, complaints)
        }

        var testDescription: String { text.debugDescription }
    }

    private static let addressWanted = "expected ADDRESS:PORT, such as 127.0.0.1:5000 or [::]:5000"
    private static let timeWanted = "expected a time such as 90s, 15m, 24h or 7d"
    private static let sizeWanted = "expected a size such as 512KiB, 32MiB or 10GiB"
    private static let levelWanted = "expected one of trace, debug, info, notice, warning, error, critical"
    private static let open = """
        can be reached from other machines and there are no access rules; set up logins or rules (access), listen on \
        127.0.0.1, or let everybody in with --allow-anonymous
        """

    static let keys = [
        Wrong("lissten: 127.0.0.1:0\n", "@:1: lissten: unknown setting"),
        Wrong("\n# words\nfoo:\n  bar: 1\n", "@:3: foo: unknown setting"),
        Wrong(
            "http:\n  idletimeout: 5s\nlog:\n  levl: info\n",
            "@:2: http.idletimeout: unknown setting",
            "@:4: log.levl: unknown setting"),
        Wrong(
            "http:\n  idleTimeout:\n    seconds: 5\n",
            "@:2: http.idleTimeout: expected a value, not a group of settings"),
        Wrong("listen: {host: localhost}\n", "@:1: listen: expected a value, not a group of settings"),
        Wrong("http: 5\n", "@:1: http: expected a group of settings, not a value"),
        Wrong("storage: ./data\n", "@:1: storage: expected a group of settings, not a value"),
        Wrong("log: [info, text]\n", "@:1: log: expected a group of settings, not a value"),
        Wrong("readOnly: true\nlisten: 127.0.0.1:0\nreadOnly: false\n", "@:1: readOnly: given more than once"),
        Wrong("http:\n  idleTimeout: 5s\n  idleTimeout: 5s\n", "@:2: idleTimeout: given more than once"),
        Wrong("http:\n  <<: {idleTimeout: 5s}\n", "@:2: http.<<: unknown setting"),
        Wrong("? [a, b]\n: c\n", "@:1: ?: unknown setting"),
        Wrong("? {a: b}\n: c\n", "@:1: ?: unknown setting"),
    ]

    static let values = [
        Wrong("listen: 5000\n", "@:1: listen: \(addressWanted) (found \"5000\")"),
        Wrong("listen:\n", "@:1: listen: \(addressWanted) (found \"\")"),
        Wrong("listen: ~\n", "@:1: listen: \(addressWanted) (found \"~\")"),
        Wrong("listen: 127.0.0.1:65536\n", "@:1: listen: \(addressWanted) (found \"127.0.0.1:65536\")"),
        Wrong("listen: example.org:80\n", "@:1: listen: \(addressWanted) (found \"example.org:80\")"),
        Wrong("listen: \"127.0.0.1\\n:80\"\n", "@:1: listen: \(addressWanted) (found \"127.0.0.1\\n:80\")"),
        Wrong("listen: 0.0.0.0:5000\n", "@:1: listen: 0.0.0.0:5000 \(open)"),
        Wrong("listen: '[::]:5000'\n", "@:1: listen: [::]:5000 \(open)"),
        Wrong("listen: ':5000'\n", "@:1: listen: :5000 \(open)"),
        Wrong("storage:\n  location: ''\n", "@:2: storage.location: expected a directory or s3://BUCKET/PREFIX"),
        Wrong(
            "storage:\n  location: gs://bucket\n",
            "@:2: storage.location: expected a directory or s3://BUCKET/PREFIX (found \"gs://bucket\")"),
        Wrong("readOnly: maybe\n", "@:1: readOnly: expected true or false (found \"maybe\")"),
        Wrong("readOnly: 1\n", "@:1: readOnly: expected true or false (found \"1\")"),
        Wrong("allowAnonymous: [true]\n", "@:1: allowAnonymous: expected a value, not a list"),
        Wrong("log:\n  access: ''\n", "@:2: log.access: expected true or false (found \"\")"),
        Wrong("log:\n  level: loud\n", "@:2: log.level: \(levelWanted) (found \"loud\")"),
        Wrong("log:\n  level: INFO\n", "@:2: log.level: \(levelWanted) (found \"INFO\")"),
        Wrong("log:\n  format: xml\n", "@:2: log.format: expected text or json (found \"xml\")"),
        Wrong(
            "manifests:\n  missingReferences: ignore\n",
            "@:2: manifests.missingReferences: expected reject or accept (found \"ignore\")"),
        Wrong("uploads:\n  maximumAge: 59s\n", "@:2: uploads.maximumAge: expected at least 1m"),
        Wrong("uploads:\n  maximumAge: 1.5d\n", "@:2: uploads.maximumAge: \(timeWanted) (found \"1.5d\")"),
        Wrong("uploads:\n  maximumAge: 5MiB\n", "@:2: uploads.maximumAge: \(timeWanted) (found \"5MiB\")"),
        Wrong("http:\n  maximumBodySize: 10s\n", "@:2: http.maximumBodySize: \(sizeWanted) (found \"10s\")"),
        Wrong("http:\n  maximumBodySize: 10GB\n", "@:2: http.maximumBodySize: \(sizeWanted) (found \"10GB\")"),
        Wrong(
            "http:\n  maximumBodySize: 4095KiB\n",
            "@:2: http.maximumBodySize: expected at least 4MiB, the size of a manifest"),
        Wrong(
            "http:\n  maximumBufferedSize: 15MiB\n",
            "@:2: http.maximumBufferedSize: expected at least 16MiB, which a few large manifests need"),
        Wrong("http:\n  maximumHeadSize: 1KiB\n", "@:2: http.maximumHeadSize: expected 4KiB to 128KiB"),
        Wrong("http:\n  maximumHeadSize: 1MiB\n", "@:2: http.maximumHeadSize: expected 4KiB to 128KiB"),
        Wrong("http:\n  maximumConnections: 0\n", "@:2: http.maximumConnections: expected 1 to 1000000"),
        Wrong(
            "http:\n  maximumConnections: many\n",
            "@:2: http.maximumConnections: expected a whole number (found \"many\")"),
        Wrong(
            "http:\n  maximumConnections: 1.5\n",
            "@:2: http.maximumConnections: expected a whole number (found \"1.5\")"),
        Wrong(
            "http:\n  eventLoops: 99999999999999999999\n",
            "@:2: http.eventLoops: expected a whole number (found \"99999999999999999999\")"),
        Wrong("http:\n  eventLoops: 257\n", "@:2: http.eventLoops: expected 0 to 256"),
        Wrong("http:\n  eventLoops: -1\n", "@:2: http.eventLoops: expected 0 to 256"),
        Wrong("http:\n  headTimeout: 0\n", "@:2: http.headTimeout: expected 1s to 1d"),
        Wrong("http:\n  idleTimeout: 2d\n", "@:2: http.idleTimeout: expected 1s to 1d"),
        Wrong("http:\n  stallTimeout: -5s\n", "@:2: http.stallTimeout: \(timeWanted) (found \"-5s\")"),
        Wrong("http:\n  drainTimeout: 25h\n", "@:2: http.drainTimeout: expected 0s to 1d"),
        Wrong(
            "log:\n  level: loud\n  format: xml\nfoo: 1\nhttp:\n  idleTimeout: soon\n  eventLoops: 300\n",
            "@:4: foo: unknown setting", "@:6: http.idleTimeout: \(timeWanted) (found \"soon\")",
            "@:2: log.level: \(levelWanted) (found \"loud\")",
            "@:3: log.format: expected text or json (found \"xml\")", "@:7: http.eventLoops: expected 0 to 256"),
    ]

    static let texts = [
        Wrong("- a\n- b\n", "@:1: expected settings as KEY: VALUE"),
        Wrong("\n\nlisten\n", "@:3: expected settings as KEY: VALUE"),
        Wrong("a: b: c\n", "@:1: no valid YAML: mapping values are not allowed in this context"),
        Wrong(
            "\tlisten: x\n",
            "@:1: no valid YAML: found character that cannot start any token (while scanning for the next token)"),
        Wrong(
            "listen: [::]:5000\n",
            "@:1: no valid YAML: did not find expected node content (while parsing a flow node)"),
        Wrong("http:\n  idleTimeout: *nothing\n", "@:2: no valid YAML: found undefined alias"),
        Wrong(
            "log:\n  level: \"info\n",
            "@:3: no valid YAML: found unexpected end of stream (while scanning a quoted scalar)"),
        Wrong("readOnly: true\nlisten: \u{7}\n", "@:2: no valid YAML: control characters are not allowed"),
        Wrong(
            "readOnly: true\n---\nreadOnly: false\n",
            "@:2: no valid YAML: but found another document (expected a single document in the stream)"),
        Wrong("a: &a [*a, *a]\n", "@:1: no valid YAML: found undefined alias"),
    ]

    @Test(arguments: keys + values + texts)
    func says(_ wrong: Wrong) throws {
        let file = try TemporaryFile(wrong.text)
        #expect(Self.complaints(file.path) == wrong.complaints)
    }

    @Test func everythingThatIsWrongIsSaidAtOnceAndInOneLineEach() throws {
        let file = try TemporaryFile("\"a\\nb\": 1\nlisten: \"a\\r\\nb\"\nreadOnly: \"\\e[1m\"\n")
        let complaints = Self.complaints(file.path)
        #expect(complaints.count == 3)
        #expect(complaints.allSatisfy { !$0.contains(where: \.isNewline) && !$0.contains("\u{1b}") })
    }

    @Test func aliasesCannotMakeTheTreeExplode() throws {
        var text = "a0: &a0 [x]\n"
        for level in 1...40 { text += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
        let file = try TemporaryFile(text + "log:\n  level: *a40\n")
        #expect(Self.complaints(file.path).last == "@:43: log.level: expected a value, not a list")
    }

    // MARK: Files

    @Test func aFileThatIsNoTextIsRefused() throws {
        let wanted = "@: not a UTF-8 text of at most 1048576 bytes"
        let file = try TemporaryFile("")
        let comment = [UInt8](repeating: UInt8(ascii: "#"), count: 1 << 20)
        let texts: [([UInt8], [String])] = [
            ([0xff, 0xfe, 0x6c, 0x00], [wanted]), (Array("listen: caf".utf8) + [0xe9], [wanted]),
            (comment, []), (comment + [0x0a], [wanted]),
        ]
        for (bytes, complaints) in texts {
            try file.replace(bytes)
            #expect(Self.complaints(file.path) == complaints)
        }
        // Reading something without an end must end.
        #expect(Self.complaints("/dev/zero") == [wanted])
    }

    @Test func aFileThatCannotBeReadIsRefused() throws {
        let directory = try TemporaryDirectory()
        #expect(Self.complaints(directory.path) == ["@: Is a directory"])
        #expect(Self.complaints(directory.path + "/nothing") == ["@: No such file or directory"])
        #expect(Self.complaints(directory.path + "/a/b") == ["@: No such file or directory"])
        #expect(Self.complaints("") == ["@: No such file or directory"])
    }

    // MARK: Other layers

    @Test(arguments: [
        ("STOWAGE_LISTEN", "x", "STOWAGE_LISTEN: listen: \(addressWanted) (found \"x\")"),
        ("STOWAGE_LISTEN", "", "STOWAGE_LISTEN: listen: \(addressWanted) (found \"\")"),
        (
            "STOWAGE_HTTP_IDLE_TIMEOUT", "7x",
            "STOWAGE_HTTP_IDLE_TIMEOUT: http.idleTimeout: \(timeWanted) (found \"7x\")"
        ),
        ("STOWAGE_READ_ONLY", "yeah", "STOWAGE_READ_ONLY: readOnly: expected true or false (found \"yeah\")"),
        ("STOWAGE_STORAGE", "", "STOWAGE_STORAGE: storage.location: expected a directory or s3://BUCKET/PREFIX"),
        // A value is never YAML.
        ("STOWAGE_LOG_LEVEL", "{a: b}", "STOWAGE_LOG_LEVEL: log.level: \(levelWanted) (found \"{a: b}\")"),
    ])
    func saysOfAVariable(_ name: String, _ value: String, _ complaint: String) {
        #expect(throws: ConfigurationError(complaint)) {
            try ConfigurationLoader.load(file: nil, environment: [name: value])
        }
    }

    @Test func saysOfAnOption() {
        let option = ConfigurationLoader.Override(path: ["log", "format"], value: "xml", option: "--log-format")
        #expect(throws: ConfigurationError("--log-format: log.format: expected text or json (found \"xml\")")) {
            try ConfigurationLoader.load(file: nil, environment: ["STOWAGE_LOG_FORMAT": "text"], overrides: [option])
        }
    }

    @Test func namesThePlaceTheValueCameFromLast() throws {
        let file = try TemporaryFile("log:\n  level: loud\n  format: xml\n")
        let wanted = [
            "STOWAGE_LOG_LEVEL: log.level: \(Self.levelWanted) (found \"louder\")",
            "\(file.path):3: log.format: expected text or json (found \"xml\")",
        ]
        #expect(throws: ConfigurationError(wanted)) {
            try ConfigurationLoader.load(file: file.path, environment: ["STOWAGE_LOG_LEVEL": "louder"])
        }
    }

    // MARK: -

    /// The complaints about a file, with `@` for its path.
    static func complaints(_ path: String) -> [String] {
        do {
            _ = try ConfigurationLoader.load(file: path, environment: [:])
            return []
        } catch let error as ConfigurationError {
            return error.problems.map { problem in
                problem.hasPrefix(path) ? "@" + problem.dropFirst(path.count) : problem
            }
        } catch {
            return ["\(error)"]
        }
    }
}
