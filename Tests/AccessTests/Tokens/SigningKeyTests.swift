import Glibc
import OCI
import OpenSSL
import TestSupport
import Testing

@testable import Access

/// Keys: which one signs, and what a file of them may look like.
struct SigningKeyTests {
    private let now = 1_800_000_000
    private let one = String(repeating: "a", count: 43)
    private let two = String(repeating: "b", count: 64)

    /// The `kid` of a token's header.
    private func keyID(of token: String) throws -> String? {
        let header = try #require(Base64URL.decode(String(token.prefix { $0 != "." })))
        return try decodeBoundedJSON([String: String].self, from: header)["kid"]
    }

    private func write(_ text: String, to path: String) throws {
        let file = try #require(fopen(path, "w"))
        fputs(text, file)
        fclose(file)
    }

    @Test("the youngest key whose time has come signs, of several the first, and all check")
    func turns() async throws {
        let old = SigningKey(secret: sampleBytes(32), signsFrom: 0)
        let same = SigningKey(secret: sampleBytes(33), signsFrom: 0)
        let next = SigningKey(secret: sampleBytes(34), signsFrom: now + 100)
        for (keys, time, expected) in [
            ([old, same], now, old), ([same, old], now, same), ([old, next], now + 99, old),
            ([next, old], now + 99, old),
            ([old, next], now + 100, next), ([next, old], now + 100, next), ([next], now, next),
        ] {
            let service = TokenService(keys: keys, service: "s")
            let token = try await service.refresh(.anonymous, fingerprint: "", lifetime: 1000, now: time)
            #expect(try keyID(of: token) == expected.id)
            for key in keys {
                let single = TokenService(keys: [key], service: "s")
                let text = try await single.refresh(.anonymous, fingerprint: "", lifetime: 1000, now: time)
                _ = try await service.verify(refresh: text, now: time)
            }
        }
    }

    @Test("a key does not print its secret")
    func description() {
        let key = SigningKey(secret: Array(two.utf8))
        #expect("\(key)" == "signing key \(key.id)")
        #expect(!key.id.contains("b"), "\(key.id)")
    }

    @Test("keys of a file, the first one first")
    func file() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/keys"
        try write("# new\n\n \(two)\t\r\n\(one)", to: path)
        #expect(try SigningKeyFile.read(path).map(\.secret) == [Array(two.utf8), Array(one.utf8)])
    }

    @Test("what is wrong with a file is said with its line and without its content")
    func complaints() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/keys"
        for (text, complaint) in [
            ("", "\(path) holds no key"), ("# nothing\n", "\(path) holds no key"),
            ("\(one)\n\(one.dropLast())\n", "\(path):2: a key is one word of at least 43"),
            ("\(one) \(two)", "\(path):1: a key is one word"), ("\(one)\n\(one)\n", "\(path):2: the same secret"),
            ("-----BEGIN PRIVATE KEY-----\n", "\(path):1: this is a PEM file"),
            (String(repeating: "#\n", count: 40_000), "\(path): larger than 65536 bytes: check the path"),
        ] {
            try write(text, to: path)
            let error = #expect(throws: SigningKeyFileError.self) { try SigningKeyFile.read(path) }
            #expect(error?.description.hasPrefix(complaint) == true, "\(error?.description ?? "")")
            #expect(error?.description.contains("aaaa") != true)
        }
        let error = #expect(throws: SigningKeyFileError.self) { try SigningKeyFile.read(directory.path + "/none") }
        #expect(error?.description.contains(directory.path + "/none") == true)
    }
}
