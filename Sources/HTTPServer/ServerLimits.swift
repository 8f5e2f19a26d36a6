/// What a server takes from its clients, and how long it waits for them.
package struct ServerLimits: Sendable {
    package var heads = HeadLimits()
    /// Open connections; further ones get 503 and are closed.
    package var connections = 10_000
    /// The longest request body in bytes.
    package var body = 128 << 30
    /// Bytes of request and response bodies that all connections together may hold in memory.
    package var bufferedBytes = 256 << 20
    /// Seconds a connection may take from its first byte to a complete head.
    package var headTimeout = 20
    /// Seconds a connection may be idle between requests.
    package var idleTimeout = 90
    /// Seconds without a byte of a request body, or without a byte taken of a response.
    package var stallTimeout = 60

    package init() {}
}
