import Testing

@testable import Access

/// What a password file may hold, and what is said of everything else.
@Suite struct PasswordTableTests {
    @Test func linesOfHtpasswdAreUsers() throws {
        let text = """
            # people
            \(PasswordSamples.alice)

              \t
            \(PasswordSamples.bob)\r
            \(PasswordSamples.juergen)
            """
        let table = try PasswordTable(Array(text.utf8), path: "users")
        #expect(table.count == 3)
        #expect(table.hash(of: "alice").text == String(PasswordSamples.alice.dropFirst(6)))
        #expect(table.hash(of: "bob").cost == 5)
        #expect(table.fingerprint(of: "jürgen maier") != nil)
        #expect(table.fingerprint(of: "nobody") == nil && table.fingerprint(of: "") == nil)
    }

    @Test func aPasswordOfNobodyCostsWhatMostDo() throws {
        let most = try PasswordTable(
            Array([PasswordSamples.alice, PasswordSamples.juergen, PasswordSamples.bob].joined(separator: "\n").utf8),
            path: "users")
        #expect(most.hash(of: "nobody").cost == 4)
        let tie = try PasswordTable(Array("\(PasswordSamples.alice)\n\(PasswordSamples.bob)".utf8), path: "users")
        #expect(tie.hash(of: "nobody").cost == 5)
    }

    private static let rest = "$2y$04$Dlbx5I4xKBjFmrMhs2F.G.ALb9mkqYmP..mBb5bW83QgjTKIHcsLq"
    private static let remedy = "set the password again with `htpasswd -B users u`"

    @Test(arguments: [
        ("", "users has no users; add one with `htpasswd -B users NAME`"),
        ("# nobody\n\n", "users has no users; add one with `htpasswd -B users NAME`"),
        ("secret", "users:1: expected NAME:HASH, as `htpasswd -B` writes it"),
        ("\(PasswordSamples.bob)\nu:", "users:2: what follows \"u\" is no bcrypt hash; \(remedy)"),
        ("u:secret", "users:1: what follows \"u\" is no bcrypt hash; \(remedy)"),
        ("u:CWp4FXVHgoO1M", "users:1: what follows \"u\" is no bcrypt hash; \(remedy)"),
        ("u:\(rest) ", "users:1: what follows \"u\" is no bcrypt hash; \(remedy)"),
        ("u:\(rest):x", "users:1: what follows \"u\" is no bcrypt hash; \(remedy)"),
        ("u:\(rest.dropLast())", "users:1: what follows \"u\" is no bcrypt hash; \(remedy)"),
        ("u:\(rest.dropLast())!", "users:1: what follows \"u\" is no bcrypt hash; \(remedy)"),
        ("u:$2y$+4\(rest.dropFirst(6))", "users:1: what follows \"u\" is no bcrypt hash; \(remedy)"),
        ("u:$2y$03\(rest.dropFirst(6))", "users:1: what follows \"u\" is no bcrypt hash; \(remedy)"),
        (
            "u:$2y$31\(rest.dropFirst(6))",
            "users:1: the password of \"u\" has bcrypt cost 31, and 14 is the most that is taken; \(remedy)"
        ),
        (
            "u:$2y$15\(rest.dropFirst(6))",
            "users:1: the password of \"u\" has bcrypt cost 15, and 14 is the most that is taken; \(remedy)"
        ),
        (":\(rest)", "users:1: the name before the colon is missing"),
        (" u:\(rest)", "users:1: \" u\" begins or ends with a space"),
        ("u\u{7}:\(rest)", "users:1: \"u\\u{07}\" has invisible characters"),
        ("u\0:\(rest)", "users:1: \"u\\0\" has invisible characters"),
        ("\u{FEFF}u:\(rest)", "users:1: \"\u{FEFF}u\" has invisible characters"),
        (
            "robot+u:\(rest)",
            "users:1: \"robot+u\": names with robot+ belong to robots, which `stowage robot create` makes"
        ),
        (
            "u:\(rest)\n\nu:\(rest)", "users:3: \"u\" is on line 1 already; remove one of them"
        ),
        ("\(String(repeating: "u", count: 256)):\(rest)", "users:1: the name is longer than 255 bytes"),
        ("u:\(String(repeating: "x", count: 2000))", "users:1: longer than 1024 bytes"),
    ])
    func anythingElseIsASentence(text: String, sentence: String) {
        #expect(throws: AccountsFileError(sentence)) { try PasswordTable(Array(text.utf8), path: "users") }
    }

    @Test(arguments: [
        ("$apr1$gH6xj904$fnWYBysrdZPXxoNGHW/35.", "MD5"), ("{SHA}EfatjsUqKYSrqv18O1FlA3hcIHI=", "SHA-1"),
        ("$5$JjeSasZULcioiuvJ$I9BvvZfr15E8oNTyAnj0nRdW.8q9krIw0NcqxT8JsMC", "SHA-256"),
        ("$6$3jIHl53baUvhAvHZ$yfB1NAag/lRbHmWxbhzexmUiP9GVOrFeOVUbBz3MAs7j", "SHA-512"),
        ("$2x$04$Dlbx5I4xKBjFmrMhs2F.G.ALb9mkqYmP..mBb5bW83QgjTKIHcsLq", "old bcrypt"),
        ("$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7", "yescrypt"),
    ])
    func hashesOfOtherFunctionsAreNamed(hash: String, function: String) {
        let sentence =
            "users:1: the password of \"u\" is hashed with \(function), and only bcrypt is taken; \(Self.remedy)"
        #expect(throws: AccountsFileError(sentence)) { try PasswordTable(Array("u:\(hash)".utf8), path: "users") }
    }

    @Test func whateverByteIsDamagedNoHashIsToldOf() throws {
        let line = Array(PasswordSamples.alice.utf8)
        let digest = PasswordSamples.alice.suffix(20)
        for place in line.indices {
            for byte in [0x00, 0x09, 0x0a, 0x0d, 0x20, 0x23, 0x24, 0x3a, 0x41, 0x7f, 0x80, 0xff] as [UInt8] {
                var damaged = line
                damaged[place] = byte
                do throws(AccountsFileError) {
                    #expect(try PasswordTable(damaged, path: "users").count == 1)
                } catch {
                    #expect(error.description.hasPrefix("users") && !error.description.contains(digest))
                }
            }
        }
    }

    @Test func bytesThatAreNoTextAreRefused() {
        #expect(throws: AccountsFileError("users:1: not UTF-8")) {
            try PasswordTable([UInt8(ascii: "u"), 0xff, UInt8(ascii: ":")] + Array(Self.rest.utf8), path: "users")
        }
    }
}
