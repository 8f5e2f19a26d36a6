/// Certificate, key and rules of one TLS listener.
package final class TLSContext: Sendable {
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

    /// Reads and checks the files: parse, pair, chain. Throws a sentence with the file and what to do.
    package init(_ files: Files) throws(TLSError) { fatalError("helper A") }

    /// When the certificate ends, in seconds since 1970.
    package var expiry: Int { fatalError("helper A") }
    /// When it begins.
    package var beginning: Int { fatalError("helper A") }
    /// The subject, for people.
    package var subject: String { fatalError("helper A") }
}

/// What is wrong with certificates, keys or a connection, in one sentence.
package struct TLSError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
