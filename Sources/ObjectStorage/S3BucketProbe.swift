import HTTPClient
import OpenSSL
import S3
import Synchronization

extension S3ObjectStore {
    /// Finds out what the bucket can do and goes by it from now on; unless `readOnly`, by writing objects under
    /// `registry/_probe/`, which it removes again.
    ///
    /// Throws `ObjectStoreError` when the bucket cannot be reached, read or written to. About twenty small requests.
    @discardableResult
    package func probeCapabilities(readOnly: Bool) async throws -> S3Capabilities {
        // A bucket that is not there says so to a listing, but not to a HEAD.
        _ = try await list(prefix: S3Capabilities.prefix, after: nil, limit: 1)
        if readOnly { return capabilities }
        let probe = S3BucketProbe(client: client, root: S3Capabilities.newKey().string)
        do {
            capabilities = try await probe.run()
        } catch {
            try? await probe.cleanUp()  // The first failure tells what is wrong.
            throw Self.storeError(error, nil)
        }
        try await mapping { try await probe.cleanUp() }
        isKnownWritable.store(true, ordering: .relaxed)
        return capabilities
    }
}

/// The test of a bucket, on keys of its own.
private struct S3BucketProbe {
    let client: S3Client
    let root: String

    private static let one = Array("one".utf8)
    private static let two = Array("two".utf8)
    private static let listed = ["a-b", "a.b", "a/b", "a0"]

    private func key(_ name: String) -> String { "\(root)/\(name)" }

    /// Runs each test; only what is no answer to the test is thrown.
    func run() async throws -> S3Capabilities {
        typealias Test = @Sendable () async throws -> S3Capabilities.State
        let tests: [(S3Capabilities.Feature, Test)] = [
            (.createOnce, createOnce), (.compareAndSwap, compareAndSwap), (.conditionalComplete, conditionalComplete),
            (.conditionalCopy, conditionalCopy), (.conditionalDelete, conditionalDelete), (.payloadHash, payloadHash),
            (.partMinimum, partMinimum), (.listOrder, listOrder),
        ]
        return try await withThrowingTaskGroup { group in
            for (feature, test) in tests { group.addTask { (feature, try await test()) } }
            var capabilities = S3Capabilities()
            for try await (feature, state) in group { capabilities.note(feature, state) }
            return capabilities
        }
    }

    /// Removes what the tests made, also what a server should not have let them make.
    func cleanUp() async throws {
        let listing = try await client.listObjects(prefix: "\(root)/", startAfter: nil, maxKeys: 1000)
        if !listing.objects.isEmpty { try await client.deleteObjects(listing.objects.map(\.key)) }
    }

    // MARK: Tests

    private func createOnce() async throws -> S3Capabilities.State {
        let key = key("create-once")
        let first = try await outcome { try await put(key, Self.one, ifNoneMatch: true) }
        guard case .done = first else { return first.asRefusal }
        return try await outcome { try await put(key, Self.two, ifNoneMatch: true) }.state
    }

    private func compareAndSwap() async throws -> S3Capabilities.State {
        let key = key("compare-and-swap")
        let etag = try await put(key, Self.one)
        // Some servers take the entity tag only with, others only without its quotes.
        for spelling in [etag, "\"\(etag)\""] {
            let right = try await outcome { try await put(key, Self.one, ifMatch: spelling) }
            switch right {
            case .done: return try await outcome { try await put(key, Self.two, ifMatch: Self.wrongTag) }.state
            case .preconditionFailed: continue
            case .refused: return right.asRefusal
            }
        }
        return .refused("the right entity tag is taken for a wrong one")
    }

    private func conditionalComplete() async throws -> S3Capabilities.State {
        let key = key("complete")
        try await put(key, Self.one)
        let uploadID = try await client.createMultipartUpload(key)
        let etag = try await client.uploadPart(key, uploadID: uploadID, number: 1, body: .bytes(Self.two))
        let parts = [S3Part(number: 1, etag: etag)]
        let result = try await outcome {
            _ = try await client.completeMultipartUpload(key, uploadID: uploadID, parts: parts, ifNoneMatch: true)
        }
        if case .done = result { return .ignored }
        try await client.abortMultipartUpload(key, uploadID: uploadID)
        return result.state
    }

