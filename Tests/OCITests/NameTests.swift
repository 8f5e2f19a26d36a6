import Testing

@testable import OCI

struct RepositoryNameTests {
    @Test(arguments: [
        "a", "0", "alpine", "library/alpine", "a/b/c/d/e/f", "a.b", "a_b", "a__b", "a-b", "a--b", "a---------b",
        "a.b_c__d-e--f", "1.2.3", "a/0/b-1", "registry.example.com/team/app", "a-b/c_d/e.f",
        // Words of the API's own paths are names like any other.
        "blobs", "a/blobs", "a/manifests", "a/tags/list", "a/referrers", "a/blobs/uploads", "v2", "v2/a", "tags/list",
        String(repeating: "a", count: 255), String(repeating: "a/", count: 127) + "a",
        "a" + String(repeating: "-", count: 253) + "a",
    ])
    func accepts(text: String) throws {
        let name = try RepositoryName(text)
        #expect(name.string == text)
        #expect("\(name)" == text)
    }

    private static let unexpected: [(String, Int)] = [
        ("A", 0), ("Library/alpine", 0), ("library/Alpine", 8), ("alpinE", 5), ("/", 0), ("/a", 0), ("a//b", 2),
        ("a///b", 2), ("a..b", 2), ("a___b", 3), ("a.-b", 2), ("a-.b", 2), ("a._b", 2), ("a_.b", 2), ("a_-b", 2),
        ("a-_b", 2), ("a__-b", 3), (".", 0), ("..", 0), ("../a", 0), ("a/..", 2), ("a/../b", 2), ("a/./b", 2),
        ("./a", 0), (".a", 0), ("_a", 0), ("-a", 0), ("_catalog", 0), ("a/_blobs", 2), ("a/_manifests/b", 2),
        ("a/.b", 2), ("a/-b", 2), ("a./b", 2), ("a_/b", 2), ("a-/b", 2), ("a__/b", 3), ("a--/b", 3), ("a b", 1),
        (" a", 0), ("a ", 1), ("a\n", 1), ("a\0b", 1), ("a\\b", 1), ("a:b", 1), ("a@b", 1), ("a%2fb", 1), ("%2e%2e", 0),
        ("a%2e%2e/b", 1), ("a?b", 1), ("a#b", 1), ("a+b", 1), ("a~b", 1), ("a*b", 1), ("é", 0), ("aé", 1), ("a/ü", 2),
        ("a\u{301}", 1), ("ａ", 0), ("١", 0), ("a`", 1), ("a{", 1), ("0:", 1), ("/..", 0),
    ]

    @Test(arguments: unexpected)
    func rejectsAtByte(text: String, offset: Int) {
        #expect(throws: InvalidName(text: text, problem: .unexpected(offset: offset))) { try RepositoryName(text) }
    }

    @Test(arguments: ["a/", "a/b/", "a.", "a_", "a__", "a-", "a--", "a/b."])
    func rejectsTextEndingInASeparator(text: String) {
        #expect(throws: InvalidName(text: text, problem: .incomplete)) { try RepositoryName(text) }
    }

    @Test func limitsTheLength() {
        #expect(throws: InvalidName(text: "", problem: .empty)) { try RepositoryName("") }
        for count in [256, 257, 100_000] {
            let text = String(repeating: "a", count: count)
            #expect(throws: InvalidName(text: text, problem: .tooLong)) { try RepositoryName(text) }
        }
    }

    @Test(arguments: ["", "a//b", "a/", "\u{1B}[31m\n", String(repeating: "A", count: 100_000)])
    func describesErrorsInBoundedPrintableText(text: String) throws {
        let error = try #require(throws: InvalidName.self) { try RepositoryName(text) }
        #expect(error.description.hasPrefix("invalid repository name"))
        #expect(error.description.utf8.count < 400)
        #expect(error.description.unicodeScalars.allSatisfy { $0.value >= 0x20 })
    }

    @Test func ordersByBytes() throws {
        let names = try ["a", "a-b", "a.b", "a/b", "a0", "a_b", "aa", "b"].map { try RepositoryName($0) }
        #expect(names.shuffled().sorted() == names)
    }
}

struct TagTests {
    @Test(arguments: [
        "latest", "a", "A", "0", "_", "__", "v1.0.0", "1.0-rc.1", "A.b-C_d", "a..b", "a.", "a-", "_.", "_-", "list",
        "sha256-" + String(repeating: "a", count: 64), String(repeating: "x", count: 128),
    ])
    func accepts(text: String) throws {
        let tag = try Tag(text)
        #expect(tag.string == text)
        #expect("\(tag)" == text)
    }

    @Test(arguments: [
        "", ".", "..", "-", ".a", "-a", "..a", "a/b", "a:b", "a@b", "a b", " a", "a ", "a\n", "a\0", "a\\b", "a%2fb",
        "a+b", "a~", "a[", "a`", "a{", "é", "aé", "a\u{301}", "ａ", "../../etc", "a/..",
        String(repeating: "x", count: 129), String(repeating: "x", count: 100_000),
    ])
    func rejects(text: String) throws {
        let error = try #require(throws: InvalidTag.self) { try Tag(text) }
        #expect(error == InvalidTag(text: text))
        #expect(error.description.hasPrefix("invalid tag"))
        #expect(error.description.utf8.count < 400)
    }

    @Test func ordersByBytes() throws {
        let tags = try ["0", "1", "10", "2", "A", "Z", "_", "a", "a-", "a.", "aA", "a_", "aa", "z"].map { try Tag($0) }
        #expect(tags.shuffled().sorted() == tags)
    }
}

struct ReferenceTests {
    private let digest = "sha256:" + String(repeating: "ab", count: 32)

    @Test func takesTextWithAColonForADigest() throws {
        #expect(try Reference(digest) == .digest(Digest(digest)))
        #expect(try Reference("latest") == .tag(Tag("latest")))
        #expect(try Reference("sha256-ab") == .tag(Tag("sha256-ab")))
        #expect(try "\(Reference(digest)) \(Reference("latest"))" == "\(digest) latest")
    }

    private static let notReferences: [(String, InvalidReference)] = [
        ("", InvalidReference.tag(InvalidTag(text: ""))), ("a/b", .tag(InvalidTag(text: "a/b"))),
        (".a", .tag(InvalidTag(text: ".a"))), (":", .digest(.malformed(":"))),
        ("a:b", .digest(.unsupportedAlgorithm("a"))),
        ("sha256:baddigeststring", .digest(.malformed("sha256:baddigeststring"))),
        ("sha384:ab", .digest(.unsupportedAlgorithm("sha384"))), ("v1:", .digest(.malformed("v1:"))),
    ]

    @Test(arguments: notReferences)
    func saysWhatTheTextWasTakenFor(text: String, error: InvalidReference) throws {
        #expect(throws: error) { try Reference(text) }
        let part =
            switch error {
            case .digest(let error): error.description
            case .tag(let error): error.description
            }
        #expect(error.description == part)
    }
}
