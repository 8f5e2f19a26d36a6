import OCI
import TestSupport
import Testing

@testable import Access

struct GlobTests {
    private static let repositories: [(glob: String, yes: [String], no: [String])] = [
        ("team/app", ["team/app"], ["team", "team/app2", "team/app/x", "xteam/app", "app"]),
        ("team/*", ["team/a", "team/a-b.c"], ["team", "team/a/b", "team-evil/x", "steam/a"]),
        ("team*/*", ["team/a", "team-evil/x"], ["team", "team/a/b"]),
        ("team/**", ["team/a", "team/a/b", "team/a/b/c"], ["team", "team-evil/x", "teams/a", "x/team/a"]),
        ("**", ["a", "a/b", "a/b/c"], []),
        ("*", ["a", "a-b"], ["a/b"]),
        ("*/**", ["a/b", "a/b/c"], ["a"]),
        ("**/*", ["a", "a/b", "a/b/c"], []),
        ("**/app", ["app", "a/app", "a/b/app"], ["myapp", "a/myapp", "app/a"]),
        ("team/**/app", ["team/app", "team/a/app", "team/a/b/app"], ["team/app/a", "teamapp", "team/xapp"]),
        ("**/b/**", ["b/c", "a/b/c", "b/b", "b/b/b"], ["b", "a/b", "ab/c"]),
        ("**/**", ["a", "a/b"], []),
        ("a/**/**", ["a/b", "a/b/c"], ["a"]),
        ("*-*-*", ["a-b-c", "a--b", "a-b-c-d"], ["a-b", "a-b/c-d"]),
        ("**/a*b/*c", ["ab/c", "x/axb/xc", "ab/ab/c", "axbxb/c"], ["ab/c/d", "ab/x", "axbx/c"]),
        ("cache.*", ["cache.x"], ["cachex", "cache"]),
    ]

    @Test(arguments: repositories)
    func repositoryPatterns(glob: String, yes: [String], no: [String]) throws {
        let glob = try Glob(repositories: glob)
        #expect(try yes.filter { try !glob.matches(RepositoryName($0)) } == [])
        #expect(try no.filter { try glob.matches(RepositoryName($0)) } == [])
    }

    private static let tags: [(glob: String, yes: [String], no: [String])] = [
        ("latest", ["latest"], ["latest1", "LATEST", "lates"]),
        ("*", ["a", "v1.0", "_"], []),
        ("v*", ["v", "v1", "v1.2-rc"], ["1v", "V1"]),
        ("v*.*", ["v1.2", "v.", "v1.2.3"], ["v1"]),
        ("*-rc*", ["1-rc", "1-rc2"], ["rc", "1rc"]),
        ("**", ["a", "v1"], []),
    ]

    @Test(arguments: tags)
    func tagPatterns(glob: String, yes: [String], no: [String]) throws {
        let glob = try Glob(tags: glob)
        #expect(try yes.filter { try !glob.matches(Tag($0)) } == [])
        #expect(try no.filter { try glob.matches(Tag($0)) } == [])
    }

    private static let impossible: [(glob: String, reason: String)] = [
        ("", "can match no repository: it is empty"),
        ("Team/*", "names have no upper-case letters"), ("team/App", "names have no upper-case letters"),
        ("/team", "names do not begin with a slash"), ("/**", "names do not begin with a slash"),
        ("team//*", "no empty component"), ("team/", "it ends in a separator"), ("**/", "it ends in a separator"),
        ("_catalog", "begin and end with a letter or digit"), ("**/_blobs", "begin and end with a letter or digit"),
        ("../*", "begin and end with a letter or digit"), ("a/../b", "begin and end with a letter or digit"),
        ("a..b", "what joins those"), ("a___b*", "what joins those"), ("*.", "it ends in a separator"),
        ("*-/b", "begin and end with a letter or digit"), ("a?", "only wildcards are \"*\" and \"**\""),
        ("[ab]", "only wildcards"), ("a b", "only wildcards"), ("é", "only wildcards"), ("a:b", "only wildcards"),
        ("a\0", "only wildcards"), ("team**", "\"**\" stands alone between slashes"), ("***", "stands alone"),
        ("a/**b/c", "stands alone"), (String(repeating: "a", count: 256), "it is longer than 255 bytes"),
        (String(repeating: "*", count: 100_000), "stands alone"),
        (String(repeating: "*/", count: 50_000) + "*", "it is longer than 255 bytes"),
    ]

    @Test(arguments: impossible)
    func repositoryPatternsThatCannotMatch(glob: String, reason: String) throws {
        let error = try #require(throws: InvalidGlob.self) { try Glob(repositories: glob) }
        #expect(error.description.contains(reason), "\(error)")
        #expect(error.description.utf8.count < 500 && error.description.utf8.allSatisfy { $0 >= 0x20 })
    }

    @Test(arguments: [
        "", ".a", "-a", "-*", ".*", "a/b", "sha256:ab", "a b", "é", "v?", "a\n", String(repeating: "a", count: 129),
        String(repeating: "*", count: 129),
    ])
    func tagPatternsThatCannotMatch(glob: String) throws {
        let error = try #require(throws: InvalidGlob.self) { try Glob(tags: glob) }
        #expect(error.description.contains("can match no tag: "), "\(error)")
        #expect(error.description.utf8.count < 500 && error.description.utf8.allSatisfy { $0 >= 0x20 })
    }

