import EventLoop
import Glibc

/// PEM files of a certificate and its key.
package struct CertificatePair: Sendable {
    package let certificate: String
    package let key: String
}

/// Signs certificates for tests with the `openssl` command, in a temporary directory. One call at a time.
package final class CertificateAuthority: Sendable {
    package let directory: TemporaryDirectory
    /// Its own certificate, which a client must trust.
    package var certificate: String { directory.path + "/authority.pem" }

    package init(_ name: String = "Test authority") async throws {
        directory = try TemporaryDirectory("certificates")
        try await write(configuration, to: "authority.cnf")
        try await write("", to: "index.txt")
        try await openssl(
            ["req", "-x509", "-days", "2"] + Self.newKey("ec:P-256")
                + ["-keyout", "authority.key", "-out", "authority.pem", "-subj", "/CN=\(name)"])
    }

    /// Makes a key and a certificate to it.
    ///
    /// `names`: the subject's alternative names. `key`: `ec:CURVE` or `rsa:BITS`. `from` and `to`: when it begins and
    /// ends, in days from now.
    package func issue(
        _ name: String, subject: String = "/CN=localhost", names: String = "DNS:localhost,IP:127.0.0.1",
        key: String = "ec:P-256", from: Int = -1, to: Int = 1
    ) async throws -> CertificatePair {
        try await openssl(
            ["req", "-new", "-utf8"] + Self.newKey(key)
                + ["-keyout", "\(name).key", "-out", "\(name).csr", "-subj", subject]
                + (names.isEmpty ? [] : ["-addext", "subjectAltName=\(names)"]))
        try await openssl(
            ["ca", "-batch", "-notext", "-config", "authority.cnf", "-in", "\(name).csr", "-out", "\(name).pem"]
                + ["-startdate", Self.date(days: from), "-enddate", Self.date(days: to)])
        return CertificatePair(certificate: directory.path + "/\(name).pem", key: directory.path + "/\(name).key")
    }

    /// Runs the `openssl` command in the directory.
    package func openssl(_ arguments: [String]) async throws {
        let command = ["/bin/sh", "-c", "cd \"$0\" && exec openssl \"$@\"", directory.path] + arguments
        let process = try ChildProcess(command, environment: ["PATH": "/usr/bin:/bin"])
        guard try await process.end() == .status(0) else {
            throw SystemCallError("openssl", code: EINVAL, subject: process.errors.text)
        }
    }

    /// Writes a file into the directory.
    package func write(_ text: String, to name: String) async throws {
        let path = directory.path + "/" + name
        let file = OwnedDescriptor(
            try Posix.call("open", subject: path) { open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600) })
        let bytes = Array(text.utf8)
        guard Glibc.write(file.number, bytes, bytes.count) == bytes.count else { throw SystemCallError("write") }
    }

    private static func newKey(_ kind: String) -> [String] {
        let parts = kind.split(separator: ":")
        let option = parts[0] == "ec" ? "ec_paramgen_curve" : "rsa_keygen_bits"
        return ["-newkey", String(parts[0]), "-pkeyopt", "\(option):\(parts[1])", "-nodes"]
    }

    private static func date(days: Int) -> String {
        var time = Glibc.time(nil) + days * 86_400
        var parts = tm()
        gmtime_r(&time, &parts)
        let numbers = [parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec]
        return numbers.reduce("\(parts.tm_year + 1900)") { $0 + ($1 < 10 ? "0" : "") + "\($1)" } + "Z"
    }

    private let configuration = """
        [ca]
        default_ca = test
        [test]
        dir = .
        database = index.txt
        new_certs_dir = .
        certificate = authority.pem
        private_key = authority.key
        default_md = sha256
        policy = any
        copy_extensions = copy
        rand_serial = yes
        unique_subject = no
        preserve = yes
        [any]
        commonName = optional
        organizationName = optional
        [req]
        distinguished_name = name
        x509_extensions = authority
        [name]
        [authority]
        basicConstraints = critical, CA:true
        subjectKeyIdentifier = hash
        """
}
