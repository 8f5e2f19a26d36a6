import Glibc
import OCI
import TestSupport
import Testing

extension Robustness {
    /// A directory without room, or that cannot be written to: writes fail clearly, reads go on, nothing is lost.
    @Suite(.enabled("\(PrivateMount.requirement)") { try await PrivateMount.isAvailable() })
    struct StoreFaultTests {
        private func withFileSystem(_ size: String, _ body: (ServerProcess) async throws -> Void) async throws {
            let directory = try TemporaryDirectory()
            let server = try await ServerProcess(
                storage: directory.path, binary: Robustness.binary,
                wrapper: PrivateMount.wrapper(directory.path, size: size))
            try await body(server)
            #expect(try await server.stop() == .status(0))
        }

        private enum Form: CaseIterable {
            case post, put, patch, chunkedPatch
        }

        /// The answer to the request with the blob's bytes.
        private func push(_ blob: Content, _ form: Form, _ client: RegistryClient) async throws -> Reply {
            if form == .post {
                return try await client.send(
                    "POST", "/v2/app/blobs/uploads/?digest=\(blob.digest)", [], .counted(blob.bytes))
            }
            let location = try await client.startUpload("app")
            switch form {
            case .put: return try await client.send("PUT", location.closing(blob.digest), [], .counted(blob.bytes))
            case .patch: return try await client.send("PATCH", location, [], .counted(blob.bytes))
            default: return try await client.send("PATCH", location, [], .chunked(blob.bytes))
            }
        }

        private func expectFull(_ reply: Reply, sourceLocation: SourceLocation = #_sourceLocation) {
            #expect(reply.status == 507, sourceLocation: sourceLocation)
            #expect(reply.text.contains("\"errors\"") && reply.text.contains("full"), sourceLocation: sourceLocation)
        }

        @Test func withoutRoomNothingIsLostAndItGoesOnWhenThereIsSome() async throws {
            try await withFileSystem("24m") { server in
                let client = server.client
                let kept = Content(sampleBytes(6 << 20))
                let manifest = Content.manifest(config: kept, layers: [], note: "kept")
                try await client.push(kept, to: "app")
                try await client.push(manifest: manifest, as: "latest", to: "app")
                let room = PrivateMount.room(server)

                let large = Content(sampleBytes(20 << 20, seed: 1))
                for form in Form.allCases {
                    expectFull(try await push(large, form, client))
                    try await client.expect(404, "HEAD", "/v2/app/blobs/\(large.digest)")
                    // What was written of it goes.
                    try await eventually { PrivateMount.room(server) == room }
                }
                PrivateMount.fill(server, "junk")
                expectFull(try await push(Content("small"), .post, client))
                let next = Content.manifest(config: kept, layers: [], note: "next")
                let type = [("Content-Type", Content.manifestType)]
                for target in ["latest", next.digest.string, "other"] {
                    expectFull(try await client.send("PUT", "/v2/app/manifests/\(target)", type, .counted(next.bytes)))
                }
                let unready = try await client.ask("/readyz") { $0.status == 503 }
                #expect(unready.text.contains("full"))
                try await Self.expectKept(client, kept, manifest)

                try #require(unlink(PrivateMount.path(server, "junk")) == 0)
                for form in [Form.post, .put] {
                    #expect(try await push(Content(sampleBytes(1 << 20, seed: 2)), form, client).status == 201)
                }
                try await client.push(manifest: next, as: "latest", to: "app")
                try await client.ask("/readyz") { $0.status == 200 }
                #expect(try await client.has(manifest: next, as: "latest", in: "app"))
                #expect(try await client.has(manifest: manifest, in: "app"))
            }
        }

        @Test func anUploadGoesOnAfterTheStoreWasFull() async throws {
            try await withFileSystem("24m") { server in
                let client = server.client
                let content = Content(sampleBytes(8 << 20))
                let half = content.bytes.count / 2
                var location = try await client.startUpload("app")
                let first = try await client.expect(202, "PATCH", location, [], .chunked(Array(content.bytes[..<half])))
                location = try #require(first["Location"])
                PrivateMount.fill(server, "junk")
                let rest = Array(content.bytes[half...])
                expectFull(try await client.send("PATCH", location, [], .chunked(rest)))
                expectFull(try await client.send("PUT", location.closing(content.digest), [], .counted(rest)))
                let status = try await client.expect(204, "GET", location)
                #expect(status["Range"] == "0-\(half - 1)")
                try #require(unlink(PrivateMount.path(server, "junk")) == 0)
                let target = try #require(status["Location"])
                try await client.expect(201, "PUT", target.closing(content.digest), [], .counted(rest))
                #expect(try await client.has(content, in: "app"))
            }
        }

        @Test func whatCannotBeWrittenToIsStillRead() async throws {
            try await withFileSystem("64m") { server in
                let client = server.client
                let kept = Content(sampleBytes(300_000))
                let manifest = Content.manifest(config: kept, layers: [], note: "kept")
                try await client.push(kept, to: "app")
                try await client.push(manifest: manifest, as: "latest", to: "app")
                let half = try await client.expect(
                    202, "PATCH", try await client.startUpload("app"), [], .chunked(Array(kept.bytes[..<1000])))
                let location = try #require(half["Location"])
                try await PrivateMount.remount(server, "ro")

                for form in Form.allCases {
                    let reply = try await push(Content("new"), form, client)
                    #expect(reply.status == 503 && reply.text.contains("\"errors\""))
                    // The reason is in the log; a client is not told paths.
                    #expect(!reply.text.contains(server.storage))
                }
                let type = [("Content-Type", Content.manifestType)]
                let other = Content.manifest(config: kept, layers: [], note: "other")
                try await client.expect(503, "PUT", "/v2/app/manifests/latest", type, .counted(other.bytes))
                try await client.expect(503, "DELETE", "/v2/app/manifests/latest")
                try await client.expect(503, "DELETE", "/v2/app/blobs/\(kept.digest)")
                try await client.expect(
                    503, "PUT", location.closing(kept.digest), [], .counted(Array(kept.bytes[1000...])))
                try await server.logged("Read-only file system")
                let unready = try await client.ask("/readyz") { $0.status == 503 }
                #expect(unready.text.contains("Read-only file system"))
                try await Self.expectKept(client, kept, manifest)
                try await client.expect(200, "GET", "/v2/app/tags/list")

                try await PrivateMount.remount(server, "rw")
                try await client.ask("/readyz") { $0.status == 200 }
                try await client.expect(
                    201, "PUT", location.closing(kept.digest), [], .counted(Array(kept.bytes[1000...])))
                try await client.push(manifest: other, as: "latest", to: "app")
                #expect(try await client.has(manifest: other, as: "latest", in: "app"))
            }
        }

        // MARK: -

        private static func expectKept(_ client: RegistryClient, _ blob: Content, _ manifest: Content) async throws {
            #expect(try await client.has(blob, in: "app"))
            #expect(try await client.has(manifest: manifest, as: "latest", in: "app"))
            #expect(try await client.has(manifest: manifest, in: "app"))
        }
    }
}
