import COpenSSL

/// Certificate, key and rules of one TLS listener: TLS 1.2 and 1.3, forward secrecy and authenticated encryption only,
/// `http/1.1` by ALPN (RFC 7301), sessions resumed by tickets.
///
/// The keys of the tickets live as long as the context. A client with a ticket of an earlier one makes a full
/// handshake, so that no session outlives the rules under which it began.
///
/// `@unchecked Sendable`: nothing is changed after `init`, and libssl locks what connections share.
package final class TLSContext: @unchecked Sendable {
    package enum ClientCertificates: String, Codable, CaseIterable, Sendable {
        /// Not asked for.
        case none
        /// Asked for; a client may come without.
        case optional
        /// Without one there is no connection.
        case required
    }

    package struct Files: Hashable, Sendable {
        /// PEM: the certificate, then the chain.
        package var certificate: String
        /// PEM: the private key.
        package var key: String
        /// PEM: who signs client certificates; empty for none.
        package var clientCA: String
        package var clientCertificates: ClientCertificates

        package init(
            certificate: String, key: String, clientCA: String = "", clientCertificates: ClientCertificates = .none
        ) {
            self.certificate = certificate
            self.key = key
            self.clientCA = clientCA
            self.clientCertificates = clientCertificates
        }
    }

    /// The SSL_CTX.
    let pointer: OpaquePointer
    let chain: [Certificate]
    let files: Files

    /// Reads and checks the files: parse, pair, chain. Throws a sentence with the file and what to do, and which of the
    /// files is at fault.
    ///
    /// What still works for somebody, such as an expired certificate, is no error: see `problems`.
    package init(_ files: Files) throws(TLSError) {
        let chain = try PEMFile(files.certificate).certificates()
        let key: PrivateKey
        do throws(TLSError) { key = try PEMFile(files.key).privateKey() } catch { throw error.blaming(.key) }
        guard let pointer = SSL_CTX_new(TLS_server_method()) else { throw TLSError("libssl cannot be set up") }
        self.files = files
        self.chain = chain
        self.pointer = pointer
        try setRules()
        try use(chain, key)
        try askForClientCertificates()
    }

    deinit { SSL_CTX_free(pointer) }

    /// When the certificate ends, in seconds since 1970.
    package var expiry: Int { chain[0].expiry }
    /// When it begins.
    package var beginning: Int { chain[0].beginning }
    /// The subject, for people.
    package var subject: String { chain[0].subject }
}

// MARK: Setting up

extension TLSContext {
    /// How long a client may resume a session, in seconds.
    private static let sessionTimeout = 3600
    /// A client needs one at a time; each costs the handshake a record.
    private static let ticketsPerHandshake = 1
    /// Bytes taken from a socket at once: several records of an upload.
    private static let readBuffer = 64 << 10
    /// For TLS 1.2.
    private static let cipherList = "ECDHE+AESGCM:ECDHE+CHACHA20"
    /// For TLS 1.3. Clients without AES instructions put ChaCha20 first and get it.
    private static let cipherSuites =
        "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384"
    private static let groups = "X25519:P-256:P-384"
    private static let sessionContext = Array("stowage".utf8)

