import Access
import Testing

/// `Authorization` as clients send it, and as nobody should.
@Suite struct ClientCredentialsTests {
    private func read(_ fields: String...) throws -> ClientCredentials {
        try ClientCredentials(authorization: fields)
    }

    @Test func whatClientsSend() throws {
        #expect(try ClientCredentials(authorization: []) == .none)
        #expect(try read("Basic Og==") == .none)
        let alice = ClientCredentials.basic(user: "alice", password: "s3cret")
        #expect(try read("Basic YWxpY2U6czNjcmV0") == alice)
        #expect(try read("basic YWxpY2U6czNjcmV0") == alice)
        #expect(try read("BASIC  YWxpY2U6czNjcmV0") == alice)
        #expect(try read("Basic YTpiOmM=") == .basic(user: "a", password: "b:c"))
        #expect(try read("Basic YTo=") == .basic(user: "a", password: ""))
        #expect(try read("Basic OmI=") == .basic(user: "", password: "b"))
        #expect(try read("Basic w7xzZXI6cMOkc3M=") == .basic(user: "üser", password: "päss"))
        #expect(try read("Bearer abc.DEF-_~+/09==") == .bearer("abc.DEF-_~+/09=="))
        #expect(try read("bearer a") == .bearer("a"))
    }

    @Test func aTokenHasTheCharactersOfB64Token() {
        for byte in UInt8(0)...255 {
            let character = Character(Unicode.Scalar(byte))
            let isRight = byte < 128 && (character.isLetter || character.isNumber || "-._~+/".contains(character))
            let credentials = try? read("Bearer a\(character)b")
            #expect((credentials == .bearer("a\(character)b")) == isRight, "\(byte)")
        }
    }

    @Test(arguments: [
        "", " ", "Basic", "Basic ", "Basic  ", "BasicYTpi", "Basic\tYTpi", "Basic YTpi YTpi", "Basic YTp",
        "Basic YTpiYQ",
        "Basic YTpiYQ=", "Basic YTpiYR==", "Basic YTpiYQ===", "Basic YT=i", "Basic ====", "Basic YT-i", "Basic YTpi,",
        "Basic YWxpY2U=", "Basic YTpiAA==", "Basic YTpiCg==", "Basic YTp/", "Basic f2E6Yg==", "Basic /zph",
        "Basic YTrDKA==",
        "Bearer", "Bearer ", "Bearer a b", "Bearer a,b", "Bearer =", "Bearer a=b", "Bearer ä", "Bearer \"a\"",
        "Digest username=\"a\"", "Negotiate YTpi", "Bearer a, Basic YTpi", "\u{0}", ": :", "Basic\u{a0}YTpi",
    ])
    func malformed(_ field: String) throws {
        #expect(throws: AuthenticationError.malformed) { try read(field) }
    }

    @Test func twoFieldsAreNone() throws {
        #expect(throws: AuthenticationError.malformed) { try read("Basic YTpi", "Basic YTpi") }
        #expect(throws: AuthenticationError.malformed) { try read("Basic Og==", "Bearer a") }
        #expect(throws: AuthenticationError.malformed) { try read("", "") }
    }

    @Test(arguments: ["Basic ", "Bearer ", "", "Basic YTpi"], ["A", ".", " ", "=", "\u{0}", "ä", ":"])
    func ofAnyLength(_ scheme: String, _ filler: String) throws {
        for count in [1, 3, 4, 255, 16 << 10, (16 << 10) + 1, (24 << 10) + 1, 1 << 20] {
            let field = scheme + String(repeating: filler, count: count)
            do {
                switch try read(field) {
                case .none: Issue.record("no credentials in \(scheme)\(filler)…")
                case .basic(let user, let password): #expect(user.utf8.count + password.utf8.count <= 18 << 10)
                case .bearer(let token): #expect(token.utf8.count <= 16 << 10)
                }
            } catch {
                #expect(error as? AuthenticationError == .malformed)
            }
        }
    }

    @Test func theLongestOfEach() throws {
        let token = String(repeating: "a", count: ClientCredentials.maximumToken)
        #expect(try read("Bearer \(token)") == .bearer(token))
        #expect(throws: AuthenticationError.malformed) { try read("Bearer \(token)a") }
        // "a:aa", 6144 times three bytes of it.
        let basic = "Basic YTph" + String(repeating: "YWFh", count: (24 << 10) / 4 - 1)
        guard case .basic("a", let password) = try read(basic) else { throw AuthenticationError.malformed }
        #expect(password.utf8.count == (18 << 10) - 2)
        #expect(throws: AuthenticationError.malformed) { try read(basic + "YWFh") }
    }
}
