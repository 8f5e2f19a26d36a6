import EventLoop
import Glibc
import Synchronization

/// The content of a request, as it is framed.
package enum Payload: Sendable {
    /// Neither Content-Length nor Transfer-Encoding.
    case none
    case counted([UInt8])
    /// In chunks of at most that many bytes.
    case chunked([UInt8], size: Int = 32 << 10)

    fileprivate var framing: String {
        switch self {
        case .none: ""
        case .counted(let bytes): "Content-Length: \(bytes.count)\r\n"
        case .chunked: "Transfer-Encoding: chunked\r\n"
        }
    }

    fileprivate var wireBytes: [UInt8] {
        switch self {
        case .none: []
        case .counted(let bytes): bytes
        case .chunked(let bytes, let size):
            stride(from: 0, to: bytes.count, by: size).reduce(into: []) { out, start in
                let chunk = bytes[start..<min(start + size, bytes.count)]
                out += Array("\(String(chunk.count, radix: 16))\r\n".utf8) + chunk + Array("\r\n".utf8)
            } + Array("0\r\n\r\n".utf8)
        }
    }
}

/// A request to send, perhaps once more.
package struct ClientRequest: Sendable {
    package let method: String
    package let target: String
    package let fields: [(String, String)]
    package let payload: Payload
}

/// A small HTTP/1.1 client with kept-alive connections, on threads of its own.
///
/// It sends exactly the fields it is given besides Host and the framing, follows nothing, and repeats nothing.
package final class RegistryClient: Sendable {
    private static let threads = BlockingWork(width: 64)

    private let port: @Sendable () async throws -> UInt16
    private let fields: [(String, String)]
    private let idle = Mutex<[HTTPConnection]>([])
    private let latest = Guarded<ClientRequest?>(nil)

    /// Asks for the port before every request, so that the server may be another one each time. `fields` go with every
    /// request.
    package init(fields: [(String, String)] = [], port: @escaping @Sendable () async throws -> UInt16) {
        self.port = port
        self.fields = fields
    }

    package convenience init(port: UInt16, fields: [(String, String)] = []) {
        self.init(fields: fields) { port }
    }

    /// Closes the connections that are kept.
    package func close() {
        idle.withLock { $0 = [] }
    }

    /// The request that was sent last by `send`.
    package var last: ClientRequest? { latest.value }

    /// Sends a request and returns the answer.
    package func send(
        _ method: String, _ target: String, _ fields: [(String, String)] = [], _ payload: Payload = .none
    ) async throws -> Reply {
        try await send(ClientRequest(method: method, target: target, fields: fields, payload: payload))
    }

    /// Sends a request, perhaps one that was sent before, and returns the answer.
    package func send(_ request: ClientRequest) async throws -> Reply {
        latest.change { $0 = request }
        let port = try await port()
        let connection = try take(port)
        let head = Self.head(
            request.method, request.target, request.fields + fields, port, framing: request.payload.framing)
        return try await Self.threads.run { [self] in
            try connection.send(head + request.payload.wireBytes)
            return try finish(connection, request.method)
        }
    }

    /// Sends the head of a request with a body of `length` bytes, and returns when the server asks for the body.
    package func begin(
        _ method: String, _ target: String, _ fields: [(String, String)] = [], length: Int
    ) async throws -> PendingRequest {
        let port = try await port()
        let connection = try take(port)
        let framing = "Content-Length: \(length)\r\nExpect: 100-continue\r\n"
        let head = Self.head(method, target, fields + self.fields, port, framing: framing)
        try await Self.threads.run {
            try connection.send(head)
            try connection.awaitContinue()
        }
        return PendingRequest(client: self, connection: connection, method: method)
    }

    fileprivate func complete(_ request: PendingRequest, _ bytes: [UInt8]) async throws -> Reply {
        let (connection, method) = (request.connection, request.method)
        return try await Self.threads.run { [self] in
            try connection.send(bytes)
            return try finish(connection, method)
        }
    }

    private func take(_ port: UInt16) throws -> HTTPConnection {
        let kept = idle.withLock { idle in
            idle.removeAll { $0.port != port }
            return idle.popLast()
        }
        return try kept ?? HTTPConnection(port: port)
    }

    private func finish(_ connection: HTTPConnection, _ method: String) throws -> Reply {
        let (reply, keepsAlive) = try connection.reply(to: method)
        if keepsAlive { idle.withLock { $0.append(connection) } }
        return reply
    }

    private static func head(
        _ method: String, _ target: String, _ fields: [(String, String)], _ port: UInt16, framing: String
    ) -> [UInt8] {
        var text = "\(method) \(target) HTTP/1.1\r\n"
        if !fields.contains(where: { $0.0 == "Host" }) { text += "Host: 127.0.0.1:\(port)\r\n" }
        for (name, value) in fields { text += "\(name): \(value)\r\n" }
        return Array((text + framing + "\r\n").utf8)
    }
}

/// A request whose body the server waits for.
package struct PendingRequest: Sendable {
    fileprivate let client: RegistryClient
    fileprivate let connection: HTTPConnection
    fileprivate let method: String

    /// Sends the body and returns the answer.
    package func finish(_ bytes: [UInt8]) async throws -> Reply {
        try await client.complete(self, bytes)
    }
}
