import COpenSSL
import Glibc

/// An X.509 certificate (RFC 5280).
final class Certificate {
    let pointer: OpaquePointer

    /// Takes over a reference.
    init(_ pointer: OpaquePointer) { self.pointer = pointer }

    deinit { X509_free(pointer) }

    /// When it begins and ends, in seconds since 1970.
    var beginning: Int { Self.seconds(X509_get0_notBefore(pointer)) }
    var expiry: Int { Self.seconds(X509_get0_notAfter(pointer)) }

    /// The subject on one line, for people.
    var subject: String {
        guard let text = BIO_new(BIO_s_mem()) else { return "" }
        defer { BIO_free(text) }
        X509_NAME_print_ex(text, X509_get_subject_name(pointer), 0, copenssl_name_flags)
        var start: UnsafeMutableRawPointer?
        let count = BIO_ctrl(text, BIO_CTRL_INFO, 0, &start)
        return String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
    }

    /// Whether `issuer` has signed this one, by their names and key identifiers.
    func isIssued(by issuer: Certificate) -> Bool { X509_check_issued(issuer.pointer, pointer) == X509_V_OK }

    /// Whether `key` is the private key to this certificate.
    func belongs(to key: PrivateKey) -> Bool {
        defer { ErrorQueue.clear() }
        return X509_check_private_key(pointer, key.pointer) == 1
    }

    /// The name it proves: the subject's common name, or else the first DNS, mail or URI name of the alternative ones
    /// (section 4.2.1.6). A name with control characters is none.
    var name: String? {
        commonName ?? alternativeName
    }

    private var commonName: String? {
        let subject = X509_get_subject_name(pointer)
        let place = X509_NAME_get_index_by_NID(subject, NID_commonName, -1)
        guard place >= 0 else { return nil }
        return Self.text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, place)))
    }

    private var alternativeName: String? {
        guard let names = copenssl_alternative_names(pointer) else { return nil }
        defer { GENERAL_NAMES_free(names) }
        for index in 0..<copenssl_general_name_count(names) {
            guard let name = copenssl_general_name(names, index) else { continue }
            switch name.pointee.type {
            case GEN_DNS, GEN_EMAIL, GEN_URI:
                if let text = Self.text(name.pointee.d.ia5) { return text }
            default: continue
            }
        }
        return nil
    }

    private static func text(_ string: UnsafePointer<ASN1_STRING>?) -> String? {
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = ASN1_STRING_to_UTF8(&bytes, string)
        guard count > 0, let bytes else {
            ErrorQueue.clear()
            return nil
        }
        defer { CRYPTO_free(bytes, #file, #line) }
        let text = UnsafeBufferPointer(start: bytes, count: Int(count))
        return text.contains { $0 < 0x20 || $0 == 0x7f } ? nil : String(decoding: text, as: UTF8.self)
    }

    private static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int {
        var parts = tm()
        return ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : 0
    }
}

/// A private key of any kind.
final class PrivateKey {
    let pointer: OpaquePointer

    /// Takes over a reference.
    init(_ pointer: OpaquePointer) { self.pointer = pointer }

    deinit { EVP_PKEY_free(pointer) }
}
