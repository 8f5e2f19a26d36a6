import EventLoop
import HTTPClient
import OpenSSL

/// One operation of the S3 API before it is signed.
struct S3Call {
    /// How much longer than others a slow operation may take.
    private static let slowness = 10

    /// The name in the S3 API.
    let operation: String
    let method: String
    /// Without the prefix; nil for the bucket itself.
    var key: String?
    var query: [(name: String, value: String)] = []
    var fields: [(name: String, value: String)] = []
    var body = HTTPRequestBody.none
    /// The SHA-256 of the body if the caller knows it.
    var sha256: [UInt8]?
    /// Statuses that are no success and yet an answer to the operation.
    var accepted: [Int] = []
    /// The outermost element of a successful answer, for operations that may answer 200 with an error.
    var root: String?
    /// Whether the service may need long before it answers, because it copies.
    var isSlow = false
    /// The most bytes the body of the answer may have.
    var limit = 1 << 20

    init(_ operation: String, _ method: String, key: String? = nil) {
        self.operation = operation
        self.method = method
        self.key = key
    }

    /// The deadlines of one attempt.
    func limits(_ limits: HTTPLimits) -> HTTPLimits {
        guard isSlow else { return limits }
        var limits = limits
        limits.head *= Self.slowness
        limits.stall *= Self.slowness
        return limits
    }

    mutating func add(_ name: String, _ value: String?) {
        if let value { fields.append((name, value)) }
    }
}

/// An attempt of an operation, for whoever counts them.
package struct S3Attempt: Sendable {
    /// The operation's name in the S3 API, as `PutObject`.
    package let operation: String
    /// Without the prefix; nil for operations on the bucket.
    package let key: String?
    /// The status of the answer; 0 if there was none.
    package let status: Int
    /// Why there was none.
    package let failure: String?
    /// How long it took, to the head of the answer for a download.
    package let milliseconds: Int
    /// Whether the operation was attempted before.
    package let isRepeated: Bool
    /// Bytes of the request's body.
    package let bytesSent: Int
    /// Bytes of the answer's body; those of a download as they were announced.
    package let bytesReceived: Int
}

extension HTTPRequestBody {
    /// The SHA-256 of the bytes; others on the loop get their turn in between.
    func sha256() async -> [UInt8] {
        var hash = SHA256()
        switch self {
        case .none: break
        case .bytes(let bytes): hash.update(bytes.span.bytes)
        case .pieces(let pieces, var left):
            for piece in pieces where left > 0 {
                let count = min(left, piece.capacity)
                piece.withSpan(0..<count) { hash.update($0) }
                left -= count
                if let loop = EventLoop.current { await loop.giveWay() }
            }
        }
        return hash.finalized()
    }
}
