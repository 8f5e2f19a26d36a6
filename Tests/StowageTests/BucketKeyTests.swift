import OCI
import ObjectStorage
import Registry
import TestSupport
import Testing

/// What the keys of a bucket are taken for.
@Suite struct BucketKeyTests {
    private static let hex = String(repeating: "ab", count: 32)
    private static let long = String(repeating: "cd", count: 64)

    @Test(arguments: [
        "blobs/sha256/\(hex)", "blobs/sha512/\(long)", "manifests/a/1/manifest.json",
        "manifests/a/b/c/latest/manifest.json", "manifests/a/sha256:\(hex)/manifest.json",
        "registry/a/_manifests/sha256/\(hex)", "registry/a/b/_manifests/sha512/\(long)",
        "registry/a/_blobs/sha256/\(hex)", "registry/a/_referrers/sha256/\(hex)/sha512/\(long)",
        "registry/_catalog/a/b!", "registry/_uploads/0123456789abcdef0123456789abcdef/cancelled",
        "registry/_keys/uploads", "registry/_keys/tokens/00000001", "registry/_probe/1", "registry/_gc/x",
        "recipes/sha256/\(hex)", "chunks/sha256/\(hex)",
        "indexes/sha256/\(hex)", "s3lo.yaml", "manifests/Upper/1/manifest.json",
        "manifests/a/v 1/manifest.json", "manifests/a/1/signatures/0123456789abcdef.json",
        "manifests/a/1/history.json", "manifests/a/1/oci-layout", "a/1/manifest.json",
        "a/1/blobs/sha256/\(hex)", "blobs/sha256/\(long)",
    ])
    func belongsHere(_ key: String) {
        let kind = BucketKey(ObjectKey(key))
        #expect(kind != .lookalike && kind != .foreign, "\(kind)")
    }

    @Test(arguments: [
        "blobs", "blobs/", "blobs/sha256", "blobs/sha256/", "blobs/sha256/abc", "blobs/sha256/\(hex)/data",
        "blobs/sha256/\(hex.uppercased())", "blobs/md5/\(hex)", "blobs/sha512/\(hex)", "blobs//\(hex)",
        "manifests/a", "manifests/manifest.json", "manifests/a/manifest.json", "manifests//a/manifest.json",
        "manifests/a/1/manifest.jsonx", "manifests/a/1/notes.txt", "manifests/a/../manifest.json",
        "registry/a", "registry/a/_manifests/sha256/short", "registry/A/_manifests/sha256/\(hex)",
        "registry/a/_other/sha256/\(hex)", "registry/_catalog/a", "registry/_catalog/A!", "registry/_uploads/x/y",
        "registry/_uploads", "registry/_other/x", "recipes/sha256/x", "chunks/\(hex)",
    ])
    func onlyLooksAsIfItBelongedHere(_ key: String) {
        #expect(BucketKey(ObjectKey(key)) == .lookalike)
    }

    @Test(arguments: [
        "x", "backup.tar", "logs/2026/1.gz", "s3lo.yaml/x", "Blobs/sha256/\(hex)", "a/manifest.json", " ",
    ])
    func isForeign(_ key: String) {
        #expect(BucketKey(ObjectKey(key)) == .foreign)
    }

    @Test func tellsWhatItIs() throws {
        let digest = try Digest("sha256:\(Self.hex)")
        let name = try RepositoryName("a/b")
        #expect(BucketKey(ObjectKey("blobs/sha256/\(Self.hex)")) == .blob(digest))
        #expect(BucketKey(ObjectKey("manifests/a/b/1/manifest.json")) == .tag(name, try Tag("1")))
        #expect(BucketKey(ObjectKey("manifests/a/b/\(digest)/manifest.json")) == .digestTag(name, digest))
        #expect(BucketKey(ObjectKey("registry/a/b/_blobs/sha256/\(Self.hex)")) == .link(name, digest))
        #expect(BucketKey(ObjectKey("registry/_catalog/a/b!")) == .catalog(name))
        #expect(BucketKey(ObjectKey("chunks/sha256/\(Self.hex)")) == .chunk(digest))
    }
}
