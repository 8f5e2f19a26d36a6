import HTTPServer
import OpenSSL
import TestSupport
import Testing

@Suite("Client certificates", .serialized, .timeLimit(.minutes(1)))
struct TLSClientCertificateTests {
    /// A server's pair, and what signs its clients' certificates.
    private func files(_ mode: TLSContext.ClientCertificates) async throws -> (TLSContext.Files, CertificateAuthority) {
        let pair = try await EngineCertificate.shared.pair().pair
        let authority = try await CertificateAuthority("Clients")
        let files = TLSContext.Files(
            certificate: pair.certificate, key: pair.key, clientCA: authority.certificate, clientCertificates: mode)
        return (files, authority)
    }

    @Test("not asked for, not looked at")
    func notAsked() async throws {
        let (files, authority) = try await files(.none)
        let pair = try await authority.issue("client", subject: "/CN=alice")
        try await withEngine(over: .tls, files: files) { engine in
            let client = try engine.client { $0.present(pair) }
            #expect(try client.request("GET", "/name").text == "nobody secure")
        }
    }

    @Test("optional: the name it proves, or nobody", arguments: [0x0303, 0x0304] as [CInt])
    func optional(_ version: CInt) async throws {
        let (files, authority) = try await files(.optional)
        let named: [(subject: String, names: String, expected: String)] = [
            ("/CN=alice", "DNS:other", "alice"), ("/O=Team/CN=Bj\u{f6}rn", "", "Bj\u{f6}rn"),
            ("/O=Team", "IP:10.0.0.1,DNS:node-1.example,DNS:b", "node-1.example"),
            ("/O=Team", "URI:spiffe://example/ns/a", "spiffe://example/ns/a"),
            ("/O=Team", "email:a@example.org", "a@example.org"), ("/O=Team", "", "nobody"),
        ]
        var pairs: [(CertificatePair, String)] = []
        for (place, row) in named.enumerated() {
            let pair = try await authority.issue("client-\(place)", subject: row.subject, names: row.names)
            pairs.append((pair, row.expected))
        }
        try await withEngine(over: .tls, files: files) { [pairs] engine in
            let nobody = try engine.client { $0.version = version }
            #expect(try nobody.request("GET", "/name").text == "nobody secure")
            for (pair, expected) in pairs {
                let client = try engine.client {
                    $0.version = version
                    $0.present(pair)
                }
                #expect(try client.request("GET", "/name").text == "\(expected) secure")
                // A resumed session has the same name.
                let again = try engine.client {
                    $0.version = version
                    $0.ticket = client.ticket
                }
                #expect(again.isResumed)
                #expect(try again.request("GET", "/name").text == "\(expected) secure")
            }
            #expect(engine.handshakes.value.isEmpty)
        }
    }

    @Test("required: without one there is no connection", arguments: [0x0303, 0x0304] as [CInt])
    func required(_ version: CInt) async throws {
        let (files, authority) = try await files(.required)
        let good = try await authority.issue("client", subject: "/CN=alice")
        try await withEngine(over: .tls, files: files) { engine in
            let client = try engine.client {
                $0.version = version
                $0.present(good)
            }
            #expect(try client.request("GET", "/name").text == "alice secure")
            #expect(throws: RawHTTPError.self) {
                try engine.client { $0.version = version }.request("GET", "/hello")
            }
            try await eventually { engine.handshakes.value == ["peer did not return a certificate"] }
            #expect(engine.exchanges.value.count == 1)
        }
    }

    @Test("one that another authority signed, or that has expired, is refused, also where none is needed")
    func wrong() async throws {
        let (files, authority) = try await files(.optional)
        let foreigners = try await CertificateAuthority("Foreign")
        defer { withExtendedLifetime(foreigners) {} }
        let foreign = try await foreigners.issue("client", subject: "/CN=alice")
        let expired = try await authority.issue("expired", subject: "/CN=alice", from: -9, to: -2)
        let early = try await authority.issue("early", subject: "/CN=alice", from: 2, to: 9)
        try await withEngine(over: .tls, files: files) { engine in
            for (pair, reason) in [
                (foreign, "unable to get local issuer certificate"), (expired, "certificate has expired"),
                (early, "certificate is not yet valid"),
            ] {
                let count = engine.handshakes.value.count
                #expect(throws: RawHTTPError.self) { try engine.client { $0.present(pair) }.request("GET", "/hello") }
                try await eventually { engine.handshakes.value.count == count + 1 }
                #expect(engine.handshakes.value.last == "certificate verify failed: \(reason)")
            }
            #expect(engine.exchanges.value.isEmpty)
        }
    }
}

extension TLSClientSettings {
    fileprivate mutating func present(_ pair: CertificatePair) {
        (certificate, key) = (pair.certificate, pair.key)
    }
}