    private func conditionalCopy() async throws -> S3Capabilities.State {
        let (source, target) = (key("copy-source"), key("copy-target"))
        try await put(source, Self.one)
        try await put(target, Self.two)
        return try await outcome {
            _ = try await client.copyObject(from: source, to: target, contentType: "a/b", ifNoneMatch: true)
        }.state
    }

    private func conditionalDelete() async throws -> S3Capabilities.State {
        let key = key("delete")
        let etag = try await put(key, Self.one)
        let wrong = try await outcome { try await client.deleteObject(key, ifMatch: Self.wrongTag) }
        guard case .preconditionFailed = wrong else { return wrong.state }
        // One that refuses the right tag as well would never delete anything.
        guard case .done = try await outcome({ try await client.deleteObject(key, ifMatch: etag) }) else {
            return .refused("the right entity tag is taken for a wrong one")
        }
        return .works
    }

    private func payloadHash() async throws -> S3Capabilities.State {
        let hash = SHA256.hash(Self.two)
        let result = try await outcome { try await put(key("payload-hash"), Self.one, sha256: hash) }
        // Any refusal will do.
        if case .done = result { return .ignored }
        return .works
    }

    private func partMinimum() async throws -> S3Capabilities.State {
        let key = key("part-minimum")
        let uploadID = try await client.createMultipartUpload(key)
        var parts: [S3Part] = []
        for number in 1...2 {
            let etag = try await client.uploadPart(key, uploadID: uploadID, number: number, body: .bytes(Self.one))
            parts.append(S3Part(number: number, etag: etag))
        }
        do {
            _ = try await client.completeMultipartUpload(key, uploadID: uploadID, parts: parts)
            return .ignored
        } catch let error as S3Error where error.status != 0 {
            // Any refusal will do.
            try await client.abortMultipartUpload(key, uploadID: uploadID)
            return .works
        }
    }

    private func listOrder() async throws -> S3Capabilities.State {
        let prefix = key("list/")
        for name in Self.listed { try await put(prefix + name, Self.one) }
        let all = try await client.listObjects(prefix: prefix, startAfter: nil, maxKeys: 10)
        let rest = try await client.listObjects(prefix: prefix, startAfter: prefix + Self.listed[1], maxKeys: 10)
        let expected = Self.listed.map { prefix + $0 }
        let isRight = all.objects.map(\.key) == expected && rest.objects.map(\.key) == Array(expected.dropFirst(2))
        return isRight ? .works : .ignored
    }

    // MARK: Requests

    private static let wrongTag = "00000000000000000000000000000000"

    /// What became of a request that the server should refuse, or may not know.
    private enum Outcome {
        case done
        case preconditionFailed
        case refused(String)

        /// For a request whose condition did not hold.
        var state: S3Capabilities.State {
            switch self {
            case .done: .ignored
            case .preconditionFailed: .works
            case .refused(let reason): .refused(reason)
            }
        }

        /// For a request whose condition held.
        var asRefusal: S3Capabilities.State {
            if case .refused(let reason) = self { return .refused(reason) }
            return .refused("a condition that holds is taken for one that does not")
        }
    }

    private func outcome(_ body: () async throws -> Void) async throws -> Outcome {
        do {
            try await body()
            return .done
        } catch let error as S3Error where error.isPreconditionFailed {
            return .preconditionFailed
        } catch let error as S3Error where error.isNotImplemented || error.status == 400 {
            return .refused(error.code.isEmpty ? "status \(error.status)" : error.code)
        }
    }

    @discardableResult
    private func put(
        _ key: String, _ bytes: [UInt8], sha256: [UInt8]? = nil, ifNoneMatch: Bool = false, ifMatch: String? = nil
    ) async throws -> String {
        try await client.putObject(
            key, body: .bytes(bytes), sha256: sha256 ?? SHA256.hash(bytes), contentType: "text/plain",
            ifNoneMatch: ifNoneMatch, ifMatch: ifMatch)
    }
}
