import Glibc
import TestSupport
import Testing

@testable import stowage

/// The listener with TLS: what it shows, what it says of files it cannot use, and how it takes up new ones.
@Suite struct TLSServerTests {
    /// A server with both listeners, and the URL of the one with TLS.
    private struct Served {
        let server: ServerProcess
        let url: String
        let authority: CertificateAuthority

        /// Runs curl, which trusts the authority, with more arguments; returns what it wrote and how it ended.
        func curl(_ path: String, _ more: [String] = []) async throws -> ProcessRun {
            try await ProcessRun(
                ["curl", "--silent", "--show-error", "--max-time", "20", "--cacert", authority.certificate] + more
                    + [url + path])
        }
    }

    private func serve(
        _ certificate: String, _ key: String, _ authority: CertificateAuthority,
        _ body: (Served) async throws -> Void
    ) async throws {
        let options = ["--tls-listen", "127.0.0.1:0", "--tls-certificate", certificate, "--tls-key", key]
        try await withServerProcess(options) { server in
            try await eventually { server.process.output.lines.count == 4 }
            let line = try #require(server.process.output.lines.first { $0.contains("https://") })
            let url = String(try #require(line.split(separator: " ").last)).replacing("127.0.0.1", with: "localhost")
            try await body(Served(server: server, url: url, authority: authority))
        }
    }

    @Test func aClientThatTrustsTheAuthorityIsServed() async throws {
        let authority = try await CertificateAuthority()
        let pair = try await authority.issue("server")
        try await serve(pair.certificate, pair.key, authority) { served in
            let run = try await served.curl("/v2/", ["--include"])
            #expect(run.output.hasPrefix("HTTP/1.1 200") && run.output.hasSuffix("{}"), "\(run)")
            // Both listeners serve the same registry.
            let blob = Content(sampleBytes(3_000_000))
            try await served.server.client.push(blob, to: "app")
            let path = "/v2/app/blobs/\(blob.digest)"
            let size = try await served.curl(path, ["--output", "/dev/null", "--write-out", "%{size_download}"])
            #expect(size.output == "\(blob.bytes.count)")
            let lines = served.server.process.output.lines
            #expect(
                lines[3].contains("docker push \(served.url.dropFirst(8).replacing("localhost", with: "127.0.0.1"))/"))

            let metrics = try Exposition(try await served.server.client.expect(200, "GET", "/metrics").text)
            let expiry = metrics.value("stowage_tls_certificate_expiry_seconds")
            #expect(abs(expiry - Double(time(nil) + 86_400)) < 600)
            #expect(metrics.value("stowage_tls_handshake_failures_total") == 0)
            _ = try await ProcessRun(["curl", "--silent", "--max-time", "20", served.url])
            try await served.server.client.awaitMetric("stowage_tls_handshake_failures_total") { $0 == 1 }
        }
    }

