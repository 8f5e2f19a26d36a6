import TestSupport
import Testing

@testable import stowage

/// What `serve` and `check-config` say of files of accounts and keys that are no use: setting and line, file, and what
/// to do, before any socket opens.
@Suite struct AccessFilesTests {
    /// `text` goes before a setting that names `path`, where `content` is; in all of them `@` stands for the folder.
    struct Wrong: Sendable, CustomTestStringConvertible {
        let text: String
        let setting: String
        let path: String
        let content: String?
        let complaint: String

        init(_ text: String, _ setting: String, _ path: String, _ content: String?, _ complaint: String) {
            (self.text, self.setting, self.path) = (text, setting, path)
            (self.content, self.complaint) = (content, complaint)
        }

        var testDescription: String { "\(setting) \(path) \(complaint)" }
    }

    private static let unreadable = "@/none: cannot be read (No such file or directory): check path and permissions"
    private static let directory = "@: cannot be read (Is a directory): check path and permissions"
    private static let issuer = "access:\n  issuers:\n  - name: ci\n    issuer: 'https://ci.example'\n    audience: x\n"
    private static let noKey = "give others, or set algorithms"

    static let accounts = [("htpasswd", 1 << 20), ("robots", 1 << 20)].flatMap { kind, limit in
        let text = "access:\n  \(kind):\n"
        return [
            Wrong(text, "access.\(kind).file", "@/none", nil, unreadable),
            Wrong(text, "access.\(kind).file", "@", nil, directory),
            Wrong(
                text, "access.\(kind).file", "@/it", String(repeating: "# \n", count: limit),
                "@/it: larger than \(limit) bytes: check the path"),
        ]
    }

    private static let passwords = "access:\n  htpasswd: {file: '@/users'}\n  tokens:\n"

    static let tokens = [
        Wrong(passwords, "access.tokens.keyFile", "@/none", nil, unreadable),
        Wrong(passwords, "access.tokens.keyFile", "@", nil, directory),
        Wrong(
            passwords, "access.tokens.keyFile", "@/it", "word\n",
            "@/it:1: a key is one word of at least 43 ASCII characters; make one with: openssl rand -base64 32"),
    ]

    static let issuers = [
        Wrong(issuer, "access.issuers: keysFile", "@/none", nil, unreadable),
        Wrong(issuer, "access.issuers: keysFile", "@", nil, directory),
        Wrong(
            issuer, "access.issuers: keysFile", "@/it", "keys",
            "@/it: no JWK Set: expected a JSON object with a list \"keys\""),
        Wrong(
            issuer, "access.issuers: keysFile", "@/it", #"{"keys":[{"kty":"oct","k":"AAAA"}]}"#,
            "@/it: none of the 1 keys is a public key for ES256, RS256: \(noKey)"),
        Wrong(
            issuer + "    algorithms: [EdDSA]\n", "access.issuers: keysFile", "@/it",
            #"{"keys":[{"kty":"RSA","e":"AQAB","n":"AAAA"}]}"#,
            "@/it: none of the 1 keys is a public key for EdDSA: \(noKey)"),
        Wrong(
            issuer, "access.issuers: keysFile", "@/it", String(repeating: " ", count: 300_000),
            "@/it: larger than 262144 bytes: check the path"),
        Wrong(issuer, "access.issuers: caFile", "@/none", nil, unreadable),
        Wrong(
            issuer, "access.issuers: caFile", "@/it", "words",
            "@/it: no certificate in it: give a PEM file with -----BEGIN CERTIFICATE-----"),
        Wrong(issuer, "access.issuers: tokenFile", "@/none", nil, unreadable),
        Wrong(issuer, "access.issuers: tokenFile", "@/it", "\n", "@/it: empty: give a file with a token in it"),
    ]

    @Test(arguments: accounts + tokens + issuers)
    func says(_ wrong: Wrong) async throws {
        let name = wrong.setting.split { $0 == "." || $0 == " " }.last ?? ""
        let line = wrong.text.split(separator: "\n").count + 1
        let text = "\(wrong.text)    \(name): '\(wrong.path)'\n"
        let files = ["users": SampleAccount.file, "it": wrong.content].compactMapValues(\.self)
        let folder = try ConfigurationFolder(text, files)
        let complaint = wrong.complaint.replacing("@", with: folder.directory.path)
        for arguments in [
            ["check-config", folder.path],
            ["serve", "--listen", "127.0.0.1:0", "--storage", folder.file("data"), "--config", folder.path],
        ] {
            let run = try await ProgramRun(arguments)
            #expect(run.failed(saying: "\(folder.path):\(line): \(wrong.setting): \(complaint)"), "\(run)")
        }
    }

    /// Each file that is wrong is named, and what is good is not.
    @Test func allThatIsWrongIsSaidAtOnce() async throws {
        let text = """
            access:
              htpasswd: {file: '@/none'}
              robots: {file: '@/none'}
              issuers:
                - {name: a, issuer: 'https://a', audience: x, tokenFile: '@/users'}
                - name: b
                  issuer: https://b
                  audience: x
                  caFile: '@/none'
                  tokenFile: '@/none'

            """
        let folder = try ConfigurationFolder(text, ["users": SampleAccount.file])
        let run = try await ProgramRun(["check-config", folder.path])
        let places = run.errors.split(separator: "\n").map { $0.split(separator: ":")[1] }
        #expect(run.ending == .status(1) && places == ["2", "3", "9", "10"], "\(run)")
    }
}