    private func setRules() throws(TLSError) {
        ErrorQueue.clear()
        let mode = SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
        SSL_CTX_set_options(pointer, copenssl_server_options)
        SSL_CTX_ctrl(pointer, SSL_CTRL_MODE, Int(mode), nil)
        SSL_CTX_ctrl(pointer, SSL_CTRL_SET_READ_AHEAD, 1, nil)
        SSL_CTX_set_default_read_buffer_len(pointer, Self.readBuffer)
        // Tickets hold the sessions; the cache would only cost memory.
        SSL_CTX_ctrl(pointer, SSL_CTRL_SET_SESS_CACHE_MODE, Int(SSL_SESS_CACHE_OFF), nil)
        SSL_CTX_set_timeout(pointer, Self.sessionTimeout)
        SSL_CTX_set_alpn_select_cb(pointer, selectProtocol, nil)
        let isSet =
            SSL_CTX_ctrl(pointer, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_2_VERSION), nil) == 1
            && SSL_CTX_set_cipher_list(pointer, Self.cipherList) == 1
            && SSL_CTX_set_ciphersuites(pointer, Self.cipherSuites) == 1
            && copenssl_set_groups(pointer, Self.groups) == 1
            && SSL_CTX_set_num_tickets(pointer, Self.ticketsPerHandshake) == 1
            && SSL_CTX_set_session_id_context(
                pointer, Self.sessionContext, CUnsignedInt(Self.sessionContext.count)) == 1
        guard isSet else { throw TLSError("libssl refuses the ciphers: \(ErrorQueue.text(ErrorQueue.take()))") }
    }

    private func use(_ chain: [Certificate], _ key: PrivateKey) throws(TLSError) {
        guard chain[0].belongs(to: key) else {
            let place = chain.firstIndex { $0.belongs(to: key) }
            let advice = place.map { "it belongs to certificate \($0 + 1) of the file: put that one first" }
            throw TLSError(
                "\(files.key): the key does not belong to the certificate in \(files.certificate): "
                    + (advice ?? "give the pair that was made together")
            ).blaming(place == nil ? .key : .certificate)
        }
        guard SSL_CTX_use_certificate(pointer, chain[0].pointer) == 1 else {
            throw unusable(files.certificate, "certificate")
        }
        guard SSL_CTX_use_PrivateKey(pointer, key.pointer) == 1 else { throw unusable(files.key, "key").blaming(.key) }
        for certificate in chain.dropFirst() {
            guard copenssl_add_to_chain(pointer, certificate.pointer) == 1 else {
                throw unusable(files.certificate, "chain")
            }
        }
    }

    private func askForClientCertificates() throws(TLSError) {
        let path = files.clientCA
        if files.clientCertificates == .none { return }
        guard !path.isEmpty else {
            throw TLSError("client certificates are \(files.clientCertificates), but no file says who signs them")
        }
        let authorities: [Certificate]
        do throws(TLSError) {
            authorities = try PEMFile(path).certificates()
        } catch {
            throw error.blaming(.clientCA)
        }
        for authority in authorities {
            // The store ignores one that is in the file twice.
            guard X509_STORE_add_cert(SSL_CTX_get_cert_store(pointer), authority.pointer) == 1,
                SSL_CTX_add_client_CA(pointer, authority.pointer) == 1
            else { throw unusable(path, "certificate").blaming(.clientCA) }
        }
        let isRequired = files.clientCertificates == .required
        SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER | (isRequired ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nil)
    }

    private func unusable(_ path: String, _ what: String) -> TLSError {
        TLSError("\(path): the \(what) cannot be used (\(ErrorQueue.text(ErrorQueue.take()))): make a new one")
    }
}

/// Picks `http/1.1` among the protocols a client offers; a client that offers others only gets the alert
/// no_application_protocol (RFC 7301, section 3.2).
private func selectProtocol(
    _ session: OpaquePointer?, _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    _ chosenLength: UnsafeMutablePointer<UInt8>?, _ offered: UnsafePointer<UInt8>?, _ length: CUnsignedInt,
    _ argument: UnsafeMutableRawPointer?
) -> CInt {
    let wanted: StaticString = "http/1.1"
    let names = UnsafeBufferPointer(start: offered, count: Int(length))
    var start = 0
    // Each name has its length before it; libssl has checked that they add up.
    while start < names.count {
        let name = names[(start + 1)...].prefix(Int(names[start]))
        if name.elementsEqual(UnsafeBufferPointer(start: wanted.utf8Start, count: wanted.utf8CodeUnitCount)) {
            chosen?.pointee = offered.map { $0 + start + 1 }
            chosenLength?.pointee = names[start]
            return SSL_TLSEXT_ERR_OK
        }
        start += 1 + name.count
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL
}
