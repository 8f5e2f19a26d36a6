import COpenSSL
import EventLoop
import Glibc
import Synchronization

/// How a test's TLS client behaves.
package struct TLSClientSettings: Sendable {
    /// PEM file of the certificates it trusts; nil to take any.
    package var authority: String?
    /// The PEM files of its own certificate and key.
    package var certificate: String?
    package var key: String?
    /// The only protocol version it speaks (0x0303 is TLS 1.2, 0x0304 is 1.3); 0 for any.
    package var version: CInt = 0
    /// The protocols it offers by ALPN.
    package var protocols = ["http/1.1"]
    /// A session to go on with.
    package var ticket: TLSTicket?
    /// Whether it takes the handshake for finished only when the server has too, which it tells by a ticket.
    package var awaitsTicket = true

    package init() {}
}

/// A session that a later connection can resume.
///
/// `@unchecked Sendable`: libssl counts its sessions' references, and does not change them.
package final class TLSTicket: @unchecked Sendable {
    fileprivate let pointer: OpaquePointer

    fileprivate init(_ pointer: OpaquePointer) { self.pointer = pointer }

    deinit { SSL_SESSION_free(pointer) }
}

/// The client's side of TLS for tests. Two threads may use it at once, one that sends and one that receives.
package final class TLSClientSession: Sendable {
    /// `@unchecked Sendable`: used only under the lock.
    private struct Handle: @unchecked Sendable {
        let pointer: OpaquePointer
    }

    private let handle: Mutex<Handle>
    private let descriptor: CInt
    private let timeout: CInt

    /// Makes the handshake on a connected socket, which becomes non-blocking and stays the caller's.
    ///
    /// `timeout`: seconds that a call may wait.
    init(_ descriptor: CInt, _ settings: TLSClientSettings, timeout: Int) throws(RawHTTPError) {
        self.descriptor = descriptor
        self.timeout = CInt(timeout * 1000)
        ERR_clear_error()
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw .tls("no context") }
        defer { SSL_CTX_free(context) }
        try Self.set(up: context, settings)
        guard let pointer = SSL_new(context) else { throw .tls("no session") }
        handle = Mutex(Handle(pointer: pointer))
        if let ticket = settings.ticket { SSL_set_session(pointer, ticket.pointer) }
        SSL_set_fd(pointer, descriptor)
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        _ = try perform { SSL_connect($0) }
        if settings.awaitsTicket { try awaitTicket() }
    }

    deinit {
        handle.withLock { handle in
            // Without, libssl would think that the session ended badly and resume it no more.
            SSL_set_shutdown(handle.pointer, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
            SSL_free(handle.pointer)
        }
    }

    private func awaitTicket() throws(RawHTTPError) {
        while true {
            let (hasTicket, code) = handle.withLock { handle in
                ERR_clear_error()
                var byte: UInt8 = 0
                let code = SSL_get_error(handle.pointer, SSL_peek(handle.pointer, &byte, 1))
                return (SSL_SESSION_has_ticket(SSL_get_session(handle.pointer)) == 1, code)
            }
            // Anything else shows itself again to who reads.
            if hasTicket || code != SSL_ERROR_WANT_READ { return }
            try wait(POLLIN)
        }
    }

    private static func set(up context: OpaquePointer, _ settings: TLSClientSettings) throws(RawHTTPError) {
        let modes = SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
        SSL_CTX_ctrl(context, SSL_CTRL_MODE, Int(modes), nil)
        // Old versions only at the lowest level of security.
        SSL_CTX_set_security_level(context, settings.version != 0 && settings.version < TLS1_2_VERSION ? 0 : 1)
        if settings.version != 0 {
            SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(settings.version), nil)
            SSL_CTX_ctrl(context, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(settings.version), nil)
        }
        let offered = settings.protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        if !offered.isEmpty { SSL_CTX_set_alpn_protos(context, offered, CUnsignedInt(offered.count)) }
        var isSet = true
        if let authority = settings.authority {
            isSet = SSL_CTX_load_verify_file(context, authority) == 1
            SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        }
        if let certificate = settings.certificate, let key = settings.key {
            isSet = isSet && SSL_CTX_use_certificate_chain_file(context, certificate) == 1
            isSet = isSet && SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1
        }
        if !isSet { throw .tls("the client's files: \(reason())") }
    }

    /// The bytes a client begins with.
    package static func hello() throws -> [UInt8] {
        var ends: [CInt] = [-1, -1]
        _ = try Posix.call("socketpair") { socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) }
        let client = OwnedDescriptor(ends[0])
        let server = OwnedDescriptor(ends[1])
        // Nobody answers.
        _ = try? TLSClientSession(client.number, TLSClientSettings(), timeout: 0)
        let number = server.number
        var bytes = [UInt8](repeating: 0, count: 16 << 10)
        let count = try Posix.call("recv") { recv(number, &bytes, bytes.count, 0) }
        return Array(bytes[..<count])
    }

    // MARK: Moving bytes

    /// Sends some of `bytes`, at least one.
    func send(_ bytes: RawSpan) throws(RawHTTPError) -> Int {
        let count = try perform { pointer in
            bytes.withUnsafeBytes { SSL_write(pointer, $0.baseAddress, CInt($0.count)) }
        }
        // The server has ended the connection, be it by an alert.
        if count == 0 { throw .closed }
        return count
    }

    /// Receives at least one byte; 0 at the end of the stream.
    func receive(into block: inout [UInt8]) throws(RawHTTPError) -> Int {
        try perform { SSL_read($0, &block, CInt(block.count)) }
    }

    /// Sends close_notify.
    func finishSending() {
        handle.withLock { handle in
            ERR_clear_error()
            // A connection that has ended already needs none.
            SSL_shutdown(handle.pointer)
        }
    }

    /// Whether the server has said that no more comes, as opposed to a stream that was cut.
    var hasEnded: Bool { handle.withLock { SSL_get_shutdown($0.pointer) & SSL_RECEIVED_SHUTDOWN != 0 } }
    /// Whether bytes wait that are decrypted already.
    var hasInput: Bool { handle.withLock { SSL_pending($0.pointer) > 0 } }

    /// Repeats a call until it is done, waiting for the socket as libssl wants.
    private func perform(_ call: (OpaquePointer) -> CInt) throws(RawHTTPError) -> Int {
        while true {
            let (count, code, reason) = handle.withLock { handle -> (CInt, CInt, String) in
                ERR_clear_error()
                errno = 0
                let count = call(handle.pointer)
                let code = SSL_get_error(handle.pointer, count)
                return (count, code, code == SSL_ERROR_SSL ? Self.reason() : "")
            }
            switch code {
            case SSL_ERROR_NONE: return Int(count)
            case SSL_ERROR_ZERO_RETURN: return 0
            case SSL_ERROR_WANT_READ: try wait(POLLIN)
            case SSL_ERROR_WANT_WRITE: try wait(POLLOUT)
            case SSL_ERROR_SSL: throw reason == "unexpected eof while reading" ? .closed : .tls(reason)
            default: throw .reset
            }
        }
    }

    private func wait(_ events: CInt) throws(RawHTTPError) {
        var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        if poll(&entry, 1, timeout) == 0 { throw .timedOut }
    }

    private static func reason() -> String {
        ERR_reason_error_string(ERR_get_error()).map { String(cString: $0) } ?? "unknown error"
    }

    // MARK: What was agreed

    /// Whether the server went on with the session it was offered.
    var isResumed: Bool { handle.withLock { SSL_session_reused($0.pointer) == 1 } }
    /// 0x0303 for TLS 1.2, 0x0304 for 1.3.
    var version: CInt { handle.withLock { SSL_version($0.pointer) } }
    var cipher: String {
        handle.withLock { String(cString: SSL_CIPHER_get_name(SSL_get_current_cipher($0.pointer))) }
    }

    /// The protocol that the server chose by ALPN.
    var chosenProtocol: String {
        handle.withLock { handle in
            var name: UnsafePointer<UInt8>?
            var count: CUnsignedInt = 0
            SSL_get0_alpn_selected(handle.pointer, &name, &count)
            return String(decoding: UnsafeBufferPointer(start: name, count: Int(count)), as: UTF8.self)
        }
    }

    /// The server's certificate's serial number, in hexadecimal.
    var serverSerial: String {
        handle.withLock { handle in
            guard let certificate = SSL_get1_peer_certificate(handle.pointer) else { return "" }
            defer { X509_free(certificate) }
            guard let number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nil) else { return "" }
            defer { BN_free(number) }
            guard let text = BN_bn2hex(number) else { return "" }
            defer { CRYPTO_free(text, #file, #line) }
            return String(cString: text)
        }
    }

    /// The session as it is now; with TLS 1.3 the ticket comes behind the handshake, with the first response.
    var ticket: TLSTicket? { handle.withLock { SSL_get1_session($0.pointer).map(TLSTicket.init) } }
}
