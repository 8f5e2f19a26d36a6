import Testing

@testable import S3

/// The syntax of the shared files.
struct ProfileFileTests {
    @Test(
        "credentials files name profiles bare",
        arguments: [
            ("", [:]), ("# c\n; c\n\n", [:]), ("[a]", ["a": [:]]), ("[ a ] # c\nk=v", ["a": ["k": "v"]]),
            ("[a]\nK = v w\t\n", ["a": ["k": "v w"]]), ("[a]\r\nk=v\r\n", ["a": ["k": "v"]]),
            ("[a]\nk=v=w", ["a": ["k": "v=w"]]), ("[a]\nk=", ["a": ["k": ""]]),
            ("[a]\nk=v#w ;x\n", ["a": ["k": "v#w"]]), ("[a]\nk=1\nk=2", ["a": ["k": "2"]]),
            ("[a]\nk=1\n[b]\nk=2\n[a]\nl=3", ["a": ["k": "1", "l": "3"], "b": ["k": "2"]]),
            ("[a]\ns3 =\n  max_concurrent_requests = 20\n\tx\nk=v", ["a": ["s3": "", "k": "v"]]),
            ("[profile a]\nk=v", ["profile a": ["k": "v"]]),
        ] as [(String, [String: [String: String]])])
    func credentials(test: (text: String, profiles: [String: [String: String]])) throws {
        #expect(try ProfileFile.profiles(in: test.text, sectionPrefix: "") == test.profiles)
    }

    @Test(
        "configuration files call them profiles, and have other sections",
        arguments: [
            ("[default]\nk=v", ["default": ["k": "v"]]), ("[profile a]\nk=v", ["a": ["k": "v"]]),
            ("[profile 'a b']\nk=v", ["a b": ["k": "v"]]), ("[profile \"a\"]\nk=v", ["a": ["k": "v"]]),
            ("[a]\nk=v\n[sso-session s]\nk=v\n[services x]\ns3 =\n  k=v", [:]),
        ] as [(String, [String: [String: String]])])
    func configuration(test: (text: String, profiles: [String: [String: String]])) throws {
        #expect(try ProfileFile.profiles(in: test.text, sectionPrefix: "profile ") == test.profiles)
    }

    @Test(
        "lines that are nothing known",
        arguments: [
            ("k=v", 1), ("[a]\nk", 2), ("[a]\n\n=v", 3), ("[a", 1), ("[]", 1), ("[a] b", 1), ("x\n[a]", 1),
        ])
    func malformed(test: (text: String, line: Int)) {
        #expect(throws: ProfileFile.SyntaxError(line: test.line)) {
            try ProfileFile.profiles(in: test.text, sectionPrefix: "")
        }
    }
}
