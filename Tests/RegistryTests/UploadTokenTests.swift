import OCI
import OpenSSL
import TestSupport
import Testing

@testable import Registry

struct UploadTokenTests {
    private let signer = UploadTokenSigner(secret: sampleBytes(32))
    private let name: RepositoryName
    private let now = 1_800_000_000

    init() throws {
        name = try RepositoryName("library/alpine")
    }

    private func token(_ length: Int, _ algorithm: Digest.Algorithm = .sha256) -> UploadToken {
        var hasher = ContentHasher(algorithm)
        hasher.update(sampleBytes(length).span.bytes)
        return UploadToken(id: UploadID(), expiry: now + 60, offset: length, hasher: hasher)
    }

    @Test("a token comes back as it went", arguments: Digest.Algorithm.allCases, [0, 1, 63, 64, 127, 128, 1000])
    func roundTrip(algorithm: Digest.Algorithm, length: Int) throws {
        let token = token(length, algorithm)
        let text = signer.text(of: token, repository: name, subject: "alice")
        #expect(text.utf8.count <= 400)
        let read = try #require(signer.token(text, repository: name, subject: "alice", now: now))
        #expect(read.id == token.id && read.expiry == token.expiry && read.offset == length)
        #expect(read.hasher.algorithm == algorithm)
        #expect(read.hasher.digest == Digest(of: sampleBytes(length), algorithm: algorithm))
    }

    @Test("so does one with a base", arguments: Digest.Algorithm.allCases)
    func base(algorithm: Digest.Algorithm) throws {
        var token = token(1000, algorithm)
        token.base = UploadBase(digest: Digest(of: sampleBytes(900), algorithm: algorithm), size: 900)
        let text = signer.text(of: token, repository: name, subject: "alice")
        #expect(text.utf8.count <= 600)
        let read = try #require(signer.token(text, repository: name, subject: "alice", now: now))
        #expect(read.base == token.base && read.offset == 1000)
        #expect(read.hasher.digest == Digest(of: sampleBytes(1000), algorithm: algorithm))
    }

    @Test("it is for one repository, one subject and one registry, and until it expires")
    func bound() throws {
        let token = token(100)
        let text = signer.text(of: token, repository: name, subject: "alice")
        let other = try RepositoryName("library/alpin")
        #expect(signer.token(text, repository: other, subject: "alice", now: now) == nil)
        #expect(signer.token(text, repository: name, subject: "", now: now) == nil)
        #expect(signer.token(text, repository: name, subject: "alic", now: now) == nil)
        let stranger = UploadTokenSigner(secret: sampleBytes(32, seed: 1))
        #expect(stranger.token(text, repository: name, subject: "alice", now: now) == nil)
        #expect(signer.token(text, repository: name, subject: "alice", now: now + 59) != nil)
        #expect(signer.token(text, repository: name, subject: "alice", now: now + 60) == nil)
    }

    @Test("repository and subject cannot be shifted into each other")
    func separated() throws {
        let text = signer.text(of: token(1), repository: try RepositoryName("a"), subject: "b\u{0}c")
        #expect(signer.token(text, repository: try RepositoryName("a"), subject: "b", now: now) == nil)
    }

    @Test("no bit can be changed, nothing cut off or added")
    func forged() {
        let text = signer.text(of: token(70), repository: name, subject: "")
        let bytes = Base64URL.decode(text) ?? []
        #expect(signer.token(Base64URL.encode(bytes), repository: name, subject: "", now: now) != nil)
        var candidates = (0..<bytes.count).map { Array(bytes.prefix($0)) } + [bytes + [0], [0] + bytes, []]
        for index in 0..<bytes.count * 8 {
            var changed = bytes
            changed[index / 8] ^= 1 << (index % 8)
            candidates.append(changed)
        }
        for candidate in candidates {
            #expect(signer.token(Base64URL.encode(candidate), repository: name, subject: "", now: now) == nil)
        }
        for candidate in ["", "=", text + "=", String(repeating: "A", count: 1025), text + "A"] {
            #expect(signer.token(candidate, repository: name, subject: "", now: now) == nil)
        }
    }

    @Test("ids are 32 lower-case hexadecimal digits")
    func ids() {
        let id = UploadID()
        #expect(id.hex.utf8.count == 32)
        #expect(UploadID(hex: id.hex) == id)
        #expect(Set((0..<100).map { _ in UploadID() }).count == 100)
        for text in [
            "", String(id.hex.dropLast()), id.hex + "0", id.hex.uppercased() + "A", String(repeating: "g", count: 32),
            "../" + id.hex,
        ] {
            #expect(UploadID(hex: text) == nil)
        }
    }
}
