import OCI
import ObjectStorage
import TestSupport
import Testing

@testable import Registry

/// The keys as they are in buckets that exist: none of them may change.
struct StorageLayoutTests {
    private let name: RepositoryName
    private let short = Digest(of: [])
    private let long = Digest(of: [], algorithm: .sha512)
    private let shortHex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    private let id: UploadID

    init() throws {
        name = try RepositoryName("team/app")
        id = try #require(UploadID(hex: "000102030405060708090a0b0c0d0e0f"))
    }

    @Test("every key, to the letter")
    func keys() throws {
        let longHex = String(long.hex)
        let expected: [(ObjectKey, String)] = [
            (StorageLayout.blob(short), "blobs/sha256/\(shortHex)"),
            (StorageLayout.blob(long), "blobs/sha512/\(longHex)"),
            (StorageLayout.tag(try Tag("v1.0"), in: name), "manifests/team/app/v1.0/manifest.json"),
            (StorageLayout.manifest(short, in: name), "registry/team/app/_manifests/sha256/\(shortHex)"),
            (StorageLayout.manifest(long, in: name), "registry/team/app/_manifests/sha512/\(longHex)"),
            (StorageLayout.link(short, in: name), "registry/team/app/_blobs/sha256/\(shortHex)"),
            (
                StorageLayout.referrer(short, of: long, in: name),
                "registry/team/app/_referrers/sha512/\(longHex)/sha256/\(shortHex)"
            ),
            (StorageLayout.catalog(name), "registry/_catalog/team/app!"),
            (StorageLayout.uploadCancelled(id), "registry/_uploads/000102030405060708090a0b0c0d0e0f/cancelled"),
            (StorageLayout.uploadSecret, "registry/_keys/uploads"),
            (StorageLayout.tokenKey(7), "registry/_keys/tokens/00000007"),
        ]
        for (key, string) in expected {
            #expect(key.string == string)
            #expect(key.flaw == nil)
        }
    }

    @Test("the key of an upload's part names the content before and after it, and is read back")
    func uploadPart() {
        let part = UploadPartName(offset: 1024, before: UploadPartName.mark(short), after: UploadPartName.mark(long))
        let key = StorageLayout.uploadPart(part, of: id)
        let prefix = "registry/_uploads/000102030405060708090a0b0c0d0e0f/"
        #expect(key.string == "\(prefix)00000000000000001024-\(shortHex)-\(long.hex.prefix(64))")
        #expect(StorageLayout.uploadPartName(ofKey: key, of: id) == part)
        #expect(StorageLayout.uploadID(of: key) == id)
        // Every component fits into a file name.
        #expect(key.string.split(separator: "/").allSatisfy { $0.utf8.count <= 160 })
        let last = StorageLayout.lastUploadPart(part, of: id)
        #expect(last.string == "\(key)-last")
        for other in [last, StorageLayout.uploadCancelled(id), ObjectKey("\(prefix)1024-a-b"), ObjectKey(prefix)] {
            #expect(StorageLayout.uploadPartName(ofKey: other, of: id) == nil)
        }
    }

    @Test("keys of other things are read as nothing")
    func inverses() throws {
        #expect(StorageLayout.repository(ofCatalogKey: StorageLayout.catalog(name)) == name)
        for key in [
            "registry/_catalog/Team!", "registry/_catalog/a", "registry/_catalog/!", "registry/_catalog/a//b!", "x!",
        ] {
            #expect(StorageLayout.repository(ofCatalogKey: ObjectKey(key)) == nil)
        }
        let tag = try #require(StorageLayout.tagComponent(of: StorageLayout.tag(try Tag("v1"), in: name), in: name))
        #expect(tag.component == "v1" && tag.isTag)
        let nested = try #require(StorageLayout.tagComponent(of: "manifests/team/app/x/v1/manifest.json", in: name))
        #expect(nested.component == "x" && !nested.isTag)
        for key in ["manifests/team/app", "manifests/team/app/manifest.json", "manifests/team/apps/v1/manifest.json"] {
            #expect(StorageLayout.tagComponent(of: ObjectKey(key), in: name) == nil)
        }
        let prefix = StorageLayout.referrers(of: long, in: name)
        let referrer = StorageLayout.referrer(short, of: long, in: name)
        #expect(StorageLayout.referrer(ofKey: referrer, below: prefix) == short)
        for rest in ["sha256", "sha256/abc", "sha256/\(shortHex)/x", "md5/\(shortHex)", "/\(shortHex)", ""] {
            #expect(StorageLayout.referrer(ofKey: ObjectKey(prefix + rest), below: prefix) == nil)
        }
        for key in [
            "registry/_uploads/", "registry/_uploads/xyz/1", "registry/_uploads/00/1", "blobs/sha256/\(shortHex)",
        ] {
            #expect(StorageLayout.uploadID(of: ObjectKey(key)) == nil)
        }
    }

    @Test("the catalog's keys are in the order of the names")
    func order() throws {
        let names = ["a", "a-b", "a-b/c", "a.b", "a/b", "a/b/c", "a0", "a__b", "a_b", "ab"].map {
            try? RepositoryName($0)
        }
        let keys = names.compactMap(\.self).map { StorageLayout.catalog($0) }
        #expect(keys.count == 10 && keys == keys.sorted())
    }
}
