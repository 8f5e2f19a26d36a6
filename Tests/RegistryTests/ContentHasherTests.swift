import OCI
import TestSupport
import Testing

@testable import Registry

struct ContentHasherTests {
    @Test(
        "content in pieces, saved and restored in between, has the digest of the whole",
        arguments: Digest.Algorithm.allCases)
    func pieces(algorithm: Digest.Algorithm) throws {
        var generator = SeededGenerator(for: "pieces")
        for _ in 0..<100 {
            let bytes = sampleBytes(Int.random(in: 0...2000, using: &generator))
            var hasher = ContentHasher(algorithm)
            var offset = 0
            while offset < bytes.count {
                let end = min(bytes.count, offset + Int.random(in: 1...300, using: &generator))
                hasher.update(Array(bytes[offset..<end]).span.bytes)
                offset = end
                guard Bool.random(using: &generator) else { continue }
                hasher = try #require(ContentHasher(algorithm, savedState: hasher.savedState, length: offset))
            }
            #expect(hasher.algorithm == algorithm)
            #expect(hasher.digest == Digest(of: bytes, algorithm: algorithm))
        }
    }

    @Test("a state of the other algorithm is refused")
    func otherAlgorithm() {
        #expect(ContentHasher(.sha512, savedState: ContentHasher(.sha256).savedState, length: 0) == nil)
        #expect(ContentHasher(.sha256, savedState: ContentHasher(.sha512).savedState, length: 0) == nil)
    }

    @Test("digests of nothing")
    func empty() {
        let short = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        #expect(Digest(of: []).string == short)
        #expect(Digest(of: [], algorithm: .sha512).hex.hasPrefix("cf83e1357eefb8bd"))
    }
}
