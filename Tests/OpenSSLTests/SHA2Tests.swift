import OpenSSL
import TestSupport
import Testing

/// The examples NIST publishes for FIPS 180-4, and what saving and restoring a state must not change.
struct SHA2Tests {
    private static let twoBlocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
    private static let twoLongBlocks =
        "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"

    @Test(
        "SHA-256 examples",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (twoBlocks, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
            (twoLongBlocks, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"),
            (
                String(repeating: "a", count: 1_000_000),
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
            ),
        ])
    func sha256(test: (message: String, digest: String)) {
        #expect(hex(SHA256.hash(Array(test.message.utf8))) == test.digest)
    }

    @Test(
        "SHA-512 examples",
        arguments: [
            (
                "",
                "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
                    + "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"
            ),
            (
                "abc",
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                    + "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
            ),
            (
                twoLongBlocks,
                "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
                    + "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909"
            ),
            (
                String(repeating: "a", count: 1_000_000),
                "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973eb"
                    + "de0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b"
            ),
        ])
    func sha512(test: (message: String, digest: String)) {
        #expect(hex(SHA512.hash(Array(test.message.utf8))) == test.digest)
    }

    @Test("a state saved anywhere and restored goes on to the same digest")
    func savedState() throws {
        var generator = SeededGenerator(for: "savedState")
        for _ in 0..<300 {
            let bytes = sampleBytes(Int.random(in: 0..<700, using: &generator))
            let cut = Int.random(in: 0...bytes.count, using: &generator)
            var short = SHA256()
            var long = SHA512()
            short.update(Array(bytes[..<cut]).span.bytes)
            long.update(Array(bytes[..<cut]).span.bytes)
            var restoredShort = try #require(SHA256(savedState: short.savedState, length: cut))
            var restoredLong = try #require(SHA512(savedState: long.savedState, length: cut))
            restoredShort.update(Array(bytes[cut...]).span.bytes)
            restoredLong.update(Array(bytes[cut...]).span.bytes)
            #expect(restoredShort.finalized() == SHA256.hash(bytes))
            #expect(restoredLong.finalized() == SHA512.hash(bytes))
        }
    }

    @Test("a state after more than 2^32 bits counts them all")
    func longState() throws {
        let piece = [UInt8](repeating: 0, count: 1 << 20)
        var hasher = SHA256()
        for _ in 0..<512 { hasher.update(piece.span.bytes) }
        hasher.update(sampleBytes(3).span.bytes)
        var restored = try #require(SHA256(savedState: hasher.savedState, length: 512 << 20 + 3))
        hasher.update(sampleBytes(4).span.bytes)
        restored.update(sampleBytes(4).span.bytes)
        #expect(restored.finalized() == hasher.finalized())
    }

    @Test(
        "a state that does not belong to the length is refused",
        arguments: [-1, 0, 1, 63, 64, 65, 99, 101, 127, 128, 228])
    func mismatch(length: Int) {
        var short = SHA256()
        var long = SHA512()
        short.update(sampleBytes(100).span.bytes)
        long.update(sampleBytes(100).span.bytes)
        // 36 bytes of the second block of 64, and 100 of the first of 128, are pending.
        #expect((SHA256(savedState: short.savedState, length: length) != nil) == (length == 228))
        #expect((SHA512(savedState: long.savedState, length: length) != nil) == (length == 228))
    }

    @Test("reading a digest does not end the hash")
    func value() {
        var hasher = SHA256()
        hasher.update(Array("a".utf8).span.bytes)
        _ = hasher.finalized()
        hasher.update(Array("bc".utf8).span.bytes)
        #expect(hasher.finalized() == SHA256.hash(Array("abc".utf8)))
    }
}

/// Lower-case hexadecimal digits.
func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