    @Test func longestPatterns() throws {
        let name = try RepositoryName(String(repeating: "a/", count: 127) + "a")
        #expect(try Glob(repositories: name.string).matches(name))
        #expect(try Glob(repositories: String(repeating: "*/", count: 127) + "*").matches(name))
        #expect(try Glob(tags: String(repeating: "*", count: 128)).matches(Tag("a")))
        #expect(try Glob(names: String(repeating: "a", count: 512)).isExact)
        #expect(throws: InvalidGlob.self) { try Glob(names: String(repeating: "a", count: 513)) }
    }

    @Test func knowsWhatMatchesEverything() throws {
        for text in ["**"] { #expect(try Glob(repositories: text).matchesAll, "\(text)") }
        for text in ["*", "a/**", "*/**", "**/*", "**/a"] {
            #expect(try !Glob(repositories: text).matchesAll, "\(text)")
        }
        #expect(try Glob(tags: "*").matchesAll)
        #expect(try !Glob(tags: "v*").matchesAll)
    }

    /// Patterns on which going back at every asterisk takes longer than the sun will shine.
    @Test(.timeLimit(.minutes(1)))
    func manyAsterisksTakeNoTime() throws {
        let letters = String(repeating: "a", count: 255)
        let name = try RepositoryName(letters)
        let segments = try RepositoryName(String(repeating: "a/", count: 127) + "a")
        let globs = [
            String(repeating: "a*", count: 127) + "b", String(repeating: "*a", count: 127) + "b",
            String(repeating: "**/a/", count: 50) + "b", String(repeating: "**/*a*/", count: 36) + "b",
        ]
        for _ in 0..<20 {
            for text in globs {
                let glob = try Glob(repositories: text)
                #expect(!glob.matches(name) && !glob.matches(segments), "\(text)")
            }
            #expect(
                try !Glob(names: String(repeating: "a*", count: 255) + "b").matches(
                    String(repeating: "a", count: 10_000)))
        }
    }

    @Test func agreesWithTheNaiveMatcher() throws {
        var random = SeededGenerator(for: "agreesWithTheNaiveMatcher")
        var (accepted, matched) = (0, 0)
        for _ in 0..<20_000 {
            let text = Self.text(of: ["a", "b", "a", "*", "**", "/", "-"], using: &random)
            let name = Self.text(of: ["a", "b", "a", "/", "-"], using: &random)
            guard let glob = try? Glob(repositories: text), let name = try? RepositoryName(name) else { continue }
            accepted += 1
            matched += glob.matches(name) ? 1 : 0
            #expect(glob.text == text)
            let expected = NaivePolicy.repository(text, name.string)
            #expect(glob.matches(name) == expected, "\(text) and \(name)")
        }
        #expect(accepted > 500 && matched > 50, "the test tests nothing")
    }

    @Test func tagsAgreeWithTheNaiveMatcher() throws {
        var random = SeededGenerator(for: "tagsAgreeWithTheNaiveMatcher")
        var (accepted, matched) = (0, 0)
        for _ in 0..<20_000 {
            let text = Self.text(of: ["a", "b", "*", "."], using: &random)
            let name = Self.text(of: ["a", "b", "."], using: &random)
            guard let glob = try? Glob(tags: text), let tag = try? Tag(name) else { continue }
            accepted += 1
            matched += glob.matches(tag) ? 1 : 0
            #expect(glob.matches(tag) == NaivePolicy.text(text, name), "\(text) and \(name)")
        }
        #expect(accepted > 500 && matched > 50, "the test tests nothing")
    }

    /// A text is refused exactly if no name matches it: tried with every short text an asterisk can stand for.
    @Test func refusesOnlyWhatCannotMatch() throws {
        var random = SeededGenerator(for: "refusesOnlyWhatCannotMatch")
        let fillings = ["", "a", "-", ".", "_", "a-", "-a", "a.a", "_a"]
        var (accepted, refused) = (0, 0)
        for _ in 0..<3_000 {
            let text = Self.text(of: ["a", "*", "-", ".", "_", "/"], using: &random, count: 1...6)
            guard !text.contains("**") else { continue }
            let isAccepted = (try? Glob(repositories: text)) != nil
            accepted += isAccepted ? 1 : 0
            refused += isAccepted ? 0 : 1
            #expect(isAccepted == Self.canBeName(text[...], "", fillings), "\(text)")
        }
        #expect(accepted > 100 && refused > 100, "the test tests nothing")
    }

    private static func canBeName(_ glob: Substring, _ name: String, _ fillings: [String]) -> Bool {
        guard let first = glob.first else { return (try? RepositoryName(name)) != nil }
        let texts = first == "*" ? fillings : [String(first)]
        return texts.contains { canBeName(glob.dropFirst(), name + $0, fillings) }
    }

    private static func text(
        of parts: [String], using random: inout SeededGenerator, count: ClosedRange<Int> = 1...8
    ) -> String {
        var text = ""
        for _ in 0..<Int.random(in: count, using: &random) { text += parts.randomElement(using: &random) ?? "" }
        return text
    }
}
