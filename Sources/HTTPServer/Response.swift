package import EventLoop

/// What a handler answers.
package struct Response: Sendable {
    package var status: Status
    /// Header fields in order; the engine adds Date, Content-Length and Connection.
    package var fields: [(name: StaticString, value: String)]
    package var body: ResponseBody
    /// What kind of endpoint answered, for metrics; a name from a small fixed set.
    package var endpoint: StaticString

    package init(
        _ status: Status, fields: [(name: StaticString, value: String)] = [], body: ResponseBody = .none,
        endpoint: StaticString = "other"
    ) {
        self.status = status
        self.fields = fields
        self.body = body
        self.endpoint = endpoint
    }

    /// A short text for a person.
    package static func text(_ status: Status, _ text: String) -> Response {
        Response(
            status, fields: [("Content-Type", "text/plain; charset=utf-8")], body: .bytes(Array((text + "\n").utf8)))
    }
}

/// The content of a response.
package enum ResponseBody: Sendable {
    case none
    /// The answer to a HEAD: no content, but the length it would have.
    case omitted(length: Int)
    case bytes([UInt8])
    /// Sent by `sendfile`.
    case file(FileRegion)
    /// Fetched while it is sent; when that fails the connection ends before the announced length is reached.
    case stream(any ResponseStream)
    /// Sent by `sendfile` while the file is still being written; else as `stream`.
    case growing(any FileStream)

    /// In bytes.
    var length: Int {
        switch self {
        case .none: 0
        case .omitted(let length): length
        case .bytes(let bytes): bytes.count
        case .file(let region): region.length
        case .stream(let stream): stream.length
        case .growing(let stream): stream.length
        }
    }
}

/// Content that comes from somewhere else while it is sent.
package protocol ResponseStream: Sendable {
    /// In bytes.
    var length: Int { get }

    /// Gives exactly `length` bytes in order, or throws; called at most once.
    func forEachChunk(_ send: (RawSpan) async throws -> Void) async throws
}

/// Content in a file, sent as it becomes available there.
package protocol FileStream: Sendable {
    /// In bytes.
    var length: Int { get }

    /// Gives regions of exactly `length` bytes together, in order, or throws; called at most once.
    func forEachRegion(_ send: (FileRegion) async throws -> Void) async throws
}

/// A stream gave more or less than it had announced.
struct WrongLength: Error, CustomStringConvertible {
    let description = "a response's content has not the announced length; the connection was ended within it"
}
