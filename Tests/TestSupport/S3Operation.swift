import Synchronization

/// A request to S3 as the S3 API names it.
package enum S3Operation: String, CaseIterable, Sendable {
    case getObject, headObject, putObject, deleteObject, deleteObjects, copyObject, listObjectsV2
    case createMultipartUpload, uploadPart, uploadPartCopy, completeMultipartUpload, abortMultipartUpload
    case listMultipartUploads, listParts, headBucket
    /// What the registry does not need to do its work, such as questions about a bucket's settings.
    case other

    /// Reads it off a request in path style.
    package init(method: String, target: String, isCopy: Bool) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let names = Set((parts.count > 1 ? parts[1] : "").split(separator: "&").map { $0.prefix { $0 != "=" } })
        let path = parts[0].dropFirst().split(separator: "/", maxSplits: 1)
        self =
            path.count > 1
            ? Self.onObject(method, names, isCopy: isCopy) : Self.onBucket(method, names)
    }

    private static func onBucket(_ method: String, _ names: Set<Substring>) -> S3Operation {
        switch method {
        case "GET" where names.contains("list-type"): .listObjectsV2
        case "GET" where names.contains("uploads"): .listMultipartUploads
        case "HEAD": .headBucket
        case "POST" where names.contains("delete"): .deleteObjects
        default: .other
        }
    }

    private static func onObject(_ method: String, _ names: Set<Substring>, isCopy: Bool) -> S3Operation {
        let hasUpload = names.contains("uploadId")
        switch method {
        case "GET": return hasUpload ? .listParts : .getObject
        case "HEAD": return .headObject
        case "DELETE": return hasUpload ? .abortMultipartUpload : .deleteObject
        case "POST" where names.contains("uploads"): return .createMultipartUpload
        case "POST" where hasUpload: return .completeMultipartUpload
        case "PUT" where hasUpload: return isCopy ? .uploadPartCopy : .uploadPart
        case "PUT": return isCopy ? .copyObject : .putObject
        default: return .other
        }
    }
}

/// A request that came through a `FaultProxy`.
package struct S3Request: Sendable, CustomStringConvertible {
    package let operation: S3Operation
    package let method: String
    /// Path and query as they were sent.
    package let target: String
    /// Bytes of the request's body.
    package let length: Int

    package var description: String { "\(operation.rawValue) \(method) \(target)" }
}

/// Counts requests, and the bytes of their bodies.
package final class S3RequestCounter: Sendable {
    private struct State {
        var requests: [S3Request] = []
        var bytesSent = 0
        var bytesReceived = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// Begins anew.
    package func reset() { state.withLock { $0 = State() } }

    /// The requests since then, in the order they began.
    package var requests: [S3Request] { state.withLock { $0.requests } }

    /// How many there were of each operation; those that did not occur are left out.
    package var counts: [S3Operation: Int] {
        requests.reduce(into: [:]) { $0[$1.operation, default: 0] += 1 }
    }

    /// How many there were of one operation.
    package subscript(operation: S3Operation) -> Int { counts[operation] ?? 0 }

    /// Bytes of request bodies that went to S3.
    package var bytesSent: Int { state.withLock { $0.bytesSent } }

    /// Bytes of answers' bodies that came from S3.
    package var bytesReceived: Int { state.withLock { $0.bytesReceived } }

    func note(_ request: S3Request) { state.withLock { $0.requests.append(request) } }
    func note(sent count: Int) { state.withLock { $0.bytesSent += count } }
    func note(received count: Int) { state.withLock { $0.bytesReceived += count } }
}
