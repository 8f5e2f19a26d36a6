import EventLoop
import Glibc
import HTTPServer
import OpenSSL

/// The sockets the server accepts on, bound and not yet served: plain, with TLS, or both.
struct Listeners: ~Copyable {
    private var plain: ListeningSocket?
    private var secure: ListeningSocket?
    /// What the one with TLS shows; nil when there is none.
    let identity: TLSIdentity?
    let addresses: Addresses

    /// Where clients reach the server.
    struct Addresses: Sendable {
        var plain: SocketAddress?
        var secure: SocketAddress?

        /// The address for the person who started the program, and whether it speaks TLS.
        var best: (address: SocketAddress, isSecure: Bool)? {
            secure.map { ($0, true) } ?? plain.map { ($0, false) }
        }

        /// As URLs.
        var urls: [String] {
            [plain.map { "http://\($0)" }, secure.map { "https://\($0)" }].compactMap(\.self)
        }
    }

    /// Reads the certificate, then binds. Throws a `ConfigurationError` or a `SystemCallError`.
    init(_ configuration: Configuration) throws {
        let context = try configuration.tlsContext()
        var plain = try Self.bind(configuration.listen, "listen")
        var secure = try Self.bind(configuration.tls.listen, "tls.listen")
        addresses = Addresses(plain: plain?.address, secure: secure?.address)
        identity = context.map(TLSIdentity.init)
        self.plain = plain.take()
        self.secure = secure.take()
    }

    private static func bind(_ text: String, _ setting: String) throws -> ListeningSocket? {
        if text.isEmpty { return nil }
        guard let address = SocketAddress(text) else { throw ConfigurationError("\(setting): expected ADDRESS:PORT") }
        return try ListeningSocket(address)
    }

    /// Starts accepting on all of them.
    consuming func serve(with server: HTTPServer) async throws {
        if let socket = plain.take() { try await server.listen(on: socket) }
        if let socket = secure.take() { try await server.listen(on: socket, tls: identity) }
    }
}

extension Configuration.TLS {
    /// The files of the listener; nil when there is none.
    var files: TLSContext.Files? {
        guard !listen.isEmpty else { return nil }
        return TLSContext.Files(
            certificate: certificate, key: key, clientCA: clientCA, clientCertificates: clientCertificates)
    }
}

extension Configuration {
    /// The certificate and key that `tls` names, read and checked; nil without a listener. A certificate that has ended
    /// is refused, because no client takes it. Throws a `ConfigurationError` with the setting's place. Blocks.
    func tlsContext(now: Int = time(nil)) throws(ConfigurationError) -> TLSContext? {
        guard let files = tls.files else { return nil }
        let context: TLSContext
        do throws(TLSError) {
            context = try TLSContext(files)
        } catch {
            throw ConfigurationError("\(places.place(["tls", error.culprit.rawValue])): \(error)")
        }
        guard context.expiry > now else {
            throw ConfigurationError(
                context.problems(now: now).map { "\(places.place(["tls", "certificate"])): \($0)" })
        }
        return context
    }
}

extension TLSContext.Files {
    /// Every file with a name.
    var paths: [String] { [certificate, key, clientCA].filter { !$0.isEmpty } }
}