    @Test func theTLSListenerMayBeTheOnlyOne() async throws {
        let authority = try await CertificateAuthority()
        let pair = try await authority.issue("server")
        let directory = try TemporaryDirectory()
        let process = try ChildProcess(
            [
                ServerProcess.binary, "serve", "--storage", directory.path, "--listen", "", "--tls-listen",
                "127.0.0.1:0", "--tls-certificate", pair.certificate, "--tls-key", pair.key,
            ], environment: ServerProcess.environment())
        try await eventually(timeout: patienceWithPrograms) { process.output.lines.count == 3 || process.ending != nil }
        #expect(
            process.output.lines.first?.contains(" listens on https://127.0.0.1:") == true, "\(process.errors.text)")
        process.send(SIGTERM)
        #expect(try await process.end() == .status(0))
    }

    // MARK: New files

    /// The serial number of the certificate that is shown.
    private func serial(_ served: Served) async throws -> String {
        let host = served.url.dropFirst("https://".count)
        let script = "openssl s_client -connect \(host) </dev/null 2>/dev/null | openssl x509 -noout -serial"
        return try await ProcessRun(["/bin/sh", "-c", script]).output
    }

    @Test func aNewPairIsShownAndABadOneIsSaidOnce() async throws {
        let authority = try await CertificateAuthority()
        let first = try await authority.issue("server")
        let second = try await authority.issue("second")
        try await serve(first.certificate, first.key, authority) { served in
            let log = served.server.process.errors
            let old = try await serial(served)
            // Only the certificate: the key does not fit.
            try await authority.openssl(["x509", "-in", second.certificate, "-out", first.certificate])
            try await served.server.logged("error the certificate has changed and cannot be used")
            #expect(try await serial(served) == old)
            #expect(try await served.curl("/v2/").output == "{}")
            try await authority.openssl(["pkey", "-in", second.key, "-out", first.key])
            try await served.server.logged("notice the certificate has changed and was read again")
            let new = try await serial(served)
            #expect(new != old && new.hasPrefix("serial="))
            #expect(log.lines.count { $0.contains("error the certificate") } == 1, "\(log.text)")
            #expect(log.lines.first { $0.contains("error the certificate") }?.contains(first.key) == true)
        }
    }

    /// The listeners are those of the start, so the access rules may not be only those of others.
    @Test func aReloadDoesNotOpenAListenerThatStays() async throws {
        let authority = try await CertificateAuthority()
        let pair = try await authority.issue("server")
        let tls = "tls: {listen: '0.0.0.0:0', certificate: \(pair.certificate), key: \(pair.key)"
        for closed in [
            "\(tls)}\naccess: {htpasswd: {file: '@/users'}}\n",
            "\(tls), clientCA: \(authority.certificate), clientCertificates: optional}\n",
        ] {
            let folder = try ConfigurationFolder(closed, ["users": SampleAccount.file])
            try await withServerProcess(["--config", folder.path]) { server in
                let upload = "/v2/app/blobs/uploads/"
                try await server.client.expect(401, "POST", upload, [], .counted([]))
                try folder.write("readOnly: false\n", to: "stowage.yaml")
                server.process.send(SIGHUP)
                try await eventually { server.process.errors.lines.contains { $0.contains("reloaded") } }
                try await server.client.expect(401, "POST", upload, [], .counted([]))
            }
        }
    }

    /// As a secret that Kubernetes mounts is replaced.
    @Test func alinkThatPointsToANewPairIsEnough() async throws {
        let authority = try await CertificateAuthority()
        let folder = authority.directory.path
        for name in ["one", "two"] {
            let pair = try await authority.issue(name)
            try #require(mkdir("\(folder)/..\(name)", 0o700) == 0)
            try #require(rename(pair.certificate, "\(folder)/..\(name)/tls.crt") == 0)
            try #require(rename(pair.key, "\(folder)/..\(name)/tls.key") == 0)
        }
        try #require(symlink("..one", "\(folder)/..data") == 0)
        for name in ["tls.crt", "tls.key"] { try #require(symlink("..data/\(name)", "\(folder)/\(name)") == 0) }
        try await serve("\(folder)/tls.crt", "\(folder)/tls.key", authority) { served in
            let old = try await serial(served)
            try #require(symlink("..two", "\(folder)/..data-new") == 0)
            try #require(rename("\(folder)/..data-new", "\(folder)/..data") == 0)
            try await served.server.logged("notice the certificate has changed and was read again")
            #expect(try await serial(served) != old)
        }
    }

    // MARK: Bad files

    /// What `serve` and `check-config` say of files they cannot use; `@` stands for the folder.
    @Test func whatCannotBeUsedIsASentenceBeforeTheSocketOpens() async throws {
        let authority = try await CertificateAuthority()
        let folder = authority.directory.path
        _ = try await authority.issue("good")
        _ = try await authority.issue("other")
        _ = try await authority.issue("old", from: -9, to: -3)
        let cases = [
            ("good.pem", "missing.key", "good.pem", "5: tls.key: @/missing.key: cannot be read"),
            (
                "good.pem", "other.key", "good.pem",
                "5: tls.key: @/other.key: the key does not belong to the certificate in @/good.pem"
            ),
            ("good.key", "good.key", "good.pem", "4: tls.certificate: @/good.key: no certificate in it"),
            ("good.pem", "good.pem", "good.pem", "5: tls.key: @/good.pem: no private key in it"),
            ("old.pem", "old.key", "good.pem", "4: tls.certificate: @/old.pem: the certificate expired"),
            ("good.pem", "good.key", "missing.pem", "6: tls.clientCA: @/missing.pem: cannot be read"),
            ("good.pem", "good.key", "good.key", "6: tls.clientCA: @/good.key: no certificate in it"),
        ]
        for (certificate, key, authority, complaint) in cases {
            let text = """
                listen: 127.0.0.1:0
                tls:
                  listen: 127.0.0.1:0
                  certificate: @/\(certificate)
                  key: @/\(key)
                  clientCA: @/\(authority)
                  clientCertificates: optional

                """
            let file = try TemporaryFile(text.replacing("@", with: folder))
            let sentence = "\(file.path):\(complaint.replacing("@", with: folder))"
            for arguments in [
                ["check-config", file.path], ["serve", "--storage", "\(folder)/data", "--config", file.path],
            ] {
                let run = try await ProgramRun(arguments)
                #expect(run.ending == .status(1) && run.output.isEmpty, "\(run)")
                #expect(run.errors.hasPrefix(sentence), "\(run.errors)")
                // One line that also says what to do.
                #expect(
                    run.errors.split(separator: "\n").count == 1 && run.errors.dropFirst(sentence.count).contains(":"))
            }
        }
    }
}
