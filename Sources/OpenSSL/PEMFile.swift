import COpenSSL

/// A file of PEM blocks (RFC 7468). Its errors name the file and say what to do.
struct PEMFile: ~Copyable {
    /// More certificates than any chain has.
    private static let maximumCount = 64

    private let path: String
    private let file: OpaquePointer

    init(_ path: String) throws(TLSError) {
        ErrorQueue.clear()
        guard let file = BIO_new_file(path, "r") else {
            let reason = ErrorQueue.text(ErrorQueue.take())
            throw TLSError("\(path): cannot be read (\(reason)): check path and permissions")
        }
        self.path = path
        self.file = file
    }

    deinit { BIO_free(file) }

    /// Every certificate in it, at least one.
    func certificates() throws(TLSError) -> [Certificate] {
        var certificates: [Certificate] = []
        while let certificate = PEM_read_bio_X509(file, nil, { _, _, _, _ in -1 }, nil) {
            certificates.append(Certificate(certificate))
            guard certificates.count <= Self.maximumCount else {
                throw TLSError("\(path): more than \(Self.maximumCount) certificates: give the server's chain only")
            }
        }
        let code = ErrorQueue.take()
        guard copenssl_is_end_of_pem(code) != 0 else {
            let number = certificates.count + 1
            throw TLSError("\(path): certificate \(number) is damaged (\(ErrorQueue.text(code))): write the file anew")
        }
        if certificates.isEmpty {
            throw TLSError("\(path): no certificate in it: give a PEM file with -----BEGIN CERTIFICATE-----")
        }
        return certificates
    }

    /// The first private key in it, which must not be encrypted: nobody is there to be asked for a passphrase.
    func privateKey() throws(TLSError) -> PrivateKey {
        var isEncrypted = false
        let key = PEM_read_bio_PrivateKey(
            file, nil,
            { _, _, _, isEncrypted in
                isEncrypted?.storeBytes(of: true, as: Bool.self)
                return -1
            }, &isEncrypted)
        if let key { return PrivateKey(key) }
        ErrorQueue.clear()
        if isEncrypted {
            throw TLSError(
                "\(path): the key is encrypted: write it without a passphrase (openssl pkey -in OLD -out NEW)")
        }
        throw TLSError("\(path): no private key in it: give a PEM file with -----BEGIN PRIVATE KEY-----")
    }
}
