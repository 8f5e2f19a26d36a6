import Testing

@testable import Access

/// Hashes of htpasswd and of crypt(3), and passwords that are, and are not, theirs.
@Suite struct BcryptHashTests {
    @Test(arguments: [
        (PasswordSamples.alice, "correct horse"), (PasswordSamples.bob, "bob secret"),
        (PasswordSamples.juergen, "straße€"), (PasswordSamples.full, String(repeating: "x", count: 72)),
        ("old:$2a$04$N9qo8uLOickgx2ZMRZoMye7lwnnKjdKULIb0Soe6BjJXxCPR1R3dC", "correct horse"),
        ("other:$2b$04$N9qo8uLOickgx2ZMRZoMye7lwnnKjdKULIb0Soe6BjJXxCPR1R3dC", "correct horse"),
        // Four bits of the salt's last character do not count: crypt(3) answers with "e" for this "f".
        ("sloppy:$2y$04$N9qo8uLOickgx2ZMRZoMyf7lwnnKjdKULIb0Soe6BjJXxCPR1R3dC", "correct horse"),
    ])
    func onlyThePasswordMatches(line: String, password: String) throws {
        let hash = try BcryptHash(String(line.split(separator: ":")[1]))
        #expect(hash.matches(password))
        for wrong in ["", String(password.dropLast()), password.uppercased() + "!"] { #expect(!hash.matches(wrong)) }
    }

    @Test func aDecoyIsAHashThatNothingMatches() throws {
        let decoy = BcryptHash.decoy(cost: 4)
        #expect(try BcryptHash(decoy.text) == decoy)
        // crypt(3) accepts it and works on it.
        let computed = try #require(Bcrypt.hash("x", setting: decoy.text))
        #expect(computed.hasPrefix(decoy.text.prefix(29)) && computed != decoy.text)
        #expect(!decoy.matches("x"))
        #expect(BcryptHash.decoy(cost: 4) != decoy)
        #expect(BcryptHash.decoy(cost: 12).text.hasPrefix("$2y$12$"))
    }
}
