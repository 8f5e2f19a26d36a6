import COpenSSL
import Glibc

/// What is wrong with certificates, keys or a connection, in one sentence.
package struct TLSError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file of a listener that is at fault.
    package enum Culprit: String, Sendable {
        case certificate, key, clientCA
    }

    package let description: String
    /// Where the mistake is to be mended, as far as it is in a file of a listener.
    package private(set) var culprit = Culprit.certificate

    package init(_ description: String) { self.description = description }

    /// The same, by the fault of that file.
    func blaming(_ culprit: Culprit) -> TLSError {
        var error = self
        error.culprit = culprit
        return error
    }
}

/// The errors that libcrypto and libssl keep for the calling thread.
enum ErrorQueue {
    /// Forgets what earlier calls left, which would be taken for the next call's errors.
    static func clear() { ERR_clear_error() }

    /// The first error's code, 0 for none; forgets all.
    static func take() -> UInt {
        defer { ERR_clear_error() }
        return ERR_get_error()
    }

    /// What an error is about, in libcrypto's words: a text from a table, never anything from outside.
    static func text(_ code: UInt) -> String {
        let systemError = copenssl_system_error(code)
        if systemError != 0 { return String(cString: strerror(systemError)) }
        return ERR_reason_error_string(code).map { String(cString: $0) } ?? "unknown error"
    }
}
