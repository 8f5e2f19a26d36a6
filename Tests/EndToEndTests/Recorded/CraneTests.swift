import Testing

extension EndToEnd {
    /// crane (go-containerregistry): pings, POSTs with a Content-Type, PATCHes whole blobs.
    @Suite struct CraneTests {
        private let images = Layout.current
        private let manifestTypes = "Accept: " + Layout.manifestTypes.joined(separator: ",")

        @Test(arguments: ["app-1.1", "multi", "ref-on-ref"], Storage.tested)
        func pushesAndPulls(tag: String, storage: Storage) throws {
            try withRegistry(on: storage) { server, _ in
                let crane = client(of: server)
                try ping(crane)
                #expect(try manifestStatus(tag, crane) == 404)
                for blob in try images.blobs(of: tag) { try patchWhole(blob, crane) }
                let top = try images.manifest(tag)
                for manifest in try images.manifests(of: tag) {
                    let reference = manifest.digest == top.digest ? tag : manifest.digest
                    try crane.putManifest(manifest, of: images, to: "team/app", as: reference)
                }
                #expect(try manifestStatus(tag, crane) == 200)

                try ping(crane)
                let encoding = "Accept-Encoding: gzip"
                for manifest in try images.manifests(of: tag) {
                    let reference = manifest.digest == top.digest ? tag : manifest.digest
                    let fields = [manifestTypes, encoding]
                    try crane.expectManifest(manifest, of: images, in: "team/app", as: reference, fields)
                }
                for blob in try images.blobs(of: tag) {
                    try crane.expectBlob(blob, of: images, in: "team/app", [encoding])
                }
            }
        }

        @Test(arguments: Storage.tested)
        func mountsWithItsOrigin(storage: Storage) throws {
            try withRegistry(on: storage) { server, _ in
                let crane = client(of: server)
                try images.push("app-1.1", to: server, repository: "team/app")
                for blob in try images.blobs(of: "app-1.1") {
                    let digest = blob.digest.replacing(":", with: "%3A")
                    let origin = server.host.replacing(":", with: "%3A")
                    let query = "?from=team%2Fapp&mount=\(digest)&origin=\(origin)"
                    let answer = try crane.send(
                        "POST", "/v2/other/place/blobs/uploads/" + query, ["Content-Type: application/json"],
                        body: .bytes([]))
                    #expect(answer.status == 201)
                    #expect(answer["Location"]?.hasSuffix("/v2/other/place/blobs/\(blob.digest)") == true)
                }
            }
        }

        @Test(arguments: Storage.tested)
        func listsAndDeletesByTag(storage: Storage) throws {
            try withRegistry(on: storage) { server, _ in
                let crane = client(of: server)
                for tag in ["app-1.1", "app-1.2"] { try images.push(tag, to: server, repository: "team/app") }
                let tags = try crane.send("GET", "/v2/team/app/tags/list?n=1000", ["Accept-Encoding: gzip"])
                #expect(tags.status == 200)
                #expect(String(decoding: tags.body, as: UTF8.self).contains(#"["app-1.1","app-1.2"]"#))
                let catalog = try crane.send("GET", "/v2/_catalog?n=1000", ["Accept-Encoding: gzip"])
                #expect(catalog.status == 200)
                #expect(String(decoding: catalog.body, as: UTF8.self).contains(#"["team/app"]"#))

                #expect(try crane.send("DELETE", "/v2/team/app/manifests/app-1.1").status == 202)
                #expect(try manifestStatus("app-1.1", crane) == 404)
                #expect(try manifestStatus("app-1.2", crane) == 200)
                let digest = try images.manifest("app-1.1").digest
                #expect(try manifestStatus(digest, crane) == 200, "only the tag was to be deleted")
            }
        }

        private func ping(_ crane: ReplayedClient) throws {
            try crane.expectPlainAnswerToTLS()
            #expect(try crane.send("GET", "/v2/", ["Accept-Encoding: gzip"]).status == 200)
        }

        private func patchWhole(_ blob: Descriptor, _ crane: ReplayedClient) throws {
            #expect(try crane.send("HEAD", "/v2/team/app/blobs/\(blob.digest)").status == 404)
            let session = try crane.send(
                "POST", "/v2/team/app/blobs/uploads/", ["Content-Type: application/json"], body: .bytes([]))
            try #require(session.status == 202)
            let patched = try crane.send("PATCH", session.uploadTarget(), body: .bytes(images.bytes(blob)))
            try #require(patched.status == 202)
            #expect(patched["Range"] == "0-\(blob.size - 1)")
            let closed = try crane.send("PUT", patched.uploadTarget(digest: blob.digest), body: .bytes([]))
            #expect(closed.status == 201)
            #expect(closed["Docker-Content-Digest"] == blob.digest)
        }

        private func manifestStatus(_ reference: String, _ crane: ReplayedClient) throws -> Int {
            try crane.send("HEAD", "/v2/team/app/manifests/\(reference)", [manifestTypes]).status
        }

        private func client(of server: ServerProcess) -> ReplayedClient {
            ReplayedClient(server: server, userAgent: "crane/v0.20.7 go-containerregistry/v0.20.7")
        }
    }
}
