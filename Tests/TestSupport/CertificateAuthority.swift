import Glibc

/// An authority of a test that signs certificates, made by the openssl command.
package final class CertificateAuthority: Sendable {
    /// A certificate and its key, as paths of PEM files.
    package struct Issued: Sendable {
        package let certificate: String
        package let key: String
    }

    /// The command did not do what it was asked for.
    private struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    private let directory: TemporaryDirectory
    private let own: Issued

    /// The path of its certificate, which a client is to trust.
    package var certificate: String { own.certificate }

    /// Makes a key and a certificate of its own.
    package init(_ name: String = "test authority") async throws {
        directory = try TemporaryDirectory("certificates")
        own = try await Self.request(
            "authority", in: directory.path, subject: name,
            ["-addext", "basicConstraints=critical,CA:true", "-addext", "keyUsage=critical,keyCertSign"])
    }

    /// A certificate of a server with `names`, such as `IP:127.0.0.1` or `DNS:localhost`, that this authority signed.
    package func issue(_ names: String) async throws -> Issued {
        try await Self.request(
            Self.fileName(names), in: directory.path, subject: "a server of a test",
            ["-CA", own.certificate, "-CAkey", own.key, "-addext", "subjectAltName=\(names)"])
    }

    /// The same that nobody but itself signed.
    package func selfSigned(_ names: String) async throws -> Issued {
        try await Self.request(
            "self-\(Self.fileName(names))", in: directory.path, subject: "a server of a test",
            ["-addext", "subjectAltName=\(names)"])
    }

    private static func fileName(_ names: String) -> String {
        String(names.map { $0.isLetter || $0.isNumber ? $0 : "-" })
    }

    /// Makes a key and a certificate for it, valid for two days, without what the system's settings would add.
    private static func request(
        _ name: String, in directory: String, subject: String, _ options: [String]
    ) async throws -> Issued {
        let issued = Issued(certificate: "\(directory)/\(name).pem", key: "\(directory)/\(name).key")
        let script = "printf '[req]\\ndistinguished_name=n\\n[n]\\n' | exec openssl req -x509 -config /dev/stdin \"$@\""
        let process = try ChildProcess(
            [
                "/bin/sh", "-c", script, "openssl", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-noenc", "-sha256", "-days", "2", "-subj", "/CN=\(subject)", "-keyout", issued.key, "-out",
                issued.certificate,
            ] + options, environment: ServerProcess.environment())
        let ending = try await process.end()
        try await eventually { process.errors.isAtEnd }
        guard ending == .status(0) else { throw Failed(description: "openssl: \(process.errors.text)") }
        return issued
    }
}
