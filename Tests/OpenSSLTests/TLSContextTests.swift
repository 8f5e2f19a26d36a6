import Glibc
import OpenSSL
import TestSupport
import Testing

@Suite("TLS contexts", .serialized, .timeLimit(.minutes(1)))
struct TLSContextTests {
    private static let day = 86_400

    /// What the context of these files fails with; empty when it does not.
    private func failure(_ files: TLSContext.Files) -> String {
        do throws(TLSError) {
            _ = try TLSContext(files)
            return ""
        } catch {
            return error.description
        }
    }

    @Test("a pair is taken, whatever kind its key is", arguments: ["ec:P-256", "ec:P-384", "rsa:2048", "rsa:4096"])
    func kinds(_ key: String) async throws {
        let authority = try await CertificateAuthority()
        let pair = try await authority.issue("a", subject: "/CN=registry.example", key: key, from: -3, to: 30)
        let context = try TLSContext(TLSContext.Files(certificate: pair.certificate, key: pair.key))
        let now = time(nil)
        #expect(context.subject == "CN=registry.example")
        #expect(abs(context.beginning - now + 3 * Self.day) < 60)
        #expect(abs(context.expiry - now - 30 * Self.day) < 60)
        #expect(context.problems(now: now) == [])
    }

    @Test("files that cannot work: a sentence with the file and what to do")
    func failures() async throws {
        let authority = try await CertificateAuthority()
        let good = try await authority.issue("good")
        let other = try await authority.issue("other")
        let weak = try await authority.issue("weak", key: "rsa:512")
        let place = authority.directory.path
        try await authority.openssl(["pkey", "-in", "good.key", "-aes256", "-passout", "pass:x", "-out", "secret.key"])
        try await authority.openssl(["ec", "-in", "good.key", "-aes256", "-passout", "pass:x", "-out", "old.key"])
        try await authority.write("", to: "empty")
        try await authority.write("no PEM at all\n", to: "text")
        try await authority.write("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", to: "damaged")
        let rows: [(certificate: String, key: String, expected: [String])] = [
            ("\(place)/none", good.key, ["\(place)/none: ", "No such file", "path"]),
            (place, good.key, ["\(place): "]),
            ("\(place)/empty", good.key, ["\(place)/empty: no certificate"]),
            ("\(place)/text", good.key, ["\(place)/text: no certificate"]),
            (good.key, good.key, ["\(good.key): no certificate"]),
            ("\(place)/damaged", good.key, ["\(place)/damaged: certificate 1 is damaged"]),
            (good.certificate, "\(place)/none", ["\(place)/none: ", "No such file"]),
            (good.certificate, "\(place)/empty", ["\(place)/empty: no private key"]),
            (good.certificate, good.certificate, ["\(good.certificate): no private key"]),
            (good.certificate, "\(place)/secret.key", ["\(place)/secret.key: the key is encrypted", "openssl pkey"]),
            (good.certificate, "\(place)/old.key", ["\(place)/old.key: the key is encrypted"]),
            (good.certificate, other.key, ["\(other.key): the key does not belong", good.certificate]),
            (weak.certificate, weak.key, ["\(weak.certificate): the certificate cannot be used (ee key too small)"]),
        ]
        for (certificate, key, expected) in rows {
            let text = failure(TLSContext.Files(certificate: certificate, key: key))
            for part in expected { #expect(text.contains(part), "\(text)") }
            #expect(!text.isEmpty && !text.contains("\n"))
        }
    }

    @Test("a chain in the wrong order is found, with what to do")
    func order() async throws {
        let authority = try await CertificateAuthority()
        let good = try await authority.issue("good")
        let other = try await authority.issue("other")
        let now = time(nil)
        try await authority.concatenate(["authority.pem", "good.pem"], to: "reversed")
        let place = authority.directory.path
        let text = failure(TLSContext.Files(certificate: "\(place)/reversed", key: good.key))
        #expect(text.contains("it belongs to certificate 2 of the file: put that one first"), "\(text)")
        try await authority.concatenate(["good.pem", "authority.pem"], to: "right")
        let right = try TLSContext(TLSContext.Files(certificate: "\(place)/right", key: good.key))
        // It lasts for a day.
        #expect(right.problems(now: now).count == 1)
        try await authority.concatenate(["good.pem", "other.pem"], to: "foreign")
        let foreign = try TLSContext(TLSContext.Files(certificate: "\(place)/foreign", key: good.key))
        #expect(foreign.problems(now: now).last?.contains("certificate 2 has not signed certificate 1") == true)
        #expect(other.key != good.key)
    }

    @Test("certificates outside of their time are taken, and told about")
    func validity() async throws {
        let authority = try await CertificateAuthority()
        let pair = try await authority.issue("a", from: -10, to: 20)
        let context = try TLSContext(TLSContext.Files(certificate: pair.certificate, key: pair.key))
        let rows: [(at: Int, expected: String?)] = [
            (context.beginning - 2 * Self.day, "not valid for another 3 days"), (context.beginning, nil),
            (context.expiry - 14 * Self.day, nil), (context.expiry - 14 * Self.day + 1, "expires in 13 days"),
            (context.expiry - 1, "expires in 0 days"), (context.expiry, "expired 0 days ago"),
            (context.expiry + 5 * Self.day, "expired 5 days ago"),
        ]
        for (at, expected) in rows {
            let problems = context.problems(now: at)
            #expect(problems.count == (expected == nil ? 0 : 1))
            if let expected, let text = problems.first {
                #expect(text.hasPrefix(pair.certificate + ": ") && text.contains(expected), "\(text)")
            }
        }
    }

    @Test("what signs client certificates must be there if they are asked for")
    func authorities() async throws {
        let authority = try await CertificateAuthority()
        let pair = try await authority.issue("a")
        var files = TLSContext.Files(certificate: pair.certificate, key: pair.key, clientCertificates: .required)
        #expect(failure(files).contains("no file says who signs them"))
        files.clientCA = pair.key
        #expect(failure(files).hasPrefix("\(pair.key): no certificate"))
        files.clientCA = authority.certificate
        #expect(failure(files) == "")
        try await authority.concatenate(["authority.pem", "a.pem", "authority.pem"], to: "bundle")
        files.clientCA = authority.directory.path + "/bundle"
        #expect(failure(files) == "")
    }
}

extension CertificateAuthority {
    fileprivate func concatenate(_ names: [String], to target: String) async throws {
        let process = try ChildProcess(
            ["/bin/sh", "-c", "cd \"$0\" && cat \(names.joined(separator: " ")) > \(target)", directory.path],
            environment: ["PATH": "/usr/bin:/bin"])
        #expect(try await process.end() == .status(0))
    }
}
