/// A response as it came over a test's connection.
package struct RawHTTPResponse: Sendable {
    package let status: Int
    package let reason: String
    /// In the order they came.
    package let fields: [(name: String, value: String)]
    /// Statuses of the interim responses (1xx) that came before it.
    package let interim: [Int]
    /// Empty until it was read.
    package var body: [UInt8] = []

    /// The body as text.
    package var text: String { String(decoding: body, as: UTF8.self) }

    /// Every value of a field, its name in any case.
    package func values(_ name: String) -> [String] {
        fields.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }

    /// The value of a field that must not come twice; nil when it did not come, or came twice.
    package subscript(_ name: String) -> String? {
        let values = values(name)
        return values.count == 1 ? values[0] : nil
    }
}

/// Why a test's client could not go on.
package enum RawHTTPError: Error, Equatable, Sendable {
    /// Nothing came, or nothing could be sent, within the client's timeout.
    case timedOut
    /// The server closed the connection before the response was complete.
    case closed
    /// The server reset the connection.
    case reset
    /// The server sent something that is no strict HTTP/1.1.
    case malformed(String)
    /// The TLS handshake or a record failed, in libssl's words.
    case tls(String)
    /// Another system call failed, with this error number.
    case failed(String, CInt)
}

/// Where the end of a response's body is (RFC 9112, section 6.3).
enum RawHTTPFraming: Equatable {
    case none
    case length(Int)
    case chunked
    case toClose

    init(_ response: RawHTTPResponse, to method: String) throws(RawHTTPError) {
        let lengths = response.values("Content-Length")
        let codings = response.values("Transfer-Encoding")
        guard lengths.count + codings.count <= 1 else {
            throw .malformed("more than one field says where the body ends")
        }
        if method == "HEAD" || response.status == 204 || response.status == 304 {
            self = .none
        } else if let coding = codings.first {
            guard coding == "chunked" else { throw .malformed("transfer coding \(coding)") }
            self = .chunked
        } else if let text = lengths.first {
            guard let length = Int(text), length >= 0 else { throw .malformed("Content-Length: \(text)") }
            self = .length(length)
        } else {
            self = .toClose
        }
    }
}
