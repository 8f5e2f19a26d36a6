import EventLoop
import OCI
import Synchronization
import TestSupport
import Testing

/// A client that pushes blobs and manifests in every way there is to a server that may be killed at any moment.
///
/// It believes only what it was told: whatever got status 201 or 202 goes into the ledger.
final class Pusher {
    /// The server went away before it had answered.
    struct Lost: Error {}

    /// An upload that goes on after the server comes back.
    struct OpenUpload {
        let repository: String
        let content: Content
        /// Where the last answer said it goes on, and how many bytes it had then.
        var location: String
        var offset: Int
        /// How many bytes it has if the request that got no answer was done nevertheless.
        var perhaps: Int?
        /// Whether a closing request was sent.
        var isClosing = false
    }

    let number: Int
    let ledger: Ledger
    var random: any RandomNumberGenerator & Sendable
    var open: OpenUpload?
    private let address: @Sendable () async throws -> SocketAddress
    private var connection: RawHTTPClient?

    /// `address` waits until there is a server.
    init(
        _ number: Int, _ ledger: Ledger, _ random: any RandomNumberGenerator & Sendable,
        address: @escaping @Sendable () async throws -> SocketAddress
    ) {
        self.number = number
        self.ledger = ledger
        self.random = random
        self.address = address
    }

    /// One thing after the other until `isOver`; a lost connection ends only the thing it was in.
    func run(until isOver: () -> Bool) async throws {
        while !isOver() {
            do {
                if connection == nil { connection = try Self.connect(try await address()) }
                if open != nil { try goOn() } else { try pushSomething() }
            } catch is Lost {
                connection = nil
            }
        }
    }

    private static func connect(_ address: SocketAddress) throws(Lost) -> RawHTTPClient {
        do {
            return try RawHTTPClient(address)
        } catch {
            throw Lost()
        }
    }

    // MARK: Requests

    /// Sends a request whose answer must have one of `statuses`, piece by piece so that a kill finds it anywhere.
    func send(
        _ method: String, _ target: String, _ fields: [String] = [], _ body: [UInt8]? = nil, isChunked: Bool = false,
        _ statuses: Int..., sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> RawHTTPResponse {
        var head = ["\(method) \(target) HTTP/1.1", "Host: test"] + fields
        if isChunked {
            head.append("Transfer-Encoding: chunked")
        } else if let body {
            head.append("Content-Length: \(body.count)")
        }
        do {
            guard let connection else { throw Lost() }
            try connection.send(head.joined(separator: "\r\n") + "\r\n\r\n")
            let step = Int.random(in: 1 << 10...32 << 10, using: &random)
            let body = body ?? []
            for start in stride(from: 0, to: body.count, by: step) {
                let piece = body[start..<min(start + step, body.count)]
                ledger.traffic.wrappingAdd(piece.count, ordering: .relaxed)
                if isChunked { try connection.send("\(String(piece.count, radix: 16))\r\n") }
                try connection.send(piece)
                if isChunked { try connection.send("\r\n") }
            }
            if isChunked { try connection.send("0\r\n\r\n") }
            // A request without a body is worth a kill, too.
            ledger.traffic.wrappingAdd(1 << 10, ordering: .relaxed)
            let response = try connection.readResponse(to: method)
            try #require(
                statuses.contains(response.status), "\(method) \(target): \(response.text)",
                sourceLocation: sourceLocation)
            return response
        } catch let error as RawHTTPError {
            if case .malformed(let what) = error { Issue.record("\(method) \(target): \(what)") }
            throw Lost()
        }
    }
}
