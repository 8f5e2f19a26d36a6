import Access
import Foundation
import OCI
import RegistryAPI
import TestSupport
import Testing

@Suite("Every identity, credential, route and repository: decided as the rules say", .timeLimit(.minutes(2)))
struct RouteTableTests {
    /// Repositories that are there, and beside each one that is not.
    private static let pairs = [("team/app", "team/none"), ("secret/x", "secret/none"), ("public/base", "public/none")]
    private static let others = ["team-evil/app", "team/app/sub"]

    private func fill(_ server: TestServer) async throws -> Content {
        let client = server.client
        server.handler.settings.access = nil
        var last = Content.emptyJSON
        for name in Self.pairs.map(\.0) + Self.others {
            for tag in ["v1", "dev-1", "release-1"] { last = try await client.pushImage(1, to: name, tag: tag) }
        }
        return last
    }

    @Test(arguments: [StoreKind.memory, .directory])
    func table(_ kind: StoreKind) async throws {
        let fixture = try AccessFixture(try TableRules.policy())
        try await fixture.serve(on: kind) { (server) async throws in
            let content = try await fill(server)
            server.handler.settings.access = fixture.controller
            let before = try await server.store.keys()
            var rows = 0
            var refused: [String: Shown] = [:]
            for name in Self.pairs.flatMap({ [$0.0, $0.1] }) + Self.others {
                for (index, shower) in try await Shower.all(fixture, in: name).enumerated() {
                    for probe in Probe.all(in: name, manifest: content.digest, blob: Content.emptyJSON.digest) {
                        rows += 1
                        let reply = try await server.client.send(
                            probe.method, probe.target, probe.fields + shower.fields, .counted(probe.body))
                        let actual = [401, 403].contains(reply.status) ? reply.status : 0
                        let row = "\(index) \(probe.method) \(probe.target)"
                        #expect(actual == shower.expected(probe, in: name), "\(shower) \(row): \(reply.status)")
                        if shower.isRefused(probe, in: name) { refused[row] = Shown(reply, without: name) }
                    }
                }
            }
            #expect(try await server.store.keys() == before)
            #expect(rows > 8_000)
            expectIndistinguishable(refused)
        }
    }

    /// What the rules refuse in a repository that is there is refused in the same words in one that is not.
    private func expectIndistinguishable(_ refused: [String: Shown]) {
        var compared = 0
        for (there, missing) in Self.pairs {
            for (row, shown) in refused where row.contains("/v2/\(there)/") {
                guard let other = refused[row.replacingOccurrences(of: "/v2/\(there)/", with: "/v2/\(missing)/")] else {
                    continue
                }
                #expect(shown == other, "\(row)")
                compared += 1
            }
        }
        #expect(compared > 1_500)
    }
}
