import TestSupport
import Testing

@testable import stowage

/// What a line of the access log leaves out.
@Suite struct AccessLogTests {
    @Test(arguments: [
        ("/v2/", "/v2/"),
        ("/v2/app/blobs/uploads/", "/v2/app/blobs/uploads/"),
        ("/v2/app/blobs/uploads", "/v2/app/blobs/uploads"),
        ("/v2/app/blobs/uploads/TOKEN", "/v2/app/blobs/uploads/…"),
        ("/v2/app/blobs/uploads/TOKEN/", "/v2/app/blobs/uploads/…"),
        ("/v2/app/blobs/uploads/TOKEN/more", "/v2/app/blobs/uploads/…"),
        ("/v2/app/blobs/uploads//TOKEN", "/v2/app/blobs/uploads/…"),
        ("/v2/a/b/c/blobs/uploads/TOKEN", "/v2/a/b/c/blobs/uploads/…"),
        ("/v2/blobs/uploads/blobs/uploads/TOKEN", "/v2/blobs/uploads/…"),
        // The registry reads these as the same components.
        ("/v2/app/blob%73/uploads/TOKEN", "/v2/app/blob%73/uploads/…"),
        ("/v2/app/%62lobs/%75ploads/TOKEN", "/v2/app/%62lobs/%75ploads/…"),
        ("/v2/app/blobs/up%6Coads/TOKEN", "/v2/app/blobs/up%6Coads/…"),
        ("/v2/app/blobs/up%6coads/TOKEN", "/v2/app/blobs/up%6coads/…"),
        // And these as others.
        ("/v2/app/blobs/uploads%2FTOKEN", "/v2/app/blobs/uploads%2FTOKEN"),
        ("/v2/app/manifests/uploads", "/v2/app/manifests/uploads"),
        ("/v2/uploads/blobs/sha256:abc", "/v2/uploads/blobs/sha256:abc"),
        ("/v2/app/blobs/%zz/uploads/x", "/v2/app/blobs/%zz/uploads/x"),
        ("/", "/"), ("*", "*"), ("", ""), ("/%", "/%"),
    ])
    func anUploadsTokenIsLeftOut(_ path: String, _ logged: String) {
        #expect(AccessLog.redacted(path) == logged)
    }
}
