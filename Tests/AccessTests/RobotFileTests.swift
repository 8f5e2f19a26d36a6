import EventLoop
import OCI
import TestSupport
import Testing

@testable import Access

/// Logins of robots: their secrets, their end, and files that are damaged.
@Suite struct RobotFileTests {
    /// 2026-11-23T09:10:11Z
    private let now = 1_795_425_011
    private let secret = RobotSecret()

    private func text(expires: Int? = nil) throws -> String {
        var table = RobotTable()
        table.insert(try Robot(name: "ci", description: "builds", created: now, expires: expires, secret: secret))
        table.insert(try Robot(name: "x", description: "", created: now, expires: nil, secret: RobotSecret()))
        return String(decoding: table.bytes, as: UTF8.self)
    }

    @Test func onlyItsOwnSecretOpensAnAccount() throws {
        let scratch = try ScratchFile(try text())
        let file = try RobotFile(path: scratch.path)
        #expect(file.count == 2)
        #expect(file.verify(name: "robot+ci", secret: secret.text, now: now))
        for (name, wrong) in [
            ("ci", secret.text), ("robot+x", secret.text), ("robot+", secret.text), ("robot+nobody", secret.text),
            ("", secret.text), ("robot+CI", secret.text), ("robot+ci", ""), ("robot+ci", secret.text.uppercased()),
            ("robot+ci", String(secret.text.dropLast())), ("robot+ci", secret.text + "0"),
            ("robot+ci", RobotSecret().text),
        ] {
            #expect(!file.verify(name: name, secret: wrong, now: now), "\(name)")
        }
        #expect(file.fingerprint(of: "robot+ci", now: now) != file.fingerprint(of: "robot+x", now: now))
        #expect(file.fingerprint(of: "ci", now: now) == nil)
    }

    /// Rules compare the bytes of names: who could log in by another spelling would be somebody else to them.
    @Test func aLoginHasOneSpelling() throws {
        var table = RobotTable()
        table.insert(try Robot(name: "K", description: "", created: now, expires: nil, secret: secret))
        let scratch = try ScratchFile(String(decoding: table.bytes, as: UTF8.self))
        let file = try RobotFile(path: scratch.path)
        #expect(file.verify(name: "robot+K", secret: secret.text, now: now))
        for name in ["robot+\u{212A}", "robot\u{2B}\u{212A}", "robot+k"] {
            #expect(!file.verify(name: name, secret: secret.text, now: now))
            #expect(file.fingerprint(of: name, now: now) == nil)
        }
    }

    @Test func anAccountEndsInTheSecondItExpires() throws {
        let scratch = try ScratchFile(try text(expires: now + 60))
        let file = try RobotFile(path: scratch.path)
        #expect(file.verify(name: "robot+ci", secret: secret.text, now: now + 59))
        #expect(file.fingerprint(of: "robot+ci", now: now + 59) != nil)
        #expect(!file.verify(name: "robot+ci", secret: secret.text, now: now + 60))
        #expect(file.fingerprint(of: "robot+ci", now: now + 60) == nil)
    }

