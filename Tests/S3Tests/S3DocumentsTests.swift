import OpenSSL
import Testing

@testable import S3

@Suite("S3 documents")
struct S3DocumentsTests {
    @Test("a listing: keys decoded, prefix taken off, quotes taken off, dates read")
    func listing() throws {
        let text = """
            <?xml version="1.0" encoding="UTF-8"?>
            <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
              <Name>test</Name><Prefix>p/</Prefix><KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys>
              <EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
              <Contents>
                <Key>p/a%2Bb+c%20d%C3%A9</Key><LastModified>2026-11-23T09:10:11.123Z</LastModified>
                <ETag>&quot;d41d8&#34;</ETag><Size>12</Size><StorageClass>STANDARD</StorageClass>
                <Owner><ID>test</ID><DisplayName>Test</DisplayName></Owner>
              </Contents>
              <Contents><Key>p/b</Key><Size>0</Size></Contents>
              <CommonPrefixes><Prefix>p/x/</Prefix></CommonPrefixes>
            </ListBucketResult>
            """
        let listing = try S3Documents.listing(in: Array(text.utf8), prefix: "p/")
        #expect(listing.isTruncated)
        #expect(listing.objects.map(\.key) == ["a+b c dé", "b"])
        let first = try #require(listing.objects.first)
        #expect((first.size, first.etag, first.modified) == (12, "d41d8", 1_795_425_011))
        #expect(first.storageClass == "STANDARD")
    }

    @Test("a prefix is taken off byte by byte, also where the next character would join its last one")
    func prefix() throws {
        let text = "<ListBucketResult><Contents><Key>p/\u{301}x</Key></Contents></ListBucketResult>"
        let listing = try S3Documents.listing(in: Array(text.utf8), prefix: "p/")
        #expect(listing.objects.first.map { Array($0.key.utf8) } == Array("\u{301}x".utf8))
    }

    @Test(
        "percent-encoding of listings",
        arguments: [
            ("a", "a"), ("%2F", "/"), ("a+b", "a b"), ("%2b", "+"), ("%", "%"), ("%zz", "%zz"), ("%+1", "% 1"),
            ("%1", "%1"), ("%C3%A9", "é"),
        ])
    func decode(written: String, read: String) {
        #expect(S3Documents.decode(written) == read)
    }

    @Test("text in a written document")
    func escape() {
        #expect(S3Documents.escape("a&b<c>d\re\"é") == "a&amp;b&lt;c&gt;d&#13;e\"é")
    }

    @Test("keys that were not deleted; one that is not there was")
    func refusals() throws {
        let text = """
            <DeleteResult><Deleted><Key>p/a</Key></Deleted>
            <Error><Key>p/b</Key><Code>AccessDenied</Code><Message>no</Message></Error>
            <Error><Key>p/c</Key><Code>NoSuchKey</Code></Error>
            <Error><Key>p/d</Key><Code>SlowDown</Code></Error></DeleteResult>
            """
        let refusals = try S3Documents.refusals(in: Array(text.utf8), prefix: "p/")
        #expect(refusals.map(\.key) == ["b", "d"])
        #expect(refusals.map(\.isBusy) == [false, true])
    }

    @Test(
        "Base64 (RFC 4648, section 10)",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("\u{3f}~", "P34="),
        ])
    func base64(text: String, encoded: String) {
        #expect(Base64.string(Array(text.utf8)) == encoded)
    }

    @Test(
        "dates of HTTP",
        arguments: [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:37 CET", nil), ("Sunday, 06-Nov-94 08:49:37 GMT", nil), ("", nil),
        ] as [(String, Int?)])
    func dates(text: String, seconds: Int?) {
        #expect(HTTPTime.seconds(text) == seconds)
    }

    @Test(
        "endpoints",
        arguments: [
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000"), ("https://S3.Example.org/", "https://s3.example.org"),
            ("https://a:443", "https://a"), ("http://a:443", "http://a:443"), ("http://[::1]:80", "http://[::1]"),
            ("http://[::1]", "http://[::1]"), ("a:9000", nil), ("ftp://a", nil), ("http://", nil), ("http://a/b", nil),
            ("http://u@a", nil), ("http://a:0", nil), ("http://a:65536", nil), ("http://a:", nil), ("http://a?b", nil),
        ] as [(String, String?)])
    func endpoints(text: String, read: String?) {
        #expect(S3Endpoint(text)?.description == read)
    }

    @Test(
        "where bytes need a hash of their own",
        arguments: [
            ("http://127.0.0.1:9000", true), ("http://localhost", true), ("http://[::1]:80", true),
            ("https://s3.example.org", true), ("http://s3.example.org", false), ("http://10.0.0.1", false),
            ("http://127.example.org", false), ("http://s3.localhost", false),
        ])
    func intactBytes(text: String, isIntact: Bool) {
        #expect(S3Endpoint(text)?.keepsBytesIntact == isIntact)
    }

    @Test("the bounds of the waits between attempts double, up to five seconds")
    func backoff() {
        #expect((1...10).map(Backoff.bound) == [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000])
    }

    @Test("the budget of repetitions runs out, and successes fill it again")
    func budget() {
        let budget = RetryBudget()
        #expect((0..<200).filter { _ in budget.takeRetry() }.count == 100)
        for _ in 0..<5 { budget.giveBack() }
        #expect(budget.takeRetry())
        #expect(!budget.takeRetry())
    }
}
