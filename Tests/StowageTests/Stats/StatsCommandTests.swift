import Foundation
import TestSupport
import Testing

@testable import stowage

/// `stowage stats` and `GET /api/v1/stats` of the built program.
@Suite struct StatsCommandTests {
    private let config = Content("{}")
    private let base = Content([UInt8](repeating: 7, count: 100_000))

    /// Two repositories with one layer in common.
    private func fill(_ client: RegistryClient) async throws {
        for name in ["one", "team/two"] {
            for blob in [config, base] { try await client.push(blob, to: name) }
            try await client.push(manifest: .manifest(config: config, layers: [base], note: name), as: "v1", to: name)
        }
    }

    private func checkFigures(_ report: StatisticsReport) {
        #expect(report.images == 2)
        #expect(report.tags == 2)
        #expect(report.logicalBytes == 200_004)
        #expect(report.storedBytes == 100_002)
        #expect(report.savedPercent == 50)
        #expect(Set(report.largestRepositories.map(\.name)) == ["one", "team/two"])
    }

    @Test func theCommandCountsADirectory() async throws {
        try await withServerProcess { server in
            try await fill(server.client)
            let json = try await ProgramRun(["stats", "--storage", server.storage, "--output", "json", "--layers"])
            #expect(json.ending == .status(0))
            let report = try JSONDecoder().decode(StatisticsReport.self, from: Data(json.output.utf8))
            checkFigures(report)
            #expect(report.layers?.mostShared.first?.users == ["one:v1", "team/two:v1"])
            let text = try await ProgramRun(["stats", "--storage", server.storage])
            #expect(text.ending == .status(0))
            #expect(text.output.contains("50.0 %"))
        }
    }

    @Test func theServerAnswersTheSameNumbers() async throws {
        try await withServerProcess { server in
            try await fill(server.client)
            let reply = try await server.client.ask("/api/v1/stats") { $0.status == 200 }
            checkFigures(try JSONDecoder().decode(StatisticsReport.self, from: Data(reply.text.utf8)))
            #expect(try await server.client.expect(405, "POST", "/api/v1/stats")["Allow"] == "GET, HEAD")
        }
    }

    @Test func aDirectoryThatIsNotThereIsNotMade() async throws {
        let directory = try TemporaryDirectory()
        let run = try await ProgramRun(["stats", "--storage", "\(directory.path)/none"])
        #expect(run.ending == .status(1) && run.errors.contains("\(directory.path)/none") && run.output.isEmpty)
        #expect(access("\(directory.path)/none", F_OK) != 0)
    }
}
