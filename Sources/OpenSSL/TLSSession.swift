import COpenSSL

/// The server's side of one TLS connection on a non-blocking socket.
///
/// One handle, freed in `deinit`; used by one task at a time. After an error the session is of no further use.
package final class TLSSession {
    /// What a call did.
    package enum Progress: Equatable, Sendable {
        /// Moved so many bytes; 0 from `receive` is the end of the stream. A handshake that is over moves 0.
        case moved(Int)
        /// Nothing before the socket has more bytes, or room for them. The same call must be made again then.
        case wantsRead
        case wantsWrite
    }

    private let pointer: OpaquePointer
    private var isBroken = false
    /// Whether a record waits within libssl for room in the socket: no other may be begun.
    private var isSending = false

    /// `descriptor` stays the caller's, and must stay open as long as the session.
    package init(_ context: TLSContext, descriptor: CInt) throws(TLSError) {
        ErrorQueue.clear()
        guard let pointer = SSL_new(context.pointer) else { throw TLSError("libssl has no memory for a connection") }
        self.pointer = pointer
        guard SSL_set_fd(pointer, descriptor) == 1 else {
            throw TLSError("libssl has no memory for a connection")
        }
        SSL_set_accept_state(pointer)
    }

    deinit { SSL_free(pointer) }

    /// Goes on with the handshake. Throws what is wrong with the client's side, which has been told by an alert.
    package func handshake() throws(TLSError) -> Progress {
        ErrorQueue.clear()
        let status = SSL_do_handshake(pointer)
        if status == 1 {
            try checkResumedCertificate()
            return .moved(0)
        }
        let progress = try progress(status)
        guard progress != .moved(0) else {
            isBroken = true
            throw TLSError("the client ended the connection")
        }
        return progress
    }

    /// Reads at least one byte, and at most what one record holds.
    package func receive(into memory: UnsafeMutableRawBufferPointer) throws(TLSError) -> Progress {
        ErrorQueue.clear()
        let count = SSL_read(pointer, memory.baseAddress, CInt(clamping: memory.count))
        return count > 0 ? .moved(Int(count)) : try progress(count)
    }

    /// Writes at most what one record holds. After `wantsWrite` the next call must begin with the same bytes.
    package func send(_ bytes: RawSpan) throws(TLSError) -> Progress {
        ErrorQueue.clear()
        let count = bytes.withUnsafeBytes { SSL_write(pointer, $0.baseAddress, CInt(clamping: $0.count)) }
        isSending = count <= 0
        return count > 0 ? .moved(Int(count)) : try progress(count)
    }

    /// Tells the client that no more comes (close_notify); best effort where the socket has no room.
    package func finishSending() {
        // Within a handshake, a record or after an error there is no place for it.
        guard !isBroken, !isSending, SSL_is_init_finished(pointer) == 1 else { return }
        ErrorQueue.clear()
        SSL_shutdown(pointer)
        ErrorQueue.clear()
    }

    private func progress(_ status: CInt) throws(TLSError) -> Progress {
        switch SSL_get_error(pointer, status) {
        case SSL_ERROR_WANT_READ: return .wantsRead
        case SSL_ERROR_WANT_WRITE: return .wantsWrite
        case SSL_ERROR_ZERO_RETURN: return .moved(0)
        default:
            isBroken = true
            throw failure(ErrorQueue.take())
        }
    }

    private func failure(_ code: UInt) -> TLSError {
        if code == 0 { return TLSError("the connection broke") }
        guard copenssl_is_verify_failure(code) != 0 else { return TLSError(ErrorQueue.text(code)) }
        let reason = String(cString: X509_verify_cert_error_string(SSL_get_verify_result(pointer)))
        return TLSError("\(ErrorQueue.text(code)): \(reason)")
    }

    // MARK: The client

    /// The name the client's certificate proves; nil without a certificate.
    package var clientName: String? { clientCertificate?.name }

    /// Whether an earlier session goes on, without a new key exchange by certificate.
    package var isResumed: Bool { SSL_session_reused(pointer) == 1 }

    /// Verified, as without that there is no connection.
    private var clientCertificate: Certificate? {
        SSL_get1_peer_certificate(pointer).map(Certificate.init)
    }

    /// A resumed session takes its certificate from the ticket, where nobody has looked at the time since.
    private func checkResumedCertificate() throws(TLSError) {
        guard isResumed, let certificate = clientCertificate else { return }
        guard X509_cmp_current_time(X509_get0_notAfter(certificate.pointer)) > 0 else {
            isBroken = true
            throw TLSError("the client's certificate has expired since its session began")
        }
    }
}
