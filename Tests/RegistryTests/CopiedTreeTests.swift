import Glibc
import OCI
import ObjectStorage
import TestSupport
import Testing

@testable import Registry

/// A tree that another tool wrote or copied, without anything beside the bytes.
struct CopiedTreeTests {
    private let directory: TemporaryDirectory
    private let repositories: Repositories

    init() async throws {
        directory = try TemporaryDirectory()
        let store = try DirectoryObjectStore(root: directory.path, blockingWork: TestServer.blockingWork)
        repositories = try await Repositories.open(store)
    }

    /// Writes a new file as `cp -r` would, with the directories on the way.
    private func write(_ path: String, _ bytes: [UInt8]) throws {
        var parent = directory.path
        for component in path.split(separator: "/").dropLast() {
            parent += "/\(component)"
            mkdir(parent, 0o755)
        }
        unlink("\(directory.path)/\(path)")
        let file = open("\(directory.path)/\(path)", O_WRONLY | O_CREAT | O_EXCL, 0o644)
        try #require(file >= 0)
        defer { close(file) }
        try #require(Glibc.write(file, bytes, bytes.count) == bytes.count)
    }

    @Test(
        "a tag is listed and pulled with the media type its bytes tell",
        arguments: [
            (image(1), MediaType.ociManifest), (index([]), .ociIndex),
            (Array(#"{"schemaVersion":2,"config":\#(Self.entry),"layers":[]}"#.utf8), .ociManifest),
            (Array(#"{"schemaVersion":2,"manifests":[]}"#.utf8), .ociIndex),
            (
                Array(
                    #"{"schemaVersion":2,"mediaType":"\#(MediaType.dockerManifest)","config":\#(Self.entry),"layers":[]}"#
                        .utf8), .dockerManifest
            ),
            (
                Array(#"{"schemaVersion":2,"mediaType":"\#(MediaType.dockerManifestList)","manifests":[]}"#.utf8),
                .dockerManifestList
            ),
        ])
    func pull(test: (bytes: [UInt8], type: MediaType)) async throws {
        let layer = sampleBytes(5000)
        try write("blobs/sha256/\(Digest(of: layer).hex)", layer)
        try write("blobs/sha256/\(Digest(of: emptyConfig).hex)", emptyConfig)
        try write("manifests/team/app/v1/manifest.json", test.bytes)
        try write("manifests/team/app/v1.0/manifest.json", test.bytes)
        try write("s3lo.yaml", Array("lifecycle: {}".utf8))
        let repository = try repositories.repository(named: "team/app")
        #expect(try await repository.tagList() == ["v1", "v1.0"])
        let found = try await repository.manifests.get(.tag(try Tag("v1")))
        #expect(found.bytes == test.bytes)
        #expect(found.mediaType == test.type)
        #expect(found.digest == Digest(of: test.bytes))
        #expect(try await repository.blobs.get(Digest(of: layer))?.body.contents == layer)
        try await repository.tags.delete(try Tag("v1"))
        #expect(try await repository.tagList() == ["v1.0"])
    }

    private static var entry: String {
        #"{"mediaType":"application/x","digest":"\#(Digest(of: emptyConfig))","size":2}"#
    }

    @Test("a tag that lost what was kept beside it finds its algorithm by the repository's record")
    func algorithm() async throws {
        let repository = try repositories.repository(named: "r")
        try await repository.push(emptyConfig)
        let bytes = image(1)
        let digest = Digest(of: bytes, algorithm: .sha512)
        _ = try await repository.manifests.put(bytes, contentType: nil, expected: digest, tags: [try Tag("v1")])
        try write("manifests/r/v1/manifest.json", bytes)
        try write("registry/r/_manifests/sha512/\(digest.hex)", bytes)
        #expect(try await repository.manifests.get(.tag(try Tag("v1"))).digest == digest)
        let record = try await repository.manifests.get(.digest(digest))
        #expect(record.mediaType == .ociManifest)
        try await repository.manifests.delete(digest)
        #expect(try await repository.tagList() == [])
    }

    @Test("a push over a copied tag makes it this registry's own")
    func overwrite() async throws {
        try write("manifests/r/v1/manifest.json", index([]))
        let repository = try repositories.repository(named: "r")
        try await repository.push(emptyConfig)
        let digest = try await repository.put(image(1), tags: "v1")
        #expect(try await repository.manifests.get(.tag(try Tag("v1"))).digest == digest)
        #expect(try await repository.manifests.get(.digest(digest)).bytes == image(1))
        #expect(try await repositories.names(after: nil, limit: 10).names.map(\.string) == ["r"])
    }

    /// Security, distribution #4713: strangers' files anywhere.
    @Test("junk under every prefix is passed over")
    func junk() async throws {
        let hex = Digest(of: [9]).hex
        let paths = [
            "blobs/x", "blobs/sha256/x", "blobs/sha256/\(hex).tmp", "blobs/md5/\(hex)", "blobs/sha512/\(hex)",
            "manifests/x", "manifests/r/x", "manifests/r/manifest.json", "manifests/r/-bad-/manifest.json",
            "manifests/r/bad tag/manifest.json", "manifests/r/v0/other.json", "manifests/r/v0/deep/er/manifest.json",
            "manifests/r/\u{e4}\u{301}/manifest.json", "manifests/R/v1/manifest.json", "registry/x",
            "registry/_catalog/x",
            "registry/_catalog/Bad!", "registry/_catalog/a b!", "registry/_catalog/r!/x", "registry/_catalog/!",
            "registry/_uploads/x", "registry/_uploads/\(hex)/1", "registry/_uploads/\(hex.prefix(32))/x",
            "registry/_uploads/\(hex.prefix(32))/00000000000000000000", "registry/_keys/other", "registry/r/_blobs/x",
            "registry/r/_blobs/sha256/x", "registry/r/_manifests/sha256/x", "registry/r/_referrers/sha256/\(hex)/x",
            "registry/r/_referrers/sha256/\(hex)/sha256/x", "registry/r/_referrers/sha256/\(hex)/sha256/\(hex)",
            "registry/r/_other/x", "registry/_gc/state", "recipes/r/v1.json", "chunks/ab", "indexes/x", "\u{e4}",
            "a\nb",
        ]
        let conflicting = ["registry/_catalog/r!/x"]
        for path in paths where !conflicting.contains(path) { try write(path, [0x7b]) }
        let repository = try repositories.repository(named: "r")
        try await repository.push(emptyConfig)
        let digest = try await repository.put(image(1, subject: Digest(of: [9])), tags: "v1", "v2")
        #expect(try await repository.tagList() == ["v1", "v2"])
        // As far as keys tell, the second one is a repository with the tag `er`.
        #expect(try await repositories.names(after: nil, limit: 10).names.map(\.string) == ["r", "r/v0/deep"])
        let referrers = try await repository.referrers.list(
            of: Digest(of: [9]), artifactType: nil, after: nil, limit: nil)
        #expect(referrers.descriptors.map(\.digest) == [digest] && referrers.next == nil)
        let token = try await repository.append(sampleBytes(10), to: repository.uploads.begin().token)
        try await repository.close(token, as: Digest(of: sampleBytes(10)))
        try await repository.manifests.delete(digest)
        #expect(try await repository.tagList() == [])
        _ = try await repositories.removeAbandonedUploads(olderThan: 0)
    }

    @Test("junk at a tag's key is an error of the store when it is asked for", arguments: ["", "hello", "{}", "[1]"])
    func junkTag(text: String) async throws {
        try write("manifests/r/v1/manifest.json", Array(text.utf8))
        let repository = try repositories.repository(named: "r")
        #expect(try await repository.tagList() == ["v1"])
        await #expect(throws: ObjectStoreError.self) { try await repository.manifests.get(.tag(try Tag("v1"))) }
    }
}
