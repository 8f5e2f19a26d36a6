import Foundation
import TestSupport
import Testing

/// What interrupted clients and processes left behind goes when it is old, and not before.
@Suite struct JanitorTests {
    /// A directory with two uploads and two temporary files, one of each two minutes old.
    private struct Left {
        let directory: TemporaryDirectory
        let old: String
        let young: String
        let oldFile: String
        let youngFile: String

        init() async throws {
            directory = try TemporaryDirectory()
            let server = try await ServerProcess(storage: directory.path)
            var locations: [String] = []
            for _ in 0..<2 {
                let location = try await server.client.startUpload("app")
                // A piece: what is streamed goes to its blob's key at once.
                let reply = try await server.client.expect(
                    202, "PATCH", location, [("Content-Range", "0-3")], .counted(Array("half".utf8)))
                locations.append(try #require(reply["Location"]))
                if locations.count == 1 { Self.age("\(directory.path)/registry/_uploads") }
            }
            (old, young) = (locations[0], locations[1])
            (oldFile, youngFile) = ("\(directory.path)/.stowage/tmp/old", "\(directory.path)/.stowage/tmp/young")
            for file in [oldFile, youngFile] { try Data("bytes".utf8).write(to: URL(filePath: file)) }
            Self.age(oldFile)
            try await server.crash()
        }

        /// Moves the times of everything at a path into the past.
        private static func age(_ path: String) {
            let below = (FileManager.default.subpaths(atPath: path) ?? []).map { "\(path)/\($0)" }
            let now = time(nil)
            for file in below + [path] {
                let past = [timeval(tv_sec: now - 120, tv_usec: 0), timeval(tv_sec: now - 120, tv_usec: 0)]
                utimes(file, past)
            }
        }

        var hasOldFile: Bool { access(oldFile, F_OK) == 0 }
        var hasYoungFile: Bool { access(youngFile, F_OK) == 0 }
    }

    @Test func whatIsOldGoes() async throws {
        let left = try await Left()
        let server = try await ServerProcess(
            storage: left.directory.path, environment: ["STOWAGE_UPLOADS_MAXIMUM_AGE": "1m"])
        try await server.logged("info removed 1 abandoned uploads")
        try await eventually { !left.hasOldFile }
        #expect(left.hasYoungFile)
        try await server.client.expect(404, "GET", left.old)
        #expect(try await server.client.expect(204, "GET", left.young)["Range"] == "0-3")
        #expect(try await server.stop() == .status(0))
    }

    @Test func nothingGoesBeforeItsTime() async throws {
        let left = try await Left()
        let server = try await ServerProcess(
            storage: left.directory.path, environment: ["STOWAGE_UPLOADS_MAXIMUM_AGE": "10m"])
        // It looks at all uploads when it starts.
        let labels = ["operation": "list", "result": "ok"]
        try await server.client.awaitMetric("stowage_store_operations_total", labels) { $0 > 0 }
        for location in [left.old, left.young] {
            #expect(try await server.client.expect(204, "GET", location)["Range"] == "0-3")
        }
        #expect(try await server.stop() == .status(0))
        #expect(left.hasOldFile && left.hasYoungFile)
    }

    @Test func aReadOnlyServerRemovesNothing() async throws {
        let left = try await Left()
        let server = try await ServerProcess(
            storage: left.directory.path,
            environment: ["STOWAGE_UPLOADS_MAXIMUM_AGE": "1m", "STOWAGE_READ_ONLY": "true"])
        try await server.client.expect(200, "GET", "/v2/_catalog")
        #expect(try await server.stop() == .status(0))
        #expect(left.hasOldFile && left.hasYoungFile)
        let uploads = FileManager.default.subpaths(atPath: "\(left.directory.path)/registry/_uploads") ?? []
        #expect(uploads.count == 4)
    }
}
