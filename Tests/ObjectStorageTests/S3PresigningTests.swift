import EventLoop
import HTTPClient
import S3
import TestSupport
import Testing

@testable import ObjectStorage

/// How long presigned URLs are valid: never longer than what signed them. Nothing is sent.
struct S3PresigningTests {
    /// The beginning of one of the five minutes for which a URL stays the same.
    private static let date = 1_795_425_000

    /// A store whose credentials end at `end`, in seconds since 1970.
    private static func store(end: Int?) throws -> S3ObjectStore {
        let credentials = Credentials(
            accessKeyID: "A", secretAccessKey: "s", sessionToken: end == nil ? nil : "t", expiration: end)
        return S3ObjectStore(
            client: S3Client(
                settings: S3Settings(bucket: "bucket", region: "eu-1"), credentials: StaticCredentials(credentials),
                http: HTTPClient(loops: [try EventLoop(name: "presigning")])))
    }

    @Test(
        arguments: [
            // Seconds after `date` of now and of the credentials' end, and how long the URL is valid from `date` on.
            (now: 0, end: nil, validity: 1200), (299, nil, 1200), (0, 3600, 1200), (100, 1200, 1200), (100, 1199, 1199),
            (0, 700, 700), (299, 700, 700), (299, 420, 420), (280, 400, 400), (281, 400, nil), (0, 120, 120),
            (0, 119, nil), (100, 100, nil), (100, 0, nil), (0, -3600, nil),
        ] as [(Int, Int?, Int?)])
    func noLongerThanTheCredentials(now: Int, end: Int?, validity: Int?) async throws {
        let store = try Self.store(end: end.map { Self.date + $0 })
        let url = try await store.presignedURL(for: "blobs/x", at: Self.date + now)
        let values = url?.split(separator: "?").last?.split(separator: "&").filter { $0.hasPrefix("X-Amz-Expires=") }
        #expect(values == validity.map { ["X-Amz-Expires=\($0)"] })
        #expect(url?.contains("X-Amz-Date=20261123T091000Z&") != false)
        #expect(url?.contains("&response-content-type=application%2Foctet-stream") != false)
        #expect(url?.contains("X-Amz-Security-Token=t") != (end == nil))
    }

    @Test func theSameForFiveMinutesAlsoWhenItIsCut() async throws {
        let store = try Self.store(end: Self.date + 600)
        var urls: [String?] = []
        for now in [0, 1, 150, 299, 300] {
            urls.append(try await store.presignedURL(for: "blobs/x", at: Self.date + now))
        }
        #expect(Set(urls[..<4]).count == 1 && urls[0] != nil)
        // Another signing time, the same end.
        #expect(urls[4] != urls[0] && urls[4]?.contains("X-Amz-Expires=300&") == true)
    }
}
