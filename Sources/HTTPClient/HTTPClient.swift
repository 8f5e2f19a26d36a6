package import EventLoop
import Synchronization

/// An HTTP/1.1 client with one libcurl engine on each event loop; a request from a loop's thread stays on it.
package final class HTTPClient: Sendable {
    private let engines: [CurlEngine]
    private let turn = Atomic<Int>(0)

    /// `loops` must not be empty. `connections` is the most requests at once on each loop, further ones wait in order;
    /// `connectionAge` is how many seconds a connection may have been idle to be used again.
    package init(loops: [EventLoop], connections: Int = 256, connectionAge: Int = 50) {
        precondition(!loops.isEmpty, "a client needs a loop")
        engines = loops.map { CurlEngine(loop: $0, connections: connections, connectionAge: connectionAge) }
    }

    /// Sends a request and returns the whole answer, whatever its status; a body of more than `limit` bytes is an error
    /// with `excessiveLength` (an answer that is no success may have 64 KiB all the same).
    ///
    /// Throws `HTTPTransportError`, or `CancellationError` when the task is cancelled.
    package func send(_ request: HTTPRequest, limit: Int) async throws -> HTTPResponse {
        try await engine.perform(request, limit: limit)
    }

    /// Sends a request and returns when the head of the answer is there. Throws as `send` does.
    package func open(_ request: HTTPRequest) async throws -> HTTPDownload {
        try await engine.open(request)
    }

    private var engine: CurlEngine {
        if let loop = EventLoop.current, let engine = engines.first(where: { $0.loop === loop }) { return engine }
        let number = turn.wrappingAdd(1, ordering: .relaxed).newValue
        return engines[Int(bitPattern: UInt(bitPattern: number) % UInt(engines.count))]
    }
}
