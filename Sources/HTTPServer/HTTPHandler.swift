/// What answers requests. Errors it throws that are not the engine's own become a plain 500.
package protocol HTTPHandler: Sendable {
    /// Called on the connection's event loop: it must not block.
    func respond(to request: Request) async throws -> Response
}

/// A request as a handler sees it.
package struct Request {
    package let head: RequestHead
    package let body: RequestBody
    /// The client's `X-Request-Id`, or one made here.
    package let id: String
    /// The numeric address the connection comes from, without the port.
    package let peer: String
    /// Whether the connection is encrypted by TLS.
    package var isSecure = false
    /// The name its TLS certificate proves, where the listener asks for one: the subject's common name, or the first
    /// name in it (RFC 5280, section 4.2.1.6). Nil on a plain connection and without a certificate.
    package var certificateName: String?
}

/// One finished exchange of request and response, for logs and metrics.
package struct Exchange: Sendable {
    package let head: RequestHead
    package let status: Status
    package let endpoint: StaticString
    package let requestID: String
    /// Body bytes received and sent.
    package let bytesIn: Int
    package let bytesOut: Int
    /// From the complete head to the last byte of the response.
    package let nanoseconds: Int
    package let peer: String
    /// Whether the connection is encrypted by TLS.
    package let isSecure: Bool
    /// False when the client went away before it had the whole response.
    package let isComplete: Bool
}

/// The connection ended before a request or response was complete. A handler lets it pass.
package struct ConnectionClosed: Error {
    package init() {}
}
