import EventLoop
import Glibc
import OCI
import TestSupport
import Testing

/// How a blob is pushed.
enum PushForm: CaseIterable, Sendable {
    /// POST with the bytes and their digest.
    case post
    /// POST, then PUT with the bytes and their digest.
    case put
    /// POST, one PATCH with the bytes, PUT with their digest.
    case patch
    /// The same without a Content-Length.
    case streamed
    /// POST, a PATCH with a Content-Range for each third, PUT with the last one.
    case pieces
}

/// What a client does whose requests may fail: it takes what was asked for or a retryable error for an answer, anything
/// else is recorded as an issue.
struct S3Attempts {
    /// Asked in turn, one request each.
    let clients: [RegistryClient]
    private let turn = Guarded(0)

    init(_ clients: RegistryClient...) { self.clients = clients }
    init(_ clients: [RegistryClient]) { self.clients = clients }

    private var next: RegistryClient {
        let number = turn.change { number in
            number += 1
            return number
        }
        return clients[number % clients.count]
    }

    /// The answer if it has `status`; nil when it is an error that is worth another attempt, or when there is none
    /// because the server broke off.
    func send(
        _ status: Int, _ method: String, _ target: String, _ fields: [(String, String)] = [],
        _ payload: Payload = .none, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> Reply? {
        let reply: Reply
        do {
            reply = try await next.send(method, target, fields, payload)
        } catch is ConnectionError {
            return nil
        } catch let error as SystemCallError where error.code == ECONNREFUSED || error.code == ECONNRESET {
            return nil
        }
        if reply.status == status { return reply }
        let isRetryable = reply.status >= 500 || reply.status == 429
        #expect(
            isRetryable, "\(method) \(target.prefix(100)): \(reply.status) \(reply.text.prefix(300))",
            sourceLocation: sourceLocation)
        #expect(reply.text.contains("\"errors\"") || method == "HEAD", sourceLocation: sourceLocation)
        return nil
    }

    /// Repeats `body` until it does not fail; how often it may fail is bounded.
    func until<Value>(
        attempts: Int = 5, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Value?
    ) async throws -> Value {
        for _ in 0..<attempts {
            if let value = try await body() { return value }
        }
        return try #require(nil as Value?, "\(attempts) attempts failed", sourceLocation: sourceLocation)
    }

    // MARK: Pushing

    /// Pushes a blob; nil when it has to be tried again.
    func push(_ blob: Content, as form: PushForm, to name: String) async throws -> Reply? {
        var upload = S3Upload(blob, to: name)
        return try await upload.push(as: form, self)
    }

    /// Pushes a manifest under a tag, or under its digest; nil when it has to be tried again.
    func push(manifest: Content, as tag: String? = nil, to name: String) async throws -> Reply? {
        let target = "/v2/\(name)/manifests/\(tag ?? manifest.digest.string)"
        return try await send(
            201, "PUT", target, [("Content-Type", Content.manifestType)], .counted(manifest.bytes))
    }

    // MARK: Pulling

    /// Pulls a blob, whose bytes must be right if they come; nil when it has to be tried again.
    func pull(_ blob: Content, from name: String) async throws -> Reply? {
        guard let reply = try await send(200, "GET", "/v2/\(name)/blobs/\(blob.digest)") else { return nil }
        #expect(reply.body == blob.bytes)
        return reply
    }

    /// Pulls a manifest; see above.
    func pull(manifest: Content, as tag: String? = nil, from name: String) async throws -> Reply? {
        let target = "/v2/\(name)/manifests/\(tag ?? manifest.digest.string)"
        guard let reply = try await send(200, "GET", target) else { return nil }
        #expect(reply.body == manifest.bytes && reply["Docker-Content-Digest"] == manifest.digest.string)
        return reply
    }
}

/// An upload that may go on after a request without an answer.
struct S3Upload {
    private let blob: Content
    private let name: String
    /// Where the last answer said it goes on, and how many bytes it had then; nil without one.
    private var location: String?
    private var offset = 0

    init(_ blob: Content, to name: String) {
        (self.blob, self.name) = (blob, name)
    }

