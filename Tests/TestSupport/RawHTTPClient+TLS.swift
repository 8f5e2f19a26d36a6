/// What a client knows of its encryption; empty on a plain connection.
extension RawHTTPClient {
    /// Whether the server has sent close_notify, as opposed to a stream that was cut.
    package var hasEndedOrderly: Bool { tls?.hasEnded ?? false }
    /// Whether the server went on with the session it was offered.
    package var isResumed: Bool { tls?.isResumed ?? false }
    /// 0x0303 for TLS 1.2, 0x0304 for 1.3.
    package var tlsVersion: CInt { tls?.version ?? 0 }
    package var cipher: String { tls?.cipher ?? "" }
    /// The protocol that the server chose by ALPN.
    package var chosenProtocol: String { tls?.chosenProtocol ?? "" }
    /// The serial number of the server's certificate, in hexadecimal.
    package var serverSerial: String { tls?.serverSerial ?? "" }
    /// For a later connection; complete once a response has come.
    package var ticket: TLSTicket? { tls?.ticket }
}
