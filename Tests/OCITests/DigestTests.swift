import Foundation
import OCI
import Testing

private let hex64 = String(repeating: "0123456789abcdef", count: 4)
private let hex63 = String(hex64.dropLast())
private let hex128 = hex64 + hex64

struct DigestTests {
    @Test(arguments: [
        ("sha256:" + hex64, Digest.Algorithm.sha256),
        ("sha256:" + String(repeating: "0", count: 64), .sha256),
        ("sha256:" + String(repeating: "f", count: 64), .sha256),
        ("sha512:" + hex128, .sha512),
    ])
    func acceptsCanonicalForm(text: String, algorithm: Digest.Algorithm) throws {
        let digest = try Digest(text)
        #expect(digest.algorithm == algorithm)
        #expect(digest.string == text)
        #expect("\(digest)" == text)
        #expect(digest.hex == text.dropFirst(7))
        #expect(digest.hex.utf8.count == algorithm.hexLength)
    }

    private static let malformed: [String] = [
        "", ":", "sha256", "sha256:", ":\(hex64)", hex64, "latest", "sha256:baddigeststring",
        // The wrong length, by one, by much, and that of the other algorithm.
        "sha256:\(hex63)", "sha256:\(hex64)0", "sha256:\(hex128)", "sha512:\(hex64)", "sha512:\(hex64)\(hex63)",
        "sha512:\(hex128)0",
        // Upper case, characters next to the hex digits, and characters of the grammar that are no hex.
        "sha256:\(hex64.uppercased())", "sha256:\(hex63)F", "SHA256:\(hex64)", "Sha256:\(hex64)", "sha256:\(hex63)g",
        "sha256:\(hex63)`", "sha256:\(hex63):", "sha256:\(hex63)/", "sha256:\(hex63)=", "sha256:\(hex63)-",
        "sha256:F\(hex63)",
        // Paths.
        "sha256:../\(hex64.dropLast(3))", "sha256:\(hex64)/..", "sha256:\(hex64.dropLast(2))..", "sha256:..",
        "../sha256:\(hex64)", "sha256/\(hex64)", "sha256:%2e%2e\(hex64.dropLast(6))",
        // Spaces, NUL, and characters that only look right.
        " sha256:\(hex64)", "sha256:\(hex64) ", "sha256:\(hex64)\n", "sha256: \(hex63)", "sha256:\(hex63)\0",
        "sha256:\(hex63)а", "ｓha256:\(hex64)", "sha256:\(hex64.dropLast(2))é", "sha256:\(hex64)\u{301}",
        // Algorithms that break the grammar, or keep it with an encoding that does not.
        "sha256+:\(hex64)", "+sha256:\(hex64)", "sha256++b64:\(hex64)", "sha 256:\(hex64)", "sha256::\(hex64)",
        "sha384:",
        "sha384:a/b", "sha384:a:b",
    ]

    @Test(arguments: malformed)
    func rejectsMalformed(text: String) {
        #expect(throws: DigestError.malformed(text)) { try Digest(text) }
    }

    @Test(arguments: [
        ("sha384:" + String(repeating: "a", count: 96), "sha384"),
        ("blake3:" + hex64, "blake3"), ("md5:d41d8cd98f00b204e9800998ecf8427e", "md5"), ("sha1:x", "sha1"),
        ("sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564", "sha256+b64u"),
        ("multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8", "multihash+base58"),
        ("a.b_c-d+e:A=_-", "a.b_c-d+e"), ("sha2566:" + hex64, "sha2566"),
    ])
    func namesUnsupportedAlgorithms(text: String, algorithm: String) {
        #expect(throws: DigestError.unsupportedAlgorithm(algorithm)) { try Digest(text) }
    }

    private static let hostile = "bad\u{1B}[31m\r\n" + String(repeating: "x\u{301}", count: 100_000)

    @Test(arguments: [DigestError.malformed(hostile), .unsupportedAlgorithm(hostile)])
    func describesErrorsInBoundedPrintableText(error: DigestError) {
        let description = error.description
        #expect(description.utf8.count < 400)
        #expect(description.unicodeScalars.allSatisfy { $0.value >= 0x20 })
        #expect(description.contains("bad"))
        #expect(description.contains("sha256"))
    }

    @Test func printsBytesAsHex() throws {
        let bytes = (0..<32).map { UInt8($0 * 8 + 7) }
        let expected = "sha256:" + bytes.map { String(format: "%02x", $0) }.joined()
        #expect(Digest(algorithm: .sha256, bytes: bytes).string == expected)
        #expect(Digest(algorithm: .sha256, bytes: bytes) == (try Digest(expected)))
        let long = Digest(algorithm: .sha512, bytes: bytes + bytes)
        #expect(long.string == "sha512:" + expected.dropFirst(7) + expected.dropFirst(7))
        #expect(long == (try Digest(long.string)))
    }

    @Test func ordersAndHashesByText() throws {
        let texts = [
            "sha256:" + hex64, "sha256:1" + hex64.dropLast(), "sha256:f" + hex64.dropLast(), "sha512:" + hex128,
        ]
        let digests = try texts.map { try Digest($0) }
        #expect(digests.shuffled().sorted() == digests)
        #expect(Set(digests + digests).count == 4)
    }

    @Test func isAStringInJSON() throws {
        let digest = try Digest("sha256:" + hex64)
        let json = try JSONEncoder().encode([digest])
        #expect(String(decoding: json, as: UTF8.self) == "[\"sha256:\(hex64)\"]")
        #expect(try JSONDecoder().decode([Digest].self, from: json) == [digest])
        for bad in [#"["sha256:12"]"#, "[12]", "[null]"] {
            #expect(throws: DecodingError.self) { try JSONDecoder().decode([Digest].self, from: Data(bad.utf8)) }
        }
    }
}