    /// Pushes the blob from its beginning; nil when a request failed.
    mutating func push(as form: PushForm, _ attempts: S3Attempts) async throws -> Reply? {
        let uploads = "/v2/\(name)/blobs/uploads/"
        if form == .post {
            return try await attempts.send(201, "POST", "\(uploads)?digest=\(blob.digest)", [], .counted(blob.bytes))
        }
        location = try await attempts.send(202, "POST", uploads, [], .counted([]))?["Location"]
        guard location != nil else { return nil }
        let count = blob.bytes.count
        let ends =
            switch form {
            case .post, .put: [Int]()
            case .patch, .streamed: [count]
            case .pieces: count < 3 ? [] : [count / 3, count / 3 * 2]
            }
        for end in ends where try await !patch(to: end, isStreamed: form == .streamed, attempts) { return nil }
        return try await close(attempts)
    }

    /// Sends the bytes up to `end`.
    private mutating func patch(to end: Int, isStreamed: Bool, _ attempts: S3Attempts) async throws -> Bool {
        let piece = Array(blob.bytes[offset..<end])
        let fields = isStreamed || piece.isEmpty ? [] : [("Content-Range", "\(offset)-\(end - 1)")]
        let payload: Payload = isStreamed ? .chunked(piece) : .counted(piece)
        guard let reply = try await attempts.send(202, "PATCH", location ?? "", fields, payload) else { return false }
        (location, offset) = (reply["Location"], end)
        return location != nil
    }

    private func close(_ attempts: S3Attempts) async throws -> Reply? {
        let target = (location ?? "").closing(blob.digest)
        return try await attempts.send(201, "PUT", target, [], .counted(Array(blob.bytes[offset...])))
    }

    /// Asks where the upload stands after a request without an answer, and brings it to its end.
    mutating func resume(_ client: RegistryClient) async throws {
        guard let location else { return try await client.push(blob, to: name) }
        let status = try await client.send("GET", location)
        // Without a session the closing request may have been done; sent again, it confirms it.
        try #require([204, 404].contains(status.status))
        if status.status == 204 {
            let last = try #require(status["Range"]?.split(separator: "-").last.flatMap { Int($0) })
            // A session without bytes is said to have 0-0.
            let known = offset == 0 && last == 0 ? 0 : last + 1
            #expect(known >= offset && known <= blob.bytes.count, "\(known) of \(offset)")
            #expect(status["Location"] != nil)
            (self.location, offset) = (status["Location"], known)
        }
        _ = try #require(try await close(S3Attempts(client)), "the upload does not go on")
    }
}

/// An image of a small and a large blob that nobody has pushed yet.
struct SampleImage: Sendable {
    let config: Content
    let layer: Content
    let manifest: Content

    /// `layerSize`: bytes of the larger blob.
    init(_ note: String, layerSize: Int = 100_000) {
        config = Content("config of \(note)")
        var bytes = Array(note.utf8.prefix(layerSize))
        while bytes.count < layerSize { bytes += Self.filler.prefix(layerSize - bytes.count) }
        layer = Content(bytes)
        manifest = Content.manifest(config: config, layers: [layer], note: note)
    }

    /// Of a length that no part is a multiple of, so that parts in the wrong order show.
    private static let filler = sampleBytes((1 << 20) + 4093)

    /// Pushes all of it through `attempts`, each step as often as it takes.
    func push(_ attempts: S3Attempts, as form: PushForm, to name: String) async throws {
        for blob in [layer, config] {
            _ = try await attempts.until { try await attempts.push(blob, as: form, to: name) }
        }
        _ = try await attempts.until { try await attempts.push(manifest: manifest, as: "latest", to: name) }
    }

    /// Pulls all of it; see above.
    func pull(_ attempts: S3Attempts, from name: String) async throws {
        _ = try await attempts.until { try await attempts.pull(manifest: manifest, as: "latest", from: name) }
        _ = try await attempts.until { try await attempts.pull(manifest: manifest, from: name) }
        for blob in [layer, config] {
            let target = "/v2/\(name)/blobs/\(blob.digest)"
            _ = try await attempts.until { try await attempts.send(200, "HEAD", target) }
            _ = try await attempts.until { try await attempts.pull(blob, from: name) }
        }
        _ = try await attempts.until { try await attempts.send(200, "GET", "/v2/\(name)/tags/list") }
    }
}
