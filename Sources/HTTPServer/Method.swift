/// A request method (RFC 9110, section 9).
package enum Method: Hashable, Sendable {
    case get, head, post, put, patch, delete, options
    /// Any other token, as sent.
    case other(String)

    init(_ token: RawSpan) {
        let text = String(decoding: token)
        self =
            switch text {
            case "GET": .get
            case "HEAD": .head
            case "POST": .post
            case "PUT": .put
            case "PATCH": .patch
            case "DELETE": .delete
            case "OPTIONS": .options
            default: .other(text)
            }
    }

    /// As in the request line.
    package var name: String {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .patch: "PATCH"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .other(let token): token
        }
    }
}

extension String {
    /// The text of `bytes`, with malformed UTF-8 replaced.
    init(decoding bytes: RawSpan) {
        self = bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }
}