    @Test func aRevokedAccountIsGoneAfterReload() throws {
        let scratch = try ScratchFile(try text())
        let file = try RobotFile(path: scratch.path)
        let fingerprint = try #require(file.fingerprint(of: "robot+ci", now: now))
        try scratch.replace(#"{"robots": []}"#)
        #expect(try file.reload())
        #expect(!file.verify(name: "robot+ci", secret: secret.text, now: now))
        #expect(file.fingerprint(of: "robot+ci", now: now) == nil)
        // The same name with another secret is another account.
        var table = RobotTable()
        table.insert(try Robot(name: "ci", description: "", created: now, expires: nil, secret: RobotSecret()))
        try scratch.replace(String(decoding: table.bytes, as: UTF8.self))
        #expect(try file.reload())
        #expect(!file.verify(name: "robot+ci", secret: secret.text, now: now))
        let later = try #require(file.fingerprint(of: "robot+ci", now: now))
        #expect(later != fingerprint)
        #expect(try !file.reload())
    }

    @Test func aDamagedFileKeepsTheOldAccounts() throws {
        let whole = try text()
        let scratch = try ScratchFile(whole)
        let file = try RobotFile(path: scratch.path)
        for length in stride(from: 0, to: whole.utf8.count - 3, by: 7) {
            try scratch.replace(String(whole.prefix(length)))
            #expect(throws: AccountsFileError.self) { try file.reload() }
        }
        #expect(file.verify(name: "robot+ci", secret: secret.text, now: now))
    }

    /// The hash of a password somebody chose is no way around the secrets' length.
    @Test func onlySecretsOfTheRightFormCount() throws {
        let weak = RobotSecret.hash(of: "stowage_robot_hunter2").string
        let scratch = try ScratchFile(#"{"robots": [{"name": "ci", "secretHash": "\#(weak)"}]}"#)
        let file = try RobotFile(path: scratch.path)
        #expect(file.fingerprint(of: "robot+ci", now: now) != nil)
        #expect(!file.verify(name: "robot+ci", secret: "stowage_robot_hunter2", now: now))
    }

    @Test func whatIsWrittenIsReadAgain() throws {
        var table = RobotTable()
        table.insert(
            try Robot(
                name: "a.b-C_9", description: "näme \"x\" \\", created: 0, expires: 253_402_300_799, secret: secret))
        table.insert(try Robot(name: "ci", description: "", created: now, expires: nil, secret: RobotSecret()))
        let read = try RobotTable(table.bytes, path: "robots.json")
        #expect(read.sorted == table.sorted && read.sorted.count == 2)
        #expect(!String(decoding: table.bytes, as: UTF8.self).contains(secret.text))
    }

    private static let shape =
        "robots.json is no robot file: expected {\"robots\": [...]}, and in each account only text, as "
        + "`stowage robot create` writes it"
    private static let remedy = "; restore it, or make a new one with `stowage robot create`"

    @Test(arguments: [
        ("", "robots.json is no JSON: expected an object at byte 0\(remedy)"),
        (
            #"{"robots": [], "robots": []}"#,
            "robots.json is no JSON: the key \"robots\" is there twice at byte 15\(remedy)"
        ),
        ("{}", shape), (#"{"robots": {}}"#, shape), (#"{"robots": [1]}"#, shape), (#"{"users": []}"#, shape),
        (#"{"robots": [], "more": []}"#, shape), (#"{"robots": [{"name": "ci", "secretHash": 1}]}"#, shape),
    ])
    func aFileOfAnotherShapeIsASentence(text: String, sentence: String) {
        #expect(throws: AccountsFileError(sentence)) { try RobotTable(Array(text.utf8), path: "robots.json") }
    }

    private static let hash = #""secretHash": "sha256:\#(String(repeating: "0", count: 64))""#
    private static let noHash = "\"secretHash\" of \"ci\" is missing, or not sha256: and 64 hexadecimal digits"
    private static let noTime = "\"expires\" of \"ci\" is no time such as 2026-11-23T09:10:11Z"
    private static let noName =
        "is no name for a robot: expected up to 64 letters, digits, dots, hyphens and underscores, "
        + "the first a letter or a digit"

    @Test(arguments: [
        (hash, "account 1: \"name\" is missing"),
        (#""name": "ci""#, "account 1: \(noHash)"),
        (#""name": "ci", "secretHash": "stowage_robot_1""#, "account 1: \(noHash)"),
        (#""name": "ci", "secretHash": "sha512:\#(String(repeating: "0", count: 128))""#, "account 1: \(noHash)"),
        (#""name": "ci", "expire": "", \#(hash)"#, "account 1: unknown field \"expire\""),
        (#""name": "ci", "expires": "2026-02-30T00:00:00Z", \#(hash)"#, "account 1: \(noTime)"),
        (#""name": "ci", "expires": "", \#(hash)"#, "account 1: \(noTime)"),
        (
            #""name": "ci", "expires": "1969-01-01T00:00:00Z", \#(hash)"#,
            "account 1: the times of ci are not between the years 1970 and 9999"
        ),
        (
            #""name": "ci", \#(hash)}, {"name": "ci", \#(hash)"#,
            "account 2: \"ci\" is there twice; remove one of them"
        ),
        (#""name": "c i", \#(hash)"#, "account 1: \"c i\" \(noName)"),
        (#""name": "", \#(hash)"#, "account 1: \"\" \(noName)"),
        (#""name": "-a", \#(hash)"#, "account 1: \"-a\" \(noName)"),
        (
            #""name": "ci", "description": "a\u000ab", \#(hash)"#,
            "account 1: the description of ci is longer than 256 bytes or has invisible characters"
        ),
    ])
    func aBadAccountIsASentence(fields: String, sentence: String) {
        #expect(throws: AccountsFileError("robots.json: \(sentence)")) {
            try RobotTable(Array("{\"robots\": [{\(fields)}]}".utf8), path: "robots.json")
        }
    }

    private static let times: [(String, Int?)] = [
        ("1970-01-01T00:00:00Z", 0), ("2026-11-23T09:10:11Z", 1_795_425_011), ("2028-02-29T23:59:59Z", 1_835_481_599),
        ("9999-12-31T23:59:59Z", 253_402_300_799), ("2027-02-29T00:00:00Z", nil), ("2026-11-23T24:00:00Z", nil),
        ("2026-11-23 09:10:11Z", nil), ("2026-11-23T09:10:11", nil), ("2026-11-23T9:10:11Z", nil),
        ("2026-11-23T09:10:11+00:00", nil), ("+026-11-23T09:10:11Z", nil), ("tomorrow", nil), ("", nil),
    ]

    @Test(arguments: times) func timesHaveOneSpelling(text: String, seconds: Int?) {
        #expect(UTCDate.seconds(text) == seconds)
        if let seconds { #expect(UTCDate.text(seconds) == text) }
    }
}
