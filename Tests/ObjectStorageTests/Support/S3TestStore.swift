import EventLoop
import HTTPClient
import ObjectStorage
import S3
import TestSupport
import Testing

/// An empty store in a place of its own of a real bucket.
struct S3TestStore {
    let store: S3ObjectStore
    /// The requests its client made.
    let counter: S3AttemptCounter

    init(
        _ kind: S3Server.Kind = .ceph, through proxy: FaultProxy? = nil, bucket: String = S3Server.bucket,
        _ change: (inout S3ObjectStore.Options) -> Void = { _ in }
    ) throws {
        let server = try S3Server.shared(kind)
        var settings = S3Settings(bucket: bucket, region: S3Server.region)
        settings.endpoint = S3Endpoint(proxy?.endpoint ?? server.endpoint)
        settings.pathStyle = true
        settings.prefix = server.freshPrefix() + "/"
        var options = S3ObjectStore.Options()
        change(&options)
        let counter = S3AttemptCounter()
        let client = S3Client(
            settings: settings,
            credentials: StaticCredentials(
                Credentials(accessKeyID: S3Server.accessKeyID, secretAccessKey: S3Server.secretAccessKey)),
            http: try Self.http.get(), observer: { counter.note($0) })
        store = S3ObjectStore(client: client, options: options)
        self.counter = counter
    }

    private static let http = Result<HTTPClient, any Error> {
        HTTPClient(loops: try (0..<2).map { try EventLoop(name: "S3 tests \($0)") })
    }
}

/// Counts attempts by the names of their operations.
final class S3AttemptCounter: Sendable {
    private let attempts = Guarded<[String]>([])

    func note(_ attempt: S3Attempt) {
        let name = attempt.operation
        attempts.change { $0.append(name) }
    }

    /// The operations since the start or the last `reset`, in the order in which they ended.
    var operations: [String] { attempts.value }

    subscript(operation: String) -> Int { operations.count { $0 == operation } }

    func reset() { attempts.change { $0 = [] } }
}

/// The reason of the `unavailable` that `body` throws; records an issue when it throws something else or nothing.
func unavailability(
    _ body: () async throws -> Void, sourceLocation: SourceLocation = #_sourceLocation
) async -> String {
    let error = await storeError(body, sourceLocation: sourceLocation)
    if case .unavailable(let reason) = error { return reason }
    if let error { Issue.record(error, sourceLocation: sourceLocation) }
    return ""
}
