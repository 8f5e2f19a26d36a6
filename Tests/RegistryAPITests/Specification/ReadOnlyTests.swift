import OCI
import TestSupport
import Testing

@Suite("Read-only mode (the distribution row on delete.enabled, for every write route)")
struct ReadOnlyTests {
    @Test("every write is 405 UNSUPPORTED and changes nothing; every read works", arguments: StoreKind.allCases)
    func readOnly(kind: StoreKind) async throws {
        let store = try TestStore(kind)
        let image = Content.image(1)
        let location = try await withServer(on: store) { server in
            try await server.client.pushImage(1, to: "r", tag: "latest")
            return try await server.client.startUpload("r")
        }
        let before = try await store.reopened().keys()
        var settings = TestServer.Settings()
        settings.readOnly = true
        try await withServer(on: store, settings) { server in
            let digest = Content.emptyJSON.digest
            let writes = [
                ("POST", "/v2/r/blobs/uploads/"), ("POST", "/v2/r/blobs/uploads/?digest=\(digest)"),
                ("POST", "/v2/other/blobs/uploads/?mount=\(digest)&from=r"), ("PATCH", location), ("DELETE", location),
                ("PUT", location.closing(digest)), ("PUT", "/v2/r/manifests/latest"),
                ("PUT", "/v2/r/manifests/\(image.digest)?tag=v2"), ("DELETE", "/v2/r/manifests/latest"),
                ("DELETE", "/v2/r/manifests/\(image.digest)"), ("DELETE", "/v2/r/blobs/\(digest)"), ("POST", "/v2/"),
            ]
            for (method, target) in writes {
                let reply = try await server.client.send(
                    method, target, [("Content-Type", MediaType.ociManifest.string)], .counted(image.bytes))
                #expect(reply.status == 405)
                #expect(reply.codes == ["UNSUPPORTED"])
                #expect(reply["Allow"] == "GET, HEAD")
            }
            for target in [
                "/v2/", "/v2/_catalog", "/v2/r/tags/list", "/v2/r/manifests/latest", "/v2/r/blobs/\(digest)",
                "/v2/r/manifests/\(image.digest)", "/v2/r/referrers/\(digest)",
            ] {
                #expect(try await server.client.get(target).status == 200)
                #expect(try await server.client.head(target).status == 200)
            }
        }
        #expect(try await store.reopened().keys() == before)
    }

    @Test("a read-only server starts on an empty store and leaves it empty", arguments: StoreKind.allCases)
    func empty(kind: StoreKind) async throws {
        var settings = TestServer.Settings()
        settings.readOnly = true
        try await withServer(on: kind, settings) { server in
            let catalog = try await server.client.get("/v2/_catalog")
            #expect(catalog.text == #"{"repositories":[]}"#)
            #expect(try await server.store.keys().isEmpty)
        }
    }
}
