import OCI
import Registry
import Testing

@testable import RegistryAPI

@Suite("Conformance 5 and security, own list 6: paths")
struct EndpointTests {
    private static let hex = String(repeating: "a", count: 64)

    /// What a path is, in words; nil for one that is no resource.
    private static func describe(_ path: String) throws(RegistryError) -> String? {
        switch try Endpoint(path: path) {
        case .base?: "base"
        case .catalog?: "catalog"
        case .tags(let name)?: "tags \(name)"
        case .manifest(let name, let reference)?: "manifest \(name) \(reference)"
        case .blob(let name, let digest)?: "blob \(name) \(digest.algorithm)"
        case .uploads(let name)?: "uploads \(name)"
        case .upload(let name, let token)?: "upload \(name) \(token)"
        case .referrers(let name, let digest)?: "referrers \(name) \(digest.algorithm)"
        case nil: nil
        }
    }

    @Test(
        "paths that are resources",
        arguments: [
            ("/v2/", "base"), ("/v2", "base"), ("/v2/_catalog", "catalog"),
            ("/v2/a/tags/list", "tags a"), ("/v2/a/b/c/tags/list", "tags a/b/c"),
            ("/v2/a/manifests/latest", "manifest a latest"),
            ("/v2/a/manifests/sha256:\(hex)", "manifest a sha256:\(hex)"),
            ("/v2/a/manifests/sha256%3A\(hex)", "manifest a sha256:\(hex)"),
            ("/v2/a/manifests/list", "manifest a list"), ("/v2/a/manifests/uploads", "manifest a uploads"),
            ("/v2/a/blobs/sha256:\(hex)", "blob a sha256"), ("/v2/a/blobs/sha512:\(hex)\(hex)", "blob a sha512"),
            ("/v2/a/blobs/uploads/", "uploads a"), ("/v2/a/blobs/uploads", "uploads a"),
            ("/v2/a/blobs/uploads/TOKEN", "upload a TOKEN"), ("/v2/a/referrers/sha256:\(hex)", "referrers a sha256"),
            // Names made of the words of the API.
            ("/v2/blobs/blobs/sha256:\(hex)", "blob blobs sha256"), ("/v2/a/blobs/blobs/uploads/", "uploads a/blobs"),
            ("/v2/a/blobs/uploads/blobs/uploads/T", "upload a/blobs/uploads T"),
            ("/v2/manifests/manifests/manifests", "manifest manifests manifests"),
            ("/v2/a/manifests/manifests/v1", "manifest a/manifests v1"),
            ("/v2/a/tags/list/tags/list", "tags a/tags/list"),
            ("/v2/tags/tags/list", "tags tags"),
            ("/v2/a/referrers/referrers/sha256:\(hex)", "referrers a/referrers sha256"),
            ("/v2/a/referrers/manifests/v1", "manifest a/referrers v1"),
            ("/v2/a/uploads/manifests/v1", "manifest a/uploads v1"),
            ("/v2/v2/tags/list", "tags v2"), ("/v2/a/blobs/tags/list", "tags a/blobs"),
            // Escapes of ordinary characters mean those characters.
            ("/v2/%61/tags/list", "tags a"), ("/v2/a/%74ags/list", "tags a"),
            ("/v2/a/manifests/v1%2E0", "manifest a v1.0"),
        ])
    func resources(test: (path: String, meaning: String)) throws {
        #expect(try Self.describe(test.path) == test.meaning)
    }

    @Test(
        "paths that are no resource",
        arguments: [
            "/", "*", "/v1/", "/v2x", "/v2x/a/tags/list", "/V2/", "/v2/a", "/v2/a/b", "/v2/a/tags", "/v2/a/tags/",
            "/v2/a/tags/list/", "/v2/a/manifests/latest/", "/v2/_catalog/", "/v2/tags/list", "/v2/manifests/latest",
            "/v2/blobs/uploads/", "/v2/blobs/uploads/T", "/v2/a/blobs/uploads/T/", "/v2/a/blobs/uploads/T/x",
            "/v2/a/blobs/uploads/../x", "/v2/a/uploads/T", "/v2/a/Tags/list", "/v2/a/blob/sha256:\(hex)", "/healthz",
        ])
    func others(path: String) throws {
        #expect(try Self.describe(path) == nil)
    }

    @Test(
        "names that are none: NAME_INVALID",
        arguments: [
            "A", "a/B", "..", "%2e%2e", "a/../b", "a/%2e%2e/b", "%2E", "a%2fb", "a%2Fb", "a/%2f/b", "a%5Cb", "", "a/",
            "/a",
            "a//b", "_a", "a/_blobs", "a/_manifests/sha256", "_catalog", "_uploads", "registry/_catalog", ".stowage",
            "-a",
            "a-", "a.", "a..b", "a___b", "a b", "a%20b", "a%00b", "a%0Ab", "%C3%A4", "a%", "a%2", "a%zz", "%ff", "a:b",
            "a@b",
            String(repeating: "a", count: 256), String(repeating: "a/", count: 128) + "a",
        ])
    func invalidNames(name: String) {
        let rests = ["tags/list", "manifests/latest", "blobs/sha256:\(Self.hex)", "blobs/uploads/", "blobs/uploads/T"]
        for rest in rests + ["referrers/sha256:\(Self.hex)"] {
            let error = #expect(throws: RegistryError.self) { try Self.describe("/v2/\(name)/\(rest)") }
            #expect(error?.code == .nameInvalid)
        }
    }

    @Test(
        "255 characters are a name",
        arguments: [String(repeating: "a", count: 255), "a" + String(repeating: "/b", count: 127)])
    func longest(name: String) throws {
        #expect(try Self.describe("/v2/\(name)/tags/list") == "tags \(name)")
    }

    @Test(
        "references that are none, by what they look like",
        arguments: [
            ("manifests/sha256:abc", ErrorCode.digestInvalid), ("manifests/:", .digestInvalid),
            ("manifests/-a", .tagInvalid), ("manifests/", .tagInvalid), ("manifests/a%2fb", .tagInvalid),
            ("manifests/%2e%2e", .tagInvalid), ("manifests/\(String(repeating: "a", count: 129))", .tagInvalid),
            ("blobs/latest", .digestInvalid), ("blobs/", .digestInvalid),
            ("blobs/sha256:\(hex.uppercased())", .digestInvalid),
            ("blobs/sha256:\(hex)a", .digestInvalid), ("blobs/sha512:\(hex)", .digestInvalid),
            ("blobs/SHA256:\(hex)", .digestInvalid),
            ("blobs/sha256:..%2f..%2fx", .digestInvalid), ("referrers/latest", .digestInvalid),
            ("referrers/", .digestInvalid),
        ])
    func invalidReferences(test: (rest: String, code: ErrorCode)) {
        let error = #expect(throws: RegistryError.self) { try Self.describe("/v2/a/\(test.rest)") }
        #expect(error?.code == test.code)
    }

    @Test(
        "the Content-Range of a chunk",
        arguments: [
            ("0-511", 0, 512), ("1024-2047", 1024, 1024), ("5-5", 5, 1), ("bytes 0-9/*", 0, 10), ("bytes=0-9", 0, 10),
            ("000-009", 0, 10), ("999999999999999998-999999999999999999", 999_999_999_999_999_998, 2),
        ])
    func chunkRange(test: (field: String, first: Int, count: Int)) throws {
        let range = try #require(UploadRange(test.field))
        #expect(range.first == test.first && range.count == test.count)
    }
}
